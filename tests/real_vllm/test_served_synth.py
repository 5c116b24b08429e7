"""``gazal synth`` with a teacher that real vLLM serves: each request once, whole or word by word."""

import json

import pytest
from typer.testing import CliRunner

pytest.importorskip("vllm", reason="make test-vllm installs it")

from test_server import start, stop

from gazal.cli.main import app
from gazal.core.case import Case
from gazal.core.store import write_cases

N, SAMPLES = 6, 2


def read_ledger(folder):
    path = next(folder.parent.glob(f"{folder.name}*/ledger.jsonl"))
    return [json.loads(line) for line in path.read_text().splitlines()]


def write_questions(path):
    options = {"A": "this", "B": "that"}
    made = [
        Case(
            id=f"own/train/{n}",
            kind="exam",
            question=f"Which of the two is it, in round {n}?",
            options=options,
            answer="AB"[n % 2],
            licence="MIT",
        )
        for n in range(N)
    ]
    write_cases(path, made)
    return path


def test_a_teacher_behind_vllm_is_asked_once_whole_and_in_pieces(base, tmp_path):
    server, address = start(base, tmp_path / "log.txt")
    questions = str(write_questions(tmp_path / "questions.jsonl"))
    words = ["synth", "--endpoint", f"{address}/v1", "--model", str(base), "--cases", questions, "--no-leaks"]
    words += ["--samples", str(SAMPLES), "--max-new-tokens", "24", "--temperature", "0", "--in-flight", "8"]
    try:
        whole = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "whole")])
        pieces = CliRunner().invoke(app, [*words, "--stream", "--out", str(tmp_path / "pieces")])
    finally:
        stop(server)
    again = CliRunner().invoke(
        app, [*words, "--out", str(tmp_path / "whole")]
    )  # Nobody is there to answer now.
    for done in (whole, pieces, again):  # An untrained model: no reply passes, and that is told.
        assert f"nothing was kept (no_sample_passes {N})" in str(done.exception), done.output
    ledgers = [read_ledger(tmp_path / name) for name in ("whole", "pieces")]
    for ledger in ledgers:
        assert len({entry["key"] for entry in ledger}) == len(ledger) == N * SAMPLES
        assert all(entry["text"].strip() and entry["n_tokens"] for entry in ledger)
    first, second = ({e["key"]: (e["text"], e["stop"], e["n_tokens"]) for e in ledger} for ledger in ledgers)
    assert first == second
