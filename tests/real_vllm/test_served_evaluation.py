"""``gazal evaluate --endpoint`` on a model that real vLLM serves."""

import json

import pytest
from typer.testing import CliRunner

pytest.importorskip("vllm", reason="make test-vllm installs it")

from test_server import start, stop

from gazal.cli.main import app


def test_a_model_behind_vllm_is_evaluated_and_not_asked_again(base, tmp_path):
    server, address = start(base, tmp_path / "log.txt")
    words = [
        "evaluate",
        "--endpoint",
        f"{address}/v1",
        "--model",
        str(base),
        "--suite",
        "world",
        "--limit",
        "5",
    ]
    words += ["--max-new-tokens", "24", "--out", str(tmp_path / "out"), "--json"]
    try:
        first = CliRunner().invoke(app, words)
    finally:
        stop(server)
    assert first.exit_code == 0, first.output
    found = json.loads(first.stdout.splitlines()[-1])
    (outcome,) = found["evaluation"]["world"].values()
    assert (outcome["n"], outcome["failed"]) == (5, 0.0)
    assert {"strict", "lenient"} <= found.keys() and found["lenient"]["n"] == 5
    again = CliRunner().invoke(app, words)  # Nobody is there to answer now.
    assert (
        again.exit_code == 0
        and json.loads(again.stdout.splitlines()[-1])["evaluation"] == found["evaluation"]
    )
