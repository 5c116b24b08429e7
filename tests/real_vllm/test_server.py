"""vLLM as a server, in a process of its own: asked over HTTP, with weights handed over in files."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("vllm", reason="make test-vllm installs it")

from small import CASES, grpo_config, make_tokenizer
from tiny_models import hash_weights
from wide import CLOSE, REQUESTS, SAMPLING, adapt, find_gap, find_its_stops

from gazal.config.engine import EngineConfig
from gazal.engine.base import Request
from gazal.engine.vllm_server import VLLMServer
from gazal.errors import ConfigError, TrainingError
from gazal.train.grpo import GRPO
from gazal.train.loop import train


def find_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def connect(address: str, **changes) -> VLLMServer:
    config = EngineConfig.model_validate({"kind": "vllm", "address": address, **changes})
    return VLLMServer(make_tokenizer(), find_its_stops(), config, name="policy")


def start(base: Path, log: Path) -> tuple[subprocess.Popen, str]:
    """A server and its address, once it answers."""
    port = find_port()
    # The command `vllm serve` looks for the package vllm by name, and the CPU build has another.
    words = ["-m", "vllm.entrypoints.openai.api_server", "--model", str(base), "--dtype", "float32"]
    words += ["--host", "127.0.0.1", "--port", str(port), "--enforce-eager", "--no-enable-chunked-prefill"]
    settings = {
        "VLLM_SERVER_DEV_MODE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    }
    with log.open("w") as file:
        server = subprocess.Popen(
            [sys.executable, *words],
            env=os.environ | settings | {"VLLM_ENABLE_V1_MULTIPROCESSING": "1"},
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    for _ in range(240):
        time.sleep(1)
        try:
            connect(f"http://127.0.0.1:{port}")
            return server, f"http://127.0.0.1:{port}"
        except ConfigError:
            if server.poll() is not None:
                break
    stop(server)
    pytest.fail(f"the server did not start:\n{log.read_text()[-3000:]}")


def stop(server: subprocess.Popen) -> None:
    os.killpg(server.pid, signal.SIGTERM)
    try:
        server.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def address(base, tmp_path_factory):
    server, address = start(base, tmp_path_factory.mktemp("server") / "log.txt")
    yield address
    stop(server)


def test_replies_are_those_of_the_model_that_was_handed_over(address, tmp_path):
    engine, adapted = connect(address, folder=str(tmp_path)), adapt(stirred=0.3)
    before = engine.weight_version
    engine.renew(adapted)
    assert engine.weight_version != before and not list(tmp_path.iterdir())
    long = Request(case_id="a/b/long", sample=0, prompt="it was 7 days " * 70)
    *rollouts, refused = engine.generate([*REQUESTS, long], SAMPLING, 0)
    assert [(r.trace.case_id, r.trace.sample) for r in rollouts] == [(r.case_id, r.sample) for r in REQUESTS]
    assert {rollout.trace.stop for rollout in rollouts} <= {"end", "length"}
    assert refused.trace.stop == "error" and refused.tokens == ()
    assert 0.0 < find_gap(adapted, rollouts) < CLOSE
    again = engine.generate(REQUESTS, SAMPLING, 0)
    same = [a.tokens == b.tokens for a, b in zip(rollouts, again, strict=True)]
    assert sum(same) >= len(same) - 1, "draws belong to requests"
    assert engine.generate(REQUESTS, SAMPLING, 1) != again


def test_the_server_and_this_process_draw_alike(address, engine):
    adapted, server = adapt(stirred=0.3), connect(address)
    for each in (engine, server):
        each.renew(adapted)
    here, there = (each.generate(REQUESTS, SAMPLING, 5) for each in (engine, server))
    same = [a.trace == b.trace for a, b in zip(here, there, strict=True)]
    assert sum(same) >= len(same) - 1


def test_grpo_runs_on_a_server_with_new_weights_before_each_batch(address, tmp_path):
    config = grpo_config(
        steps=4, learning_rate=3e-3, warmup=0.0, schedule="constant", cases_per_step=4, group_size=8
    )
    engine = connect(address)
    stage = GRPO(adapt(stirred=0.0), engine, CASES, config, 0)
    versions, weights, gaps = set(), {hash_weights(stage.model)}, []
    for step in train(stage, tmp_path, "mine"):
        versions.add(engine.weight_version)
        weights.add(hash_weights(stage.model))
        gaps.append(step.metrics["policy/engine_gap"])
    assert len(versions) == 4 and len(weights) == 5
    assert all(0.0 < gap < CLOSE for gap in gaps)


def test_weights_that_another_run_handed_over_stop_this_one(address):
    mine, other = connect(address), connect(address)
    mine.renew(adapt())
    mine.generate(REQUESTS[:1], SAMPLING, 0)
    other.renew(adapt(stirred=0.3))
    with pytest.raises(TrainingError, match=r"holds weights .* but this run handed over"):
        mine.generate(REQUESTS[:1], SAMPLING, 0)


def test_what_is_wrong_with_a_server_is_said(address, tmp_path):
    nobody = f"http://127.0.0.1:{find_port()}"
    with pytest.raises(ConfigError, match=r"does not answer .*VLLM_SERVER_DEV_MODE=1 vllm serve"):
        connect(nobody)
    with pytest.raises(ConfigError, match=r"/nowhere/v1/models says 404"):
        connect(f"{address}/nowhere")
    with pytest.raises(TrainingError, match=r"/v1/completions says 400"):
        connect(address)._complete([1, 2, 10**6], {"max_tokens": 2, "logprobs": 0})
