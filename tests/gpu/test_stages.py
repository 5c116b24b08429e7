"""Both stages on the device in bfloat16: they learn, and the engine's policy stays the trainer's."""

import json
import math

import pytest
from typer.testing import CliRunner

from gazal.cli.main import app

RECIPE = """
name: gpu
seed: 0
model: {path: tiny-base, dtype: bfloat16}
adapter: {rank: 16, alpha: 16}
sft:
  examples: [{source: world, n: 64, split: train, seed: 0}]
  steps: 6
  learning_rate: 1.0e-3
  pack_length: 640
  rows_per_step: 6
  micro_rows: 3
grpo:
  cases: [{source: world, n: 8, split: train, seed: 1}]
  steps: 3
  learning_rate: 1.0e-5
  cases_per_step: 4
  group_size: 4
  passes: 2
  sampling: {max_new_tokens: 64, batch_size: 16}
  reward: {length_target: 48}
"""


@pytest.mark.usefixtures("device")
def test_sft_and_grpo_in_bfloat16(tmp_path):
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    out = tmp_path / "run"
    done = CliRunner().invoke(app, ["run", str(tmp_path / "recipe.yaml"), "--out", str(out)])
    assert done.exit_code == 0, done.output
    sft, grpo = (
        [json.loads(line) for line in (out / stage / "steps.jsonl").read_text().splitlines()]
        for stage in ("sft", "grpo")
    )
    assert sft[-1]["loss"] < sft[0]["loss"]
    assert len(grpo) == 6 and all(math.isfinite(row["loss"]) for row in grpo)
    assert 0.0 < max(row["policy/engine_drift"] for row in grpo) < 0.01
