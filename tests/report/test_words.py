"""Sentences follow from numbers, and say no more than they show."""

from dataclasses import replace

import pytest
from sample_run import make_exam, make_world

from gazal.config.load import SHIPPED, load_recipe, set_values
from gazal.evaluate.compare import Paired
from gazal.evaluate.results import Result
from gazal.report.guess import AT_RANDOM, COMMONEST, FROM_OPTIONS, Guess, find_guess
from gazal.report.numbers import Asked
from gazal.report.phrases import (
    find_part,
    write_duration,
    write_memory,
    write_p,
    write_percent,
    write_points,
    write_scope,
)
from gazal.report.words import is_unseen, tell_change, tell_guess, tell_steps, tell_suite
from gazal.score.tally import find_wilson

WORLD = Asked(n=300, of=None, limit=None)
PART = Asked(n=200, of=1273, limit=200)


def result(right, n=300, **more):
    return Result(
        n=n,
        right=right,
        accuracy=right / n,
        ci95=find_wilson(right, n),
        pairs=0,
        pairs_right=None,
        by_kind={},
        **more,
    )


def pair(a, b, n=300, p=0.5, only=(10, 12), ci95=(-0.02, 0.03)):
    only_a, only_b = only
    return Paired(
        a=a,
        b=b,
        suite="world",
        n=n,
        delta=(only_b - only_a) / n,
        ci95=ci95,
        p=p,
        only_a=only_a,
        only_b=only_b,
    )


def say(text):
    """With plain blanks and minus signs."""
    return text.replace("\u00a0", " ").replace("\u2212", "-")


def test_a_rise_that_is_no_chance():
    models = {"base": result(72), "sft": result(157)}
    found = say(tell_change(WORLD, models, pair("base", "sft", p=1e-9, only=(5, 90), ci95=(0.221, 0.344))))
    assert found == (
        "SFT raised accuracy from 24.0 % to 52.3 % on 300 cases (difference +28.3 points, 95 % interval "
        "+22.1 to +34.4, p < 0.001)."
    )


def test_a_fall_is_called_one():
    models = {"sft": result(157), "grpo": result(120)}
    found = say(tell_change(WORLD, models, pair("sft", "grpo", p=0.002, only=(60, 23), ci95=(-0.18, -0.06))))
    assert found.startswith("GRPO lowered accuracy from 52.3 % to 40.0 %") and "-12.3 points" in found
    assert "chance" not in found


@pytest.mark.parametrize("p", [0.05, 0.063, 0.5, 1.0])
def test_what_could_be_chance_is_said_to(p):
    models = {"sft": result(157), "grpo": result(159)}
    found = say(tell_change(WORLD, models, pair("sft", "grpo", p=p)))
    assert "which could be chance" in found and "raised" not in found and "lowered" not in found


def test_just_below_the_line_is_no_chance():
    models = {"sft": result(157), "grpo": result(159)}
    assert "raised" in tell_change(WORLD, models, pair("sft", "grpo", p=0.049))


def test_few_cases_are_said_to_be_few():
    models, few = {"base": result(4, 20), "sft": result(6, 20)}, Asked(n=20, of=None, limit=None)
    assert "20 cases can show large differences only" in tell_change(few, models, pair("base", "sft", n=20))
    assert "large differences" not in tell_change(
        WORLD, {"base": result(4), "sft": result(6)}, pair("base", "sft")
    )


def test_no_difference_at_all():
    models = {"sft": result(157), "grpo": result(157)}
    found = tell_change(WORLD, models, pair("sft", "grpo", p=1.0, only=(0, 0), ci95=(0.0, 0.0)))
    assert found.startswith("GRPO has the same questions right as SFT")


@pytest.mark.parametrize(
    ("right", "weak"),
    [
        ((75, 160), "the base model"),
        ((10, 89), "the base model and GRPO"),
        ((10, 90), "the base model"),
        ((160, 75), "GRPO"),
        ((91, 160), None),
    ],
)
def test_guessing_is_held_against_every_model(right, weak):
    models = {"base": result(right[0]), "grpo": result(right[1])}
    found = say(tell_guess(models, Guess(share=0.25, how=FROM_OPTIONS)))
    if weak is None:
        assert found == "Guessing from the options would give 25.0 %; no interval reaches down to that."
    else:
        start = "No better than guessing from the options (25.0 %), as far as 300 cases can tell"
        assert found == f"{start}: {weak}."


def test_a_suite_is_told_in_the_order_of_the_models():
    models = {
        "base": result(6, unparsed=0.8, truncated=0.15),
        "base_likelihood": result(93, manner="listed"),
        "sft": result(157),
        "grpo": result(159),
    }
    paired = {
        ("base", "sft"): pair("base", "sft", p=1e-9, only=(1, 152), ci95=(0.45, 0.56)),
        ("sft", "grpo"): pair("sft", "grpo"),
        ("base_likelihood", "grpo"): pair(
            "base_likelihood", "grpo", p=1e-6, only=(20, 86), ci95=(0.16, 0.28)
        ),
        ("base", "grpo"): pair("base", "grpo"),
    }
    told = [say(text) for text in tell_suite(WORLD, models, paired, Guess(share=0.26, how=FROM_OPTIONS))]
    assert [text.split()[0] for text in told] == ["Asked", "SFT", "GRPO", "Beside", "No"]
    assert "In 95.0 % of its replies no answer can be read." in told[0]
    assert "(the options shown), it has 31.0 % on 300 cases" in told[0]
    assert "differs by +22.0 points" in told[3] and "chance" not in told[3]
    assert told[4].endswith("can tell: the base model.")


def test_a_part_is_named_with_every_score():
    models = {"base": result(52, 200), "base_likelihood": result(60, 200), "grpo": result(70, 200)}
    paired = {
        ("base", "grpo"): pair("base", "grpo", n=200),
        ("base_likelihood", "grpo"): pair("base_likelihood", "grpo", n=200),
    }
    told = list(tell_suite(PART, models, paired, None))
    assert len(told) == 3 and all("200 of 1,273 questions" in text for text in told)
    assert told[0].count("200 of 1,273 questions") == 2


def test_steps_and_pairs():
    models = {
        "base": result(6, steps_supported=None),
        "sft": replace(result(157), steps_supported=0.8123, pairs=100, pairs_right=0.3),
    }
    steps, pairs = (say(text) for text in tell_steps(WORLD, models))
    assert steps.endswith("the base model wrote none and SFT 81.2 %.")
    assert "Of 100 pairs" in pairs and pairs.endswith("SFT 30.0 %.")
    assert not list(tell_steps(WORLD, {"base": result(6)}))


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (1e-12, "p < 0.001"),
        (0.00099, "p < 0.001"),
        (0.001, "p = 0.001"),
        (0.0431, "p = 0.043"),
        (0.34, "p = 0.34"),
        (0.999, "p > 0.99"),
        (1.0, "p = 1"),
    ],
)
def test_p_values(p, text):
    assert say(write_p(p)) == text


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (write_percent(0.5234), "52.3 %"),
        (write_percent(None), "\u2013"),
        (write_points(0.0), "0.0"),
        (write_points(-0.0004), "0.0"),
        (write_points(-0.123), "-12.3"),
        (write_points(0.283), "+28.3"),
        (write_duration(47), "47 s"),
        (write_duration(725), "12 min"),
        (write_duration(12_400), "3.4 h"),
        (write_memory(840), "840 MB"),
        (write_memory(1610), "1.6 GB"),
    ],
)
def test_numbers(written, text):
    assert say(written) == text


@pytest.mark.parametrize(
    ("asked", "n", "scope", "part"),
    [
        (WORLD, 300, "300 cases", ""),
        (WORLD, 1, "1 case", ""),
        (Asked(n=100, of=None, limit=100), 100, "100 cases", "100 cases, limit 100"),
        (Asked(n=60, of=None, limit=100), 60, "60 cases", ""),
        (PART, 200, "200 of 1,273 questions", "200 of 1,273 questions"),
        (Asked(n=1273, of=1273, limit=None), 1273, "all 1,273 questions", ""),
        (Asked(n=1273, of=1273, limit=2000), 1273, "all 1,273 questions", ""),
        (Asked(n=1273, of=1273, limit=None), 1200, "1,200 of 1,273 questions", "1,200 of 1,273 questions"),
    ],
)
def test_scope(asked, n, scope, part):
    assert (write_scope(asked, n), find_part(asked, n)) == (scope, part)


def test_what_guessing_gives():
    world, exam = make_world(5, twins=False), make_exam(3)
    abstracts = [
        replace(c, kind="abstract", options={"A": "yes", "B": "no", "C": "maybe"}, answer=letter)
        for c, letter in zip(make_exam(4), "AABC", strict=True)
    ]
    of_world, of_exam, of_abstracts = find_guess(world), find_guess(exam), find_guess(abstracts)
    assert of_world and of_exam and of_abstracts
    assert of_world.how == FROM_OPTIONS and 0.24 < of_world.share < 0.3
    assert of_exam == Guess(share=0.25, how=AT_RANDOM)
    assert of_abstracts == Guess(share=0.5, how=COMMONEST)
    mixed = find_guess([*exam, *abstracts])
    assert mixed and mixed.share == pytest.approx((3 * 0.25 + 4 * 0.5) / 7)
    free = replace(exam[0], options={}, answer="aspirin")
    assert find_guess([free]) is None and find_guess([*exam, free]) is None and find_guess([]) is None


@pytest.mark.parametrize(
    ("overrides", "unseen"),
    [
        ([], True),
        (["grpo.cases.0.split=test"], False),
        (["evaluate.cases.0.split=train"], False),
        (["sft=null"], True),
    ],
)
def test_unseen_is_said_of_other_splits_only(overrides, unseen):
    recipe = load_recipe(SHIPPED / "demo.yaml")
    assert is_unseen(set_values(recipe, overrides) if overrides else recipe) == unseen
