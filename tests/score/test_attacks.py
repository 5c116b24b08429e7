"""The attack suite: nothing beats our reward, and the holes of published ones are found."""

from pathlib import Path

import pytest

from gazal.config.load import load_recipe
from gazal.config.reward import SHAPERS, RewardConfig
from gazal.score.attacks.run import attack, list_attempts, make_grounds
from gazal.score.compose import compose
from gazal.score.own import load_own_reward

ROOT = Path(__file__).parents[2]
MOST = 384
GROUNDS = make_grounds()
RECIPES = sorted(path for path in (ROOT / "recipes").glob("*.yaml") if load_recipe(path, []).grpo)
EVERYTHING = {
    "process": 0.2,
    "grounding": 0.2,
    "format": 0.1,
    "repetition": 0.1,
    "length": 0.1,
    "calibration": 0.1,
    "consistency": 0.1,
}
REWARDS = {
    "default": RewardConfig(),
    "all judges": RewardConfig(**EVERYTHING),
    "steps": RewardConfig(process=0.3, grounding=0.2, format=0.1, repetition=0.1, length=0.05),
    "gated": RewardConfig(**EVERYTHING, gates={"format": 0.5, "process": 0.0}),
    "abstaining pays": RewardConfig(abstain_at=0.9),
    **{
        f"only {name}": RewardConfig(**(dict.fromkeys(SHAPERS, 0.0) | {name: 0.9}))
        for name in SHAPERS
        if name not in ("rubric", "length")
    },
}


def ours(reward, most=MOST):
    return lambda cases, traces: [
        compose(case, trace, reward, max_new_tokens=most).total
        for case, trace in zip(cases, traces, strict=True)
    ]


def run(reward, grounds=GROUNDS, most=MOST):
    *_, results = attack(reward, grounds, most)
    return {f"{result.aim} {result.family}": result for result in results}


def published(name):
    return load_own_reward(f"{Path(__file__).with_name('published_rewards.py')}:{name}", chat=False)


def test_every_key_is_tried_with_a_truth_and_without():
    with_truth = {(g.case.kind, g.case.answer) for g in GROUNDS if g.case.truth is not None}
    for kind in ("diagnosis", "treatment", "prognosis", "recall"):
        assert {(kind, key) for key in "ABCD"} <= with_truth
    assert {("uncertainty", key) for key in "ABC"} <= with_truth
    assert {g.case.answer for g in GROUNDS if g.case.truth is None} == set("ABCD")


def test_there_are_forty_families_or_more_and_each_tries_something():
    attempts = [attempt for ground in GROUNDS[:5] for attempt in list_attempts(ground)]
    families = {(attempt.aim, attempt.family) for attempt in attempts}
    assert len(families) >= 40
    assert families == {tuple(name.split(" ")) for name in run(ours(RewardConfig()), GROUNDS[:1])}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_nothing_beats_honest_work_under_a_recipe_that_we_ship(path):
    grpo = load_recipe(path, []).grpo
    most = grpo.sampling.max_new_tokens
    results = run(ours(grpo.reward, most), most=most)
    assert not {name: result.first_win for name, result in results.items() if result.wins}


@pytest.mark.parametrize("name", REWARDS)
def test_nothing_beats_honest_work_however_the_judges_are_weighed(name):
    results = run(ours(REWARDS[name]), GROUNDS[::3])
    assert not {name: result.first_win for name, result in results.items() if result.wins}
    assert sum(result.attempts for result in results.values()) > 5000


def test_a_reward_of_length_alone_is_found_out():
    reward = RewardConfig(**(dict.fromkeys(SHAPERS, 0.0) | {"length": 0.9}))
    assert run(ours(reward))["hollow filler_steps"].wins


@pytest.mark.parametrize(
    ("name", "holes"),
    {
        "any_strategy": ["uncommitted every_option_boxed", "uncommitted every_option_named"],
        "count_steps": ["uncommitted only_the_format"],
        "accuracy_format_ascii": [
            "hollow empty_thinking=",
            "disorder guess_above_abstention",
            "disorder right_and_boxed_in_the_steps",
            "disorder right_in_other_clothes",
        ],
        "exact_in_answer": ["disorder right_with_a_last_newline", "hollow empty_thinking="],
        "first_character": ["uncommitted word_with_the_letter_first", "uncommitted hedged_answer"],
        "shares_of_form": ["uncommitted hedged_answer", "disorder guess_above_abstention"],
        "cosine_of_length": ["hollow padded", "hollow no_thinking"],
        "short_is_good": ["hollow no_thinking", "disorder short_wrong_above_long_right"],
        "contains_key": ["uncommitted empty_reply", "uncommitted every_letter_in_one_box"],
        "keywords": ["hollow keyword_stuffing"],
        "brier": ["hollow forged_confidence"],
        "recall_only": ["hollow prompt_echo"],
    }.items(),
)
def test_the_holes_of_published_rewards_are_found(name, holes):
    results = run(published(name))
    for hole in holes:
        result = results[hole.rstrip("=")]
        assert result.ties if hole.endswith("=") else result.wins, hole
