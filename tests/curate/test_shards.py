"""A set that is built in parts is the set that is built in one, but for the order."""

import json

import pytest

from gazal.core.example import write_example
from gazal.curate.build import Rules, build
from gazal.curate.checks import Limits
from gazal.curate.incoming import read_file, read_world
from gazal.curate.shards import DONE, Rows, Shards, build_shard, merge_shards
from gazal.errors import DataError

KINDS = ("diagnosis", "treatment", "uncertainty", "prognosis")
RULES = Rules(limits=Limits())


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def file(tmp_path):
    """Thirty rows, three of them broken, ten of them a second time at the end."""
    rows = [write_example(row.example) for row in read_world(27, KINDS, 0) if row.example] + [b"{"] * 3
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"\n".join(rows + rows[:10]) + b"\n")
    return path


def make(tmp_path, file, **more):
    return Shards(folder=tmp_path / "parts", rows=Rows(files=(file,), **more), rules=RULES)


@pytest.mark.parametrize("n", [1, 3, 7])
def test_parts_make_the_set_of_one_pass(tmp_path, file, n):
    whole = tmp_path / "whole"
    whole.mkdir()
    list(build(read_file(file, "unknown"), RULES, None, whole))
    shards = make(tmp_path, file)
    for rank in range(n):
        build_shard(shards, rank, n)
    assert [done for done, _ in merge_shards(shards, n, tmp_path)] == list(range(1, n + 1))
    one, parts = ({row["id"] for row in read(path / "examples.jsonl")} for path in (whole, tmp_path))
    assert one == parts and len(read(tmp_path / "examples.jsonl")) == len(one)
    reasons = [sorted(row["reason"] for row in read(path / "dropped.jsonl")) for path in (whole, tmp_path)]
    assert reasons[0] == reasons[1] and reasons[0].count("exact_duplicate") == 10


def test_a_part_that_is_there_is_not_built_again_and_one_that_is_missing_is_told(tmp_path, file):
    shards = make(tmp_path, file, world=6)
    build_shard(shards, 0, 2)
    assert len(read(tmp_path / "parts" / "00000" / "examples.jsonl")) > 10
    before = (tmp_path / "parts" / "00000" / DONE).stat().st_mtime_ns
    build_shard(shards, 0, 2)
    assert (tmp_path / "parts" / "00000" / DONE).stat().st_mtime_ns == before
    with pytest.raises(DataError, match=r"00001: this part was not built to its end \(1 of 2\)"):
        list(merge_shards(shards, 2, tmp_path))
