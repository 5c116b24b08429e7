"""``--set path=value``: it sets what it names and nothing else, and says what is wrong with it."""

import pytest

from gazal.config.load import dump_recipe, load_recipe, set_values
from gazal.config.recipe import Recipe, list_leaves
from gazal.errors import ConfigError

GOOD = """
name: trial
sft: {examples: [{source: world, n: 10}], steps: 3, learning_rate: 3e-4}
grpo:
  {cases: [{source: world, n: 10}, {source: suite, suite: medqa_train_4opt}], steps: 3, learning_rate: 1e-4}
provenance:
  {seed: "inferred: s", adapter.rank: "paper: p", sft.examples.0.n: "card: c", grpo.clip_low: "inferred: i"}
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "trial.yaml"
    path.write_text(GOOD)
    return path


def leaves(recipe: Recipe) -> dict:
    return dict(list_leaves(recipe.model_dump(mode="json", exclude={"provenance"})))


@pytest.mark.parametrize(
    "assignment, place, value",
    [
        ("grpo.group_size=4", "grpo.group_size", 4),
        (" grpo.group_size = 4", "grpo.group_size", 4),
        ("grpo.learning_rate=2e-5", "grpo.learning_rate", 2e-5),
        ("grpo.kl=1", "grpo.kl", 1.0),
        ("grpo.sampling.top_k=20", "grpo.sampling.top_k", 20),
        ("sft.examples.0.n=100", "sft.examples.0.n", 100),
        ("sft.examples.0.kinds=[recall, prognosis]", "sft.examples.0.kinds", ["recall", "prognosis"]),
        ("grpo.cases.1.suite=medmcqa_train", "grpo.cases.1.suite", "medmcqa_train"),
        ("model.path=/a/b=c", "model.path", "/a/b=c"),
        ("model.revision='123'", "model.revision", "123"),
        ("adapter.targets=[q_proj]", "adapter.targets", ["q_proj"]),
        ("adapter.dora=false", "adapter.dora", False),
        ("seed=7", "seed", 7),
    ],
)
def test_it_sets_that_value_and_no_other(path, assignment, place, value):
    before, after = leaves(load_recipe(path)), leaves(load_recipe(path, [assignment]))
    assert after.pop(place) == value and before.pop(place) != value
    assert after == before


def test_later_ones_win_and_whole_parts_can_be_set(path):
    recipe = load_recipe(
        path, ["seed=1", "seed=2", "sft.examples.0={source: suite, suite: x}", "sft.examples.0.n=5"]
    )
    assert recipe.seed == 2 and recipe.sft is not None and recipe.sft.examples[0].n == 5
    assert recipe.sft.examples[0].source == "suite"
    assert load_recipe(path, ["grpo=null"]).grpo is None


def test_two_values_may_be_right_only_together(path):
    for pair in (["grpo.minibatches=7", "grpo.group_size=7"], ["grpo.group_size=7", "grpo.minibatches=7"]):
        recipe = load_recipe(path, pair)
        assert recipe.grpo is not None and (recipe.grpo.minibatches, recipe.grpo.group_size) == (7, 7)


def test_the_file_is_as_it_was(path):
    recipe = load_recipe(path)
    text = dump_recipe(recipe)
    assert set_values(recipe, ["grpo.steps=9"]) != recipe
    assert dump_recipe(recipe) == text and path.read_text() == GOOD


@pytest.mark.parametrize(
    "assignment, said",
    [
        ("grpo.group_size=1", "must be at least 2; got 1. A group of one has nothing to be compared with"),
        ("grpo.steps=many", "steps is int, got 'many'. Give a whole number"),
        ("grpo.steps=", "steps is int, got null"),
        ("grpo.steps=true", "steps is int, got true"),
        ("grpo.steps='3'", "steps is int, got '3'"),
        ("grpo.steps=2.5", "steps is int, got 2.5"),
        ("grpo.steps=0", "steps must be at least 1; got 0"),
        ("grpo.warmup=1", "warmup must be less than 1; got 1"),
        ("grpo.learning_rate=0", "learning_rate must be more than 0; got 0"),
        ("grpo.learning_rate=.inf", "must be a finite number; got inf"),
        ("nonsense", "this is not path=value. Write for example --set grpo.steps=10"),
        ("=3", "this is not path=value"),
        ("grpo..steps=3", "this is not path=value"),
        ("grpo.steps=[", "the value is not YAML"),
        ("grpo.steps={a: 1, a: 2}", "the key a stands twice"),
        ("grpo.group_sise=3", "grpo has no key group_sise. Did you mean group_size?"),
        ("grop.group_size=3", "the recipe has no key grop. Did you mean grpo?"),
        ("grpo.sampling.zzz=3", "grpo.sampling has no key zzz. Take one of: temperature, top_p"),
        ("evaluate.limit=3", "this recipe has no evaluate stage"),
        ("model.revision.x=3", "model.revision is null and holds no keys"),
        ("seed.x=3", "seed is 3 and holds no keys"),
        ("sft.examples.1.n=3", "sft.examples has 1 entry, counted from 0"),
        ("grpo.cases.2.n=3", "grpo.cases has 2 entries, counted from 0"),
        (
            "sft.examples.-1.n=3",
            "sft.examples is a list. Name an entry by its number, such as sft.examples.0",
        ),
        ("sft.examples.n=3", "sft.examples is a list"),
        ("sft.examples.0.suite=x", "sft.examples.0 has no key suite"),
        ("sft.examples.0.source=suite", "go with source world. Set the whole entry"),
        ("sft.examples.0={source: suite, suite: 3}", "sft.examples.0.suite: suite is text, got 3"),
        ("sft.examples.0={source: suite}", "sft.examples.0.suite: suite is missing"),
        ("sft.examples.0.kinds.0=recal", "must be one of diagnosis, treatment"),
        ("grpo.minibatches=7", "grpo: cases_per_step 12 x group_size 8 = 96 rollouts do not divide into 7"),
        ("grpo={stpes: 3}", "grpo.stpes: there is no such key. Did you mean steps?"),
        ("provenance.adapter=x", "provenance has no key adapter"),
        ("provenance.seed=x", "provenance has no key seed"),
        ("adapter=null", "adapter is a map of keys, got null"),
    ],
)
def test_what_is_wrong_is_said(path, assignment, said):
    with pytest.raises(ConfigError) as caught:
        load_recipe(path, ["seed=3", assignment])
    message = str(caught.value)
    assert message.startswith(f"--set {assignment}: ") and said in message and "\n" not in message


def test_the_place_is_said_once(path):
    with pytest.raises(ConfigError) as caught:
        load_recipe(path, ["grpo.steps=many"])
    way_out = "Give a whole number without quotes, such as 8."
    assert str(caught.value) == f"--set grpo.steps=many: steps is int, got 'many'. {way_out}"


def test_the_one_at_fault_is_named_whatever_comes_after(path):
    with pytest.raises(ConfigError, match=r"^--set grpo.group_size=1: "):
        load_recipe(path, ["grpo.group_size=1", "seed=3", "grpo.steps=4"])
    with pytest.raises(ConfigError, match=r"^--set grpo.minibatches=7: "):
        load_recipe(path, ["grpo.minibatches=7", "sft.steps=4"])


def test_a_run_without_stages_is_refused(path):
    with pytest.raises(ConfigError, match="nothing to do"):
        load_recipe(path, ["sft=null", "grpo=null"])


def test_a_value_that_is_set_loses_what_was_said_of_the_old_one(path):
    recipe = load_recipe(path, ["adapter.rank=8", "sft.examples.0={source: suite, suite: x}", "model.path=a"])
    assert recipe.provenance == {
        "adapter.rank": "set: on the command line",
        "model.path": "set: on the command line",
        "seed": "inferred: s",
        "grpo.clip_low": "inferred: i",
    }
    assert "grpo.clip_low" not in load_recipe(path, ["grpo=null"]).provenance
    assert load_recipe(path, ["name=other"]).provenance == load_recipe(path).provenance
