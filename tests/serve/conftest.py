"""One short run through all stages, for everything that is taken away from a run."""

from pathlib import Path

import pytest
import yaml

from gazal.config.load import load_recipe
from gazal.path import run as go

RECIPE = {
    "name": "short",
    "model": {"path": "tiny-base", "dtype": "float32"},
    "adapter": {"rank": 4, "alpha": 8},
    "sft": {
        "examples": [{"source": "world", "n": 24}],
        "steps": 3,
        "learning_rate": 0.001,
        "pack_length": 640,
        "rows_per_step": 4,
        "micro_rows": 4,
    },
    "grpo": {
        "cases": [{"source": "world", "n": 4, "seed": 1}],
        "steps": 2,
        "cases_per_step": 2,
        "group_size": 2,
        "learning_rate": 0.001,
        "reward": {"length_target": 20},
        "sampling": {"max_new_tokens": 48},
    },
    "evaluate": {
        "cases": [{"source": "world", "n": 10, "split": "test"}],
        "sampling": {"temperature": 0.0, "max_new_tokens": 48},
    },
}


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """The folder of a run whose stages are all whole."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    for _ in go(load_recipe(folder / "recipe.yaml", []), folder / "short"):
        pass
    return folder / "short"
