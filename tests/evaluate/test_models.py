"""What a person may name to be evaluated."""

import json
from pathlib import Path

import pytest

from gazal.config.data import WorldSource
from gazal.config.evaluate import EvaluateConfig
from gazal.config.load import dump_recipe
from gazal.config.model import ModelConfig
from gazal.config.recipe import Recipe
from gazal.errors import ConfigError, DataError
from gazal.evaluate.models import ask_by_likelihood, find_tested, list_inputs

HELD = ModelConfig(dtype="bfloat16")


def make_folder(folder: Path, name: str = "config.json", text: str = "{}") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder


@pytest.fixture
def run(tmp_path):
    """The folder of a run as `gazal run` leaves it: a recipe, and what each stage merged."""
    base = make_folder(tmp_path / "base")
    run = tmp_path / "run"
    for stage in ("sft", "grpo"):
        make_folder(run / stage / "merged")
    make_folder(
        run / "sft" / "adapter", "adapter_config.json", json.dumps({"base_model_name_or_path": str(base)})
    )
    inner = {"base_model_name_or_path": "sft/merged"}
    make_folder(run / "grpo" / "adapter", "adapter_config.json", json.dumps(inner))
    recipe = Recipe(
        name="small",
        model=ModelConfig(path=str(base), dtype="float16"),
        evaluate=EvaluateConfig(cases=[WorldSource(n=1)]),
    )
    (run / "recipe.yaml").write_text(dump_recipe(recipe))
    return run


def test_a_run_stands_for_all_of_its_models_as_its_recipe_holds_them(run):
    found = find_tested([str(run)], HELD)
    assert {name: Path(tested.config.path).name for name, tested in found.items()} == {
        "base": "base",
        "sft": "merged",
        "grpo": "merged",
    }
    assert {tested.config.dtype for tested in found.values()} == {"float16"}
    assert [name for name, tested in found.items() if tested.by_likelihood] == ["base"]
    assert all(tested.by_likelihood for tested in ask_by_likelihood(found).values())
    assert set(list_inputs(found)) == {"base", "sft", "grpo"}


def test_a_run_that_was_not_finished_has_fewer(run):
    for file in (run / "grpo" / "merged").iterdir():
        file.unlink()
    (run / "grpo" / "merged").rmdir()
    assert [*find_tested([str(run)], HELD)] == ["base", "sft"]


def test_models_are_named_by_the_part_that_tells_something(run):
    paths = [run / "sft" / "merged", run / "grpo" / "merged", run.parent / "base", run / "sft" / "merged"]
    found = find_tested([*map(str, paths), "Qwen/Qwen3-8B"], HELD)
    assert [*found] == ["sft", "grpo", "base", "sft-2", "Qwen3-8B"]
    assert {tested.config.dtype for tested in found.values()} == {"bfloat16"}
    assert set(list_inputs(found)) == {"sft", "grpo", "base", "sft-2"}  # The hub keeps its own.


def test_an_adapter_brings_its_base(run):
    found = find_tested([str(run / "sft" / "adapter"), str(run / "grpo" / "adapter")], HELD)
    assert Path(found["sft"].config.path) == run.parent / "base"
    assert Path(found["grpo"].config.path) == run / "sft" / "merged"  # Kept as seen from the run.
    assert found["grpo"].adapter == run / "grpo" / "adapter"
    assert set(list_inputs(found)) == {"sft", "sft.adapter", "grpo", "grpo.adapter"}


def test_what_is_nothing_of_this_is_refused(run, tmp_path):
    with pytest.raises(ConfigError, match="does not exist"):
        find_tested([str(tmp_path / "basee")], HELD)
    adapter = make_folder(tmp_path / "torn", "adapter_config.json", "{")
    with pytest.raises(DataError, match="does not say which base"):
        find_tested([str(adapter)], HELD)
    gone = make_folder(tmp_path / "lost", "adapter_config.json", '{"base_model_name_or_path": "/no/where"}')
    with pytest.raises(ConfigError, match="its base is not here"):
        find_tested([str(gone)], HELD)
