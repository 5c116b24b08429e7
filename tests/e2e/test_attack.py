"""``gazal attack`` as a user runs it."""

import json

import pytest
from typer.testing import CliRunner

from gazal.cli.main import app
from gazal.errors import ConfigError

OWN = """
from gazal.score.answer import judge_answer

def ours(case, trace):
    return judge_answer(case, trace)

def text(completions, answer, **_):
    return [float(key in text) for text, key in zip(completions, answer)]

def messages(prompts, completions, solution):
    return [float(key in talk[0]["content"]) for talk, key in zip(completions, solution)]

def asks_too_much(completions, reference_summary):
    return [0.0] * len(completions)

def too_few(completions):
    return [0.0]

def words(case, trace):
    return "good"

value = 3
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    path = tmp_path_factory.mktemp("own") / "my_reward.py"
    path.write_text(OWN)
    return path


def run(*words):
    return CliRunner().invoke(app, ["attack", *words])


def test_the_demo_recipe_holds():
    result = run("--recipe", "recipes/demo.yaml")
    assert result.exit_code == 0, result.output
    assert "0 wins" in result.output and "66 families" in result.output


def test_json_has_every_family_and_an_example(own):
    result = run("--reward", f"{own}:text", "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 1 and found["wins"] > 0
    families = {family["family"]: family for family in found["families"]}
    won = families["every_option_boxed"]
    assert won["wins"] == won["first_win"]["earned"] * won["wins"] > 0
    assert r"\boxed{A}" in won["first_win"]["text"]
    assert sum(family["attempts"] for family in found["families"]) == found["attempts"]


def test_a_function_of_ours_and_one_that_takes_messages(own):
    plain = run("--reward", f"{own}:ours")
    assert plain.exit_code == 0 and "0 wins" in plain.output  # Ties: it pays for the answer alone.
    talk = run("--reward", f"{own}:messages", "--chat")
    assert talk.exit_code == 1 and "every option boxed" in talk.output


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("{own}:missing", "no function missing"),
        ("{own}:value", "no function value"),
        ("{own}", "file.py:function"),
        ("nowhere.py:f", "no such file"),
        ("{own}:asks_too_much", "asks for reference_summary"),
        ("{own}:too_few", "1 values for"),
        ("{own}:words", "returned 'good'"),
    ],
)
def test_what_cannot_be_attacked_is_refused(own, where, said):
    result = run("--reward", where.format(own=own))
    assert isinstance(result.exception, ConfigError) and said in str(result.exception)


def test_one_reward_at_a_time(own):
    result = run("--reward", f"{own}:ours", "--recipe", "recipes/demo.yaml")
    assert isinstance(result.exception, ConfigError)
