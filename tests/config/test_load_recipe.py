"""Recipe files: what is wrong is said in one line, with the place, the value and the way out."""

import pytest

from gazal.config import load
from gazal.config.load import dump_recipe, load_recipe
from gazal.errors import ConfigError

GOOD = """
name: trial
sft: {examples: [{source: world, n: 10}], steps: 3, learning_rate: 3e-4}
grpo:
  {cases: [{source: world, n: 10}, {source: suite, suite: medqa_train_4opt}], steps: 3, learning_rate: 1e-4}
"""


@pytest.fixture
def write(tmp_path):
    def write(text: str | bytes):
        path = tmp_path / "trial.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def refuse(path, *overrides) -> str:
    with pytest.raises(ConfigError) as caught:
        load_recipe(path, overrides)
    text = str(caught.value)
    assert "\n" not in text and "pydantic" not in text and text.endswith((".", "?", ")"))
    return text


def test_a_good_recipe_is_read_with_its_types(write):
    recipe = load_recipe(write(GOOD))
    assert recipe.sft is not None and recipe.grpo is not None
    assert recipe.sft.learning_rate == 3e-4 and isinstance(recipe.sft.learning_rate, float)
    assert recipe.grpo.cases[1].source == "suite" and recipe.pretrain is None
    assert load_recipe(write("\ufeff" + GOOD)) == recipe


def test_a_dumped_recipe_reads_back_and_dumps_the_same(write):
    recipe = load_recipe(write(GOOD + 'about: "3e-4: é # \\n no"\nmodel: {revision: "12345"}\n'))
    text = dump_recipe(recipe)
    assert load_recipe(write(text)) == recipe
    assert dump_recipe(load_recipe(write(text))) == text
    assert "scale_advantages: false" in text  # Defaults are written out.


@pytest.mark.parametrize(
    "text, said",
    [
        (
            GOOD.replace("steps: 3, learning_rate: 1e-4", "steps: 3"),
            "grpo.learning_rate: learning_rate is missing",
        ),
        (
            GOOD.replace("{cases", "{group_sise: 4, cases"),
            "grpo.group_sise: there is no such key. Did you mean group_size?",
        ),
        (
            GOOD.replace("{cases", "{group_size: 1, cases"),
            "grpo.group_size: must be at least 2; got 1. A group of one",
        ),
        (
            GOOD.replace("{cases", "{sampling: {temprature: 1}, cases"),
            "grpo.sampling.temprature: there is no such key. Did you mean temperature?",
        ),
        (GOOD + "modle: {}\n", "modle: there is no such key. Did you mean model?"),
        (GOOD + "zzz: 1\n", "Take one of: name, about, seed"),
        (
            GOOD.replace("{source: world, n: 10}]", "{source: world, n: 10, kind: recall}]"),
            "sft.examples.0.kind: there is no such key. Did you mean kinds?",
        ),
        (
            GOOD.replace("medqa_train_4opt}", "medqa_train_4opt, sute: x}"),
            "grpo.cases.1.sute: there is no such key. Did you mean suite?",
        ),
        (
            GOOD.replace("{source: world, n: 10}]", "{source: word, n: 10}]"),
            "sft.examples.0: source must be one of world, suite, file, curated; got 'word'. Did you mean "
            "world?",
        ),
        (GOOD.replace("{source: world, n: 10}]", "{n: 10}]"), "sft.examples.0: it does not say its source"),
        (
            GOOD.replace("[{source: world, n: 10}]", "{source: world, n: 10}"),
            "sft.examples: examples is a list",
        ),
        (GOOD.replace("[{source: world, n: 10}]", "[]"), "sft.examples: examples is an empty list"),
        (GOOD.replace("steps: 3", "steps: '3'"), "sft.steps: steps is int, got '3'"),
        (GOOD.replace("3e-4", ".nan"), "sft.learning_rate: learning_rate must be a finite number; got nan"),
        (GOOD.replace("3e-4", "true"), "sft.learning_rate: learning_rate is a number, got true"),
        (
            GOOD + "model: {dtype: bf16}\n",
            "dtype must be one of float32, bfloat16, float16; got 'bf16'. Did you mean bfloat16?",
        ),
        (
            GOOD + "model: {revision: 1234567}\n",
            "model.revision: revision is text, got 1234567. Put it in quotes",
        ),
        (GOOD + "sft: 3\n", "line 6, column 1: the key sft stands twice"),
        (GOOD + "adapter: 3\n", "adapter: adapter is a map of keys, got 3"),
        (GOOD + "model:\n  path: [\n", "line 8, column 1"),
        ("", "the file is empty"),
        ("# nothing but a comment\n", "the file is empty"),
        ("- name: x\n", "expected a map of keys such as name: and sft:, found a list"),
        ("just words", "found only 'just words'"),
        ("name: x\n", "there is nothing to do. Give it a stage: pretrain, sft, grpo, evaluate"),
        (b"name: \xff\n", "byte 6 is not UTF-8"),
    ],
)
def test_what_is_wrong_is_said(write, text, said):
    path = write(text)
    message = refuse(path)
    assert message.startswith(f"{path}: ") and said in message


def test_more_than_one_fault_is_counted_and_the_misspelt_key_comes_first(write):
    message = refuse(write(GOOD.replace("steps: 3", "stesp: 3")))
    assert "sft.stesp: there is no such key. Did you mean steps?" in message and message.endswith(
        "(and 3 more)"
    )


def test_a_list_with_a_wrong_entry_is_one_fault(write):
    assert "more)" not in refuse(write(GOOD.replace("{source: world, n: 10}]", "{source: world, n: 0}]")))


def test_a_missing_recipe_names_those_that_are_there(write, tmp_path, monkeypatch):
    write(GOOD)
    (tmp_path / ".hidden.yaml").write_text("")
    message = refuse(tmp_path / "tril.yaml")
    assert "no such recipe. Did you mean" in message and "trial.yaml?" in message and "hidden" not in message
    assert "Recipes in" in refuse(tmp_path / "zzz") and "Did you mean" not in refuse(tmp_path / "zzz")
    monkeypatch.chdir(tmp_path)
    nowhere = tmp_path / "nowhere" / "demo"
    assert "Did you mean" in refuse(nowhere) and "demo.yaml?" in refuse(nowhere)  # Those of the clone.
    monkeypatch.setattr(load, "SHIPPED", tmp_path / "none")
    assert "Name a recipe file" in refuse(nowhere)
    assert "cannot be read" in refuse(tmp_path)


def test_an_empty_recipe_is_pointed_at_others_but_not_at_itself(write, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text(GOOD)
    message = refuse(write(""))
    assert f"Start from one of those in {tmp_path}: other.yaml." in message
