"""Replies are kept as they come, so that nothing is asked twice."""

import pytest
from tiny_models import make_model, make_tokenizer

from gazal.config.sampling import Sampling
from gazal.core.case import Case
from gazal.core.store import read_traces
from gazal.engine.local import LocalEngine
from gazal.errors import DataError
from gazal.evaluate.run import How, collect_replies

SAMPLING = Sampling(temperature=1.0, max_new_tokens=6, batch_size=2)
CASES = [
    Case(
        id=f"small/test/{n}",
        kind="exam",
        question="Which?" + " Say." * n,
        options={"A": "this", "B": "that"},
        answer="A",
        licence="Apache-2.0",
    )
    for n in range(5)
]


class Counting(LocalEngine):
    """A real engine that notes what it was asked."""

    def stream(self, requests, sampling, seed):
        self.asked = [request.case_id for request in requests]
        yield from super().stream(requests, sampling, seed)


@pytest.fixture
def engine():
    return Counting(make_model(max_position_embeddings=1024), make_tokenizer(), name="tiny")


def collect(engine, path, n=None, seed=0):
    replies = collect_replies(engine, CASES, How(sampling=SAMPLING, seed=seed), path)
    found = [reply for _, reply in zip(range(99 if n is None else n), replies, strict=False)]
    replies.close()
    return found


def test_every_case_gets_one_reply_in_their_order(engine, tmp_path):
    path = tmp_path / "replies.jsonl"
    found = collect(engine, path)
    kept = read_traces(path)
    assert [trace.case_id for trace in kept] == [case.id for case in CASES]
    assert sorted(found, key=lambda trace: trace.case_id) == kept
    assert len({trace.text for trace in kept}) > 1 and [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("n", [1, 2, 4])
@pytest.mark.parametrize("torn", [False, True])
def test_it_goes_on_where_it_stopped_and_asks_none_twice(engine, tmp_path, n, torn):
    whole, path = tmp_path / "whole.jsonl", tmp_path / "replies.jsonl"
    collect(engine, whole)
    first = collect(engine, path, n)
    part = tmp_path / "replies.jsonl.part"
    assert not path.exists() and len(read_traces(part)) == n
    if torn:
        part.write_bytes(part.read_bytes()[:-7])
    again = collect(engine, path)
    done = [trace.case_id for trace in (first[:-1] if torn else first)]
    assert sorted(engine.asked + done) == [case.id for case in CASES]
    assert [trace.case_id for trace in again[: len(done)]] == done and len(again) == 5
    assert path.read_bytes() == whole.read_bytes() and not part.exists()


def test_replies_to_other_cases_are_not_taken(engine, tmp_path):
    path = tmp_path / "replies.jsonl"
    part = tmp_path / "replies.jsonl.part"
    part.write_text('{"case_id": "other/test/1", "text": "x"}\n')
    assert len(collect(engine, path)) == 5 and len(engine.asked) == 5


def test_a_folder_that_is_gone_is_an_error_that_says_what_to_do(engine, tmp_path):
    with pytest.raises(DataError, match=r"cannot be written .* Make room, then run the same command again"):
        collect(engine, tmp_path / "gone" / "replies.jsonl")
