"""What others wrote is read, and what is written for others says the same when it is read again."""

import json

import pytest

from gazal.core.example import Lineage
from gazal.curate.build import Rules, build
from gazal.curate.checks import Limits
from gazal.curate.formats import LAYOUTS, read_examples, write_layouts, write_parquet
from gazal.curate.incoming import read_file, read_world
from gazal.curate.strata import list_strata, read_caps
from gazal.errors import ConfigError, DataError

KINDS = ("diagnosis", "treatment", "uncertainty", "prognosis")
ROWS = [
    {"question": f"Which of the {n} is it?", "options": ["this", "that"], "answer": "that",
     "reasoning": "One thing holds.\nAnother follows."}
    for n in range(5)
]  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "set"
    path.mkdir()
    list(build(read_world(24, KINDS, 0), Rules(limits=Limits()), None, path))
    return path


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_set_written_in_a_layout_reads_as_the_same_questions_and_answers(folder, layout):
    write_layouts(folder, [layout])
    before = list(read_examples(folder))
    after = [row.example for row in read_file(folder / f"examples.{layout}.jsonl", "MIT")]
    assert len(before) == len(after) > 20
    for old, new in zip(before, after, strict=True):
        assert new is not None
        key = old.case.options.get(old.case.answer, old.case.answer)
        assert new.case.options.get(new.case.answer, new.case.answer).rstrip(".") == key.rstrip(".")
        assert new.trace.reply.steps == old.trace.reply.steps
        assert dict(new.case.options) == dict(old.case.options)


def test_parquet_is_read_as_lines_are(folder, tmp_path):
    pq, pa = pytest.importorskip("pyarrow.parquet"), pytest.importorskip("pyarrow")
    file = tmp_path / "theirs.parquet"
    pq.write_table(pa.Table.from_pylist(ROWS), file)
    rows = list(read_file(file, "MIT"))
    assert [row.example.case.answer for row in rows if row.example] == ["B"] * 5
    assert rows[2].where == f"{file}, row 3"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(DataError, match="cannot be read as parquet"):
        list(read_file(file, "MIT"))
    own = [row.example for row in read_file(write_parquet(folder), "MIT")]
    assert len(own) == len(list(read_examples(folder))) and all(own)


def test_a_folder_that_datasets_saved_is_read(tmp_path):
    datasets = pytest.importorskip("datasets")
    rows = [*ROWS, {"question": "And?", "options": None, "answer": None, "reasoning": None}]
    datasets.DatasetDict({"train": datasets.Dataset.from_list(rows)}).save_to_disk(tmp_path / "saved")
    found = list(read_file(tmp_path / "saved", "MIT"))
    assert [row.reason for row in found] == [""] * 5 + ["wrong_type"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"holds no \.arrow"):
        list(read_file(tmp_path / "empty", "MIT"))


def test_what_was_said_before_the_last_question_is_its_context(tmp_path):
    turns = [
        ("system", "Be brief."),
        ("user", "I cough."),
        ("assistant", "<think>\nhm\n</think>\nSince when?"),
    ]
    turns += [("user", "A week. What is it?\nA. a cold\nB. asthma"), ("assistant", "It began lately.\nSo: A")]
    row = {"messages": [{"role": role, "content": content} for role, content in turns]}
    (tmp_path / "chat.jsonl").write_text(json.dumps(row))
    (found,) = read_file(tmp_path / "chat.jsonl", "MIT")
    assert found.example is None and found.reason == "no_key"  # "So: A" is no statement of an option.
    row["messages"][-1]["content"] = "<think>\nIt began lately.\nNothing else is told.\n</think>\n\nA. a cold"
    (tmp_path / "chat.jsonl").write_text(json.dumps(row))
    (found,) = read_file(tmp_path / "chat.jsonl", "MIT")
    assert found.example is not None
    case = found.example.case
    assert (case.context, case.question) == (
        "User: I cough.\n\nAssistant: Since when?",
        "A week. What is it?",
    )
    assert case.answer == "A" and dict(case.options) == {"A": "a cold", "B": "asthma"}


def test_no_stratum_gets_more_than_its_cap_also_when_stopped(tmp_path):
    rules = Rules(limits=Limits(), caps=read_caps(["kind=3", "kind:diagnosis=5", "difficulty:hard=0"]))
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    for path in (whole, halves):
        path.mkdir()
    rows = list(read_world(60, KINDS, 0))
    list(build(iter(rows), rules, None, whole))
    list(build(iter(rows[:17]), rules, None, halves))
    list(build(iter(rows), rules, None, halves))
    assert (whole / "examples.jsonl").read_bytes() == (halves / "examples.jsonl").read_bytes()
    strata = [list_strata(example) for example in read_examples(whole)]
    counts = {kind: sum(s["kind"] == f"kind:{kind}" for s in strata) for kind in KINDS}
    assert counts == {"diagnosis": 5, "treatment": 3, "uncertainty": 3, "prognosis": 3}
    assert not any(s["difficulty"] == "difficulty:hard" for s in strata)
    assert '"reason": "enough", "what": "kind:treatment has its 3"' in (whole / "dropped.jsonl").read_text()


@pytest.mark.parametrize("word", ["kind", "kind=", "kind=-1", "colour=3", "kind:=3", "kind:a=x"])
def test_a_cap_that_says_nothing_is_refused(word):
    with pytest.raises(ConfigError, match="--cap"):
        read_caps([word])


def test_a_source_is_a_stratum():
    example = next(iter(read_world(1, KINDS, 0))).example
    assert example is not None and isinstance(example.lineage, Lineage)
    assert list_strata(example)["source"] == "source:world"
