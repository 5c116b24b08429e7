"""What the generator promises: determinism, splits that never meet, hard options, twins that flip the key."""

from collections import Counter
from itertools import islice

import pytest

from gazal.core.case import WORLD_KINDS
from gazal.core.truth import DiagnosisTruth, TreatmentTruth, UncertaintyTruth
from gazal.world.check import find_change
from gazal.world.draft import find_split
from gazal.world.generate import make_cases
from gazal.world.kinds.decisions import decide
from gazal.world.kinds.vignettes import DIALS, MARGIN
from gazal.world.signature import sign_case
from gazal.world.universe import build_universe


@pytest.mark.parametrize("kind", WORLD_KINDS)
def test_same_seed_same_cases_and_a_longer_run_starts_alike(kind):
    long = list(make_cases([kind], n=40, seed=3))
    assert list(make_cases([kind], n=25, seed=3)) == long[:25]
    assert {case.id for case in make_cases([kind], n=25, seed=4)}.isdisjoint(case.id for case in long)


@pytest.mark.parametrize("kind", WORLD_KINDS)
def test_splits_never_share_a_case_and_no_case_comes_twice(kind):
    twins = kind != "recall"
    seen = {}
    for split in ("train", "validation", "test"):
        cases = [
            case for seed in (1, 2) for case in make_cases([kind], n=150, seed=seed, split=split, twins=twins)
        ]
        texts = {(case.question, tuple(case.options.values())) for case in cases}
        assert all(case.split == split == sign_case(case.truth) for case in cases)
        for other, known in seen.items():
            assert texts.isdisjoint(known), (split, other)
        seen[split] = texts
    one = [case.id for case in make_cases([kind], n=400, seed=9)]
    assert len(set(one)) == 400


def test_no_split_asks_recall_for_a_fact_of_another():
    asked = {
        split: {
            (t.relation, t.subject) for t in (c.truth for c in make_cases(["recall"], n=800, split=split))
        }
        for split in ("train", "validation", "test")
    }
    assert len(asked["test"]) > 30
    assert asked["test"].isdisjoint(asked["train"]) and asked["validation"].isdisjoint(asked["train"])


def test_about_a_tenth_each_is_test_and_validation():
    counts = Counter(find_split(f"signature {n}") for n in range(20000))
    assert 0.08 < counts["test"] / 20000 < 0.12 and 0.08 < counts["validation"] / 20000 < 0.12


@pytest.mark.parametrize("difficulty", ["easy", "medium", "hard"])
def test_the_dial_of_diagnosis_holds(difficulty):
    dial, universe = DIALS[difficulty], build_universe()
    for case in make_cases(["diagnosis"], n=60, seed=5, difficulty=difficulty):
        assert isinstance(case.truth, DiagnosisTruth) and case.tags.difficulty == difficulty
        ranked = sorted(case.truth.posterior.values(), reverse=True)
        best = case.truth.posterior[case.truth.candidates[case.answer]]
        assert best == ranked[0]
        assert dial.least - 1e-6 <= best < dial.most and best >= MARGIN * ranked[1] - 1e-5
        assert dial.shown[0] - 1 <= len(case.truth.shown) <= dial.shown[1]
        column = universe.likelihoods.column
        mentioned = [column[name] for name in (*case.truth.shown, *case.truth.denied)]
        assert not universe.apart_FF[mentioned][:, mentioned].any()


def test_hard_diagnosis_has_nearer_distractors_than_easy():
    def near(difficulty):
        shares = []
        for case in make_cases(["diagnosis"], n=150, seed=5, difficulty=difficulty):
            assert isinstance(case.truth, DiagnosisTruth)
            options = sorted(case.truth.posterior[name] for name in case.truth.candidates.values())
            shares.append(options[-2])
        return sum(shares) / len(shares)

    assert near("hard") > 3 * near("easy")


@pytest.mark.parametrize("kind", [kind for kind in WORLD_KINDS if kind != "recall"])
def test_a_twin_differs_in_one_thing_and_flips_the_key(kind):
    cases = list(make_cases([kind], n=60, seed=2, twins=True))
    assert len(cases) == 120
    for case, twin in zip(cases[::2], cases[1::2], strict=True):
        assert case.truth and twin.truth and case.truth.twin and twin.truth.twin
        assert (case.truth.twin.id, twin.truth.twin.id) == (twin.id, case.id)
        assert case.options == twin.options and case.answer != twin.answer
        assert case.truth.twin.change == find_change(case.truth, twin.truth) is not None
        if isinstance(case.truth, UncertaintyTruth):
            assert case.truth.positive != twin.truth.positive
        if isinstance(case.truth, TreatmentTruth):
            assert len(set(case.truth.holds) ^ set(twin.truth.holds)) == 1


@pytest.mark.parametrize("kind", WORLD_KINDS)
def test_every_place_holds_the_key_equally_often(kind):
    counts = Counter(case.answer for case in make_cases([kind], n=2000, seed=8))
    n = {letter: counts[letter] for letter in "ABCD"}
    expected = (
        {"A": 583, "B": 583, "C": 583, "D": 250} if kind == "uncertainty" else dict.fromkeys("ABCD", 500)
    )
    for letter, count in n.items():
        assert abs(count - expected[letter]) < 110, n  # Five standard deviations.


def rank_of_key(case):
    """Where the key stands among the options by what could tell them apart without the question."""
    knowledge, truth = build_universe().knowledge, case.truth
    orders = {
        "diagnosis": lambda name: knowledge.conditions[name].weight,
        "treatment": lambda name: knowledge.treatments[truth.problem].choices.index(name),
        "uncertainty": float,
        "prognosis": float,
        "recall": str,
    }
    ranked = sorted(truth.candidates.values(), key=orders[case.kind])
    return ranked.index(truth.candidates[case.answer])


@pytest.mark.parametrize("kind", WORLD_KINDS)
def test_the_key_is_any_of_its_options_equally_often(kind):
    cases = [case for case in make_cases([kind], n=3000, seed=18) if len(case.options) == 4]
    counts = Counter(rank_of_key(case) for case in cases)
    for rank in range(4):
        assert abs(counts[rank] / len(cases) - 0.25) < 0.05, counts  # Five standard deviations.


def test_each_decision_is_right_equally_often():
    truths = [case.truth for case in make_cases(["uncertainty"], n=3000, seed=18)]
    counts = Counter(decide(t.posttest, t.test_below, t.treat_above) for t in truths if t.form == "decision")
    for action in ("treat", "test", "wait"):
        assert abs(counts[action] / counts.total() - 1 / 3) < 0.06, counts


def test_cases_come_as_a_stream():
    assert len(list(islice(make_cases(n=10**9), 5))) == 5


def test_recall_options_each_answer_some_question():
    keys = Counter(case.options[case.answer] for case in make_cases(["recall"], n=3000, seed=1))
    distractors = Counter(
        text
        for case in make_cases(["recall"], n=3000, seed=1)
        for letter, text in case.options.items()
        if letter != case.answer
    )
    common = [text for text, n in distractors.items() if n >= 40]
    assert common and all(keys[text] > 0 for text in common)
