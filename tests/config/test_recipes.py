"""The recipes that come with the project, and that no value is passed off as the paper's."""

import re
from pathlib import Path
from typing import Any

import pytest

from gazal.cases.explained import EXPLAINED
from gazal.cases.table import SUITES
from gazal.config.data import Source, SuiteSource, WorldSource
from gazal.config.load import dump_recipe, load_recipe
from gazal.config.reader import read_yaml
from gazal.config.recipe import UNSOURCED, Recipe, list_leaves
from gazal.errors import ConfigError

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "recipes").glob("*.yaml"))
PAPER = ROOT / "recipes" / "gazal-r1-32b.yaml"
# What the paper's public text and its model card state. All else has to be `inferred`.
STATED = {
    "model.path": ("paper", "Qwen/Qwen3-32B"),
    "adapter.dora": ("paper", True),
    "adapter.rank_stable": ("paper", True),
    "sft.examples.0.n": ("paper", 107033),
    "sft.examples.0.kinds": ("paper", ["diagnosis", "treatment", "uncertainty", "prognosis"]),
    "evaluate.cases.0.suite": ("paper", "medqa_4opt"),
    "evaluate.cases.1.suite": ("paper", "mmlu_pro_medical"),
    "evaluate.cases.2.suite": ("paper", "pubmedqa"),
    "evaluate.sampling.temperature": ("card", 0.7),
    "evaluate.sampling.top_p": ("card", 0.8),
    "evaluate.sampling.top_k": ("card", 20),
    "evaluate.sampling.max_new_tokens": ("card", 2048),
}


def read_leaves(path: Path) -> dict[str, Any]:
    written = read_yaml(path.read_text())
    return dict(list_leaves({key: value for key, value in written.items() if key not in UNSOURCED}))


def sources(recipe: Recipe) -> tuple[tuple[Source, ...], tuple[Source, ...]]:
    """Those learned from, and those evaluated on."""
    learned = (recipe.sft.examples if recipe.sft else ()) + (recipe.grpo.cases if recipe.grpo else ())
    return learned, recipe.evaluate.cases if recipe.evaluate else ()


def test_the_recipes_are_all_there():
    names = {"demo", "demo-long", "tiny-base", "real-questions", "qwen3-8b-one-gpu", "gazal-r1-32b"}
    assert {path.stem for path in FILES} == names


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_recipe_loads_reads_back_and_is_named_as_its_file(path, tmp_path):
    recipe = load_recipe(path)
    assert recipe.name == path.stem and recipe.about.endswith(".")
    copy = tmp_path / "recipe.yaml"
    copy.write_text(dump_recipe(recipe))
    assert load_recipe(copy) == recipe


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_nothing_is_learned_from_that_is_evaluated_on(path):
    learned, evaluated = sources(load_recipe(path))
    for source in learned:
        if isinstance(source, WorldSource):
            assert source.split == "train"
        if isinstance(source, SuiteSource):
            assert source.suite in EXPLAINED or SUITES[source.suite].use == "training"
    for source in evaluated:
        assert not isinstance(source, WorldSource) or source.split == "test"
        assert not isinstance(source, SuiteSource) or SUITES[source.suite].use == "evaluation"


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_the_second_stage_gets_fresh_cases(path):
    recipe = load_recipe(path)
    if recipe.sft is None or recipe.grpo is None:
        return
    shown = {source.seed for source in recipe.sft.examples if isinstance(source, WorldSource)}
    assert all(s.seed not in shown for s in recipe.grpo.cases if isinstance(s, WorldSource))


def test_every_value_of_the_papers_recipe_has_a_provenance_and_nothing_else_has():
    assert set(load_recipe(PAPER).provenance) == set(read_leaves(PAPER))


def test_only_what_is_stated_publicly_is_called_the_papers():
    values, provenance = read_leaves(PAPER), load_recipe(PAPER).provenance
    origins = {path: reason.split(": ")[0] for path, reason in provenance.items()}
    stated = {path: (origin, values[path]) for path, origin in origins.items() if origin != "inferred"}
    assert stated == STATED


def test_the_page_about_the_paper_lists_exactly_the_recipe():
    page = (ROOT / "docs" / "paper.md").read_text()
    rows = re.findall(r"^\| `([a-z0-9_.]+): ([^`]+)` \| (\w+) \| (.+) \|$", page, re.MULTILINE)
    listed = {path: (read_yaml(value), f"{origin}: {why}") for path, value, origin, why in rows}
    assert len(listed) == len(rows)
    values, provenance = read_leaves(PAPER), load_recipe(PAPER).provenance
    assert listed == {path: (value, provenance[path]) for path, value in values.items()}
    count = {origin: sum(row[2] == origin for row in rows) for origin in ("paper", "card", "inferred")}
    said = re.search(
        r"These are the (\d+) values of .*?: (\d+) from .*?, (\d+) from .*?,\s(\d+) inferred", page
    )
    assert said is not None and [int(number) for number in said.groups()] == [len(rows), *count.values()]


@pytest.mark.parametrize(
    "key, reason, said",
    [
        ("adapter.rnk", "paper: x", "adapter.rnk is no value of this recipe. Did you mean adapter.rank?"),
        ("adapter", "paper: x", "adapter is no value of this recipe"),
        ("adapter.rank", "the paper", "does not say where the value comes from"),
        ("adapter.rank", "blog: x", "does not say where the value comes from"),
        ("adapter.rank", "paper: ", "does not say where the value comes from"),
    ],
)
def test_a_provenance_names_a_value_and_an_origin(tmp_path, key, reason, said):
    path = tmp_path / "r.yaml"
    path.write_text(
        "name: r\npretrain: {passages: 3, steps: 3, learning_rate: 0.1}\n"
        f"provenance: {{{key}: '{reason}'}}\n"
    )
    with pytest.raises(ConfigError, match=re.escape(said)):
        load_recipe(path)
