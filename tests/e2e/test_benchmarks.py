"""Benchmarks run by one command at their smallest, and their line of JSON holds what it is read for."""

import importlib.util
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gazal.config.adapter import AdapterConfig
from gazal.config.model import ModelConfig
from gazal.model.memory import Build
from gazal.model.shape import PUBLISHED

ROOT = Path(__file__).parents[2]


def run(name, *words):
    """What a benchmark prints, and its line of JSON."""
    command = [sys.executable, ROOT / "benchmarks" / f"{name}.py", "--json", *map(str, words)]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(done.stdout.splitlines()[-1])


def test_all_ways_of_rollout_write_the_same_number_of_tokens():
    sizes = ("--layers", 1, "--prompts", 2, "--group", 3, "--limit", 12, "--repeats", 1)
    said, found = run("rollout", "--widths", 32, *sizes)
    assert {"ours", "generate", "continuous", "peft dora"} == set(found["settings"])
    assert found["replies"] == 6 and 6 <= found["tokens"] < 72
    for way in ("ours", "generate", "continuous", "peft_dora"):
        assert found[f"{way}_cpu_s"] > 0 and found[f"{way}_wall_s"] > 0
        rate = found["tokens"] / found[f"{way}_cpu_s"]
        assert found[f"{way}_tokens_per_cpu_s"] == pytest.approx(rate)
        assert found[f"{way}_over_ours"] == pytest.approx(found[f"{way}_cpu_s"] / found["ours_cpu_s"])
    assert found["versions"]["transformers"] in said


def test_no_tensor_of_an_update_is_as_large_as_tokens_by_vocabulary():
    sizes = ("--width", 32, "--layers", 1, "--prompt", 8, "--rank", 2, "--micro", 4)
    point = ("--vocabulary", 151_936, "--length", 200, "--group", 4)
    axes = ("--vocabularies", 151_936, "--lengths", 200, "--groups", 4)
    _, found = run("memory", *sizes, *point, *axes)
    (row,) = found["rows"]
    assert row["matrix_mb"] > 4 * 2**26 / 1e6, "too small to be cut into chunks"
    assert row["largest_mb"] <= 4 * 2**26 / 1e6
    assert row["whole_mb"] > 2 * row["matrix_mb"]
    assert row["gradient_difference"] < 1e-4 and row["ours_loss"] == pytest.approx(
        row["whole_loss"], abs=1e-5
    )
    assert row["estimate_mb"] > 0 and row["ours_cpu_s"] > 0 and row["whole_cpu_s"] > 0


def test_arms_of_training_are_compared_and_kept(tmp_path):
    sizes = ("--steps", 2, "--rows", 2, "--examples", 8, "--cases", 3, "--facts", 3, "--passages", 4)
    words = (*sizes, "--repeats", 1, "--out", tmp_path)
    said, _ = run("adapter_vs_full", *words, "--arms", "full@1e-3")
    assert "full@1e-3: step 2 of 2" in said
    (kept,) = tmp_path.glob("*/full@1e-3.json")
    before = kept.stat().st_mtime_ns
    said, found = run("adapter_vs_full", *words, "--arms", "full@1e-3", "dora+rs:2")
    assert "full@1e-3: step" not in said and "dora+rs:2: step 2 of 2" in said
    full, dora = found["rows"]
    assert kept.stat().st_mtime_ns == before, "it was made again"
    assert (full["trainable"], dora["trainable"]) == (2_705_600, 4 * (4 * 960 + 2 * 2_112 + 1_728))
    assert dora["peak_mb"] < full["peak_mb"]
    assert {"accuracy", "ci95", "loss_over_base", "facts_delta", "step_cpu_s", "cpu_s"} <= set(full)
    assert {"delta", "delta_ci95", "p"} <= set(dora) and "delta" not in full
    assert full["passage_loss"] == pytest.approx(found["base"]["passage_loss"] + full["loss_over_base"])
    assert full["loss_over_base"] != 0.0 and full["last_loss"] != dora["last_loss"]


@pytest.mark.parametrize(
    ("name", "setting", "keys"),
    [
        ("grpo_vs_trl", "batches-of-16", ("step_ratio", "rollout_ratio", "update_ratio")),
        ("sft_vs_trl", "like-lengths", ("throughput_ratio", "our_tokens_per_s", "trl_tokens_per_s")),
    ],
)
def test_ours_and_trls_step_are_the_same_step(name, setting, keys):
    _, found = run(name, "--width", 128, "--layers", 1, "--steps", 1, "--settings", setting)
    assert found["loss_difference"] < 1e-5 and found["gradient_difference"] < 1e-4
    assert all(found[key] > 0 for key in keys)
    assert found["trl_fastest"] == setting and found["versions"]["trl"]


def load_shape_stages():
    spec = importlib.util.spec_from_file_location("shape_stages", ROOT / "benchmarks" / "shape_stages.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["shape_stages"] = module
    spec.loader.exec_module(module)
    return module


def test_both_updates_run_at_the_shape_of_a_published_model():
    sizes = ("--width", 32, "--mlp", 64, "--heads", 4, "--kv-heads", 2, "--head-width", 8, "--layers", 1)
    words = ("--vocabulary", 4100, "--rank", 2, "--length", 32, "--prompt", 8, "--reply", 8, "--group", 4)
    _, found = run("gpu_shape", "--device", "cpu", *sizes, *words, "--repeats", 1, "--dtype", "float32")
    assert (found["layers"], found["of_layers"]) == (1, 64)
    sft, grpo = found["sft"], found["grpo"]
    assert sft["tokens"] == 4 * 32 and 4 * (8 + 4) <= grpo["tokens"] <= 4 * 16
    assert sft["loss"] == pytest.approx(math.log(4100), rel=0.02), "of random weights"
    for row in (sft, grpo):
        assert row["grad_norm"] > 0 and row["tokens_per_s"] == pytest.approx(row["tokens"] / row["seconds"])
        assert 0 < row["peak_share"] < 1 and 0 < row["whole_tokens_per_s"] < row["tokens_per_s"]
        assert row["peak_gb"] * 1e9 > 4 * found["parameters"]


def test_as_many_layers_of_the_32b_are_taken_as_fit():
    stages = load_shape_stages()
    whole = PUBLISHED["Qwen/Qwen3-32B"]
    held = ModelConfig(dtype="bfloat16", gradient_checkpointing=True)
    build = Build(shape=whole, model=held, adapter=AdapterConfig(rank=256))
    work = stages.Work(rows=4, length=2048, group=8, micro=2, prompt=512, reply=1024)
    found = [stages.find_layers(build, work, room * 10**9) for room in (24, 72, 10_000)]
    assert 1 <= found[0] < found[1] < found[2] == 64
    with pytest.raises(SystemExit, match="not one layer fits"):
        stages.find_layers(build, work, 10**9)


def test_operations_are_those_of_the_products_of_one_layer():
    """Without an adapter's rank to speak of: 2 x 2 x weights x tokens, and attention and output layer."""
    stages = load_shape_stages()
    shape = stages.with_layers(PUBLISHED["Qwen/Qwen3-32B"], 1)
    queries, keys = 64 * 128, 8 * 128
    weights = 5120 * (2 * queries + 2 * keys + 3 * 25_600)
    added = 5120 + queries + 2 * (5120 + keys) + queries + 5120 + 3 * (5120 + 25_600)
    heads = 151_936 * 5120
    expected = 10 * (4 * weights + 6 * added) + 4 * 4 * heads + 3 * 2 * 10**2 * queries
    assert stages.count_work(shape, AdapterConfig(rank=1), [(10, 4)]) == expected
