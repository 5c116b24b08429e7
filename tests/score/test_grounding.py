"""The grounding judge: what the case does not hold is found, and the step is named."""

import random
import re

import pytest

from gazal.core.trace import Trace
from gazal.core.truth import DiagnosisTruth, TreatmentTruth
from gazal.score.grounding import judge_grounding
from gazal.score.lexicon import build_lexicon, find_mentions
from gazal.world.generate import make_cases
from gazal.world.knowledge import load_knowledge
from gazal.world.solve import solve

KNOWLEDGE = load_knowledge()


def edit(case, old, new):
    text = solve(case).text
    assert old in text, old
    return judge_grounding(case, Trace(case_id=case.id, text=text.replace(old, new, 1)))


def first(kind, test=lambda case: True, **options):
    return next(case for case in make_cases([kind], n=500, seed=6, **options) if test(case))


def test_a_denied_finding_cited_as_present_is_contradicted():
    case = first("diagnosis", lambda c: c.truth.denied)
    assert isinstance(case.truth, DiagnosisTruth)
    name, phrase = next(iter(case.truth.denied.items()))
    score = edit(case, phrase, KNOWLEDGE.findings[name].present[0])
    assert score.why == "contradicted" and score.steps[0].support == "contradicted"
    assert "the case says otherwise" in score.steps[0].why and score.value < 1.0


def test_an_invented_finding_is_unknown_and_costs():
    case = first("diagnosis", lambda c: "hemiparesis" not in c.truth.shown | c.truth.denied)
    score = edit(case, "The findings are ", "The findings are weakness of the arm or leg on one side, ")
    assert score.why == "invented" and score.steps[0].support == "unknown" and 0.0 < score.value < 1.0


def test_leaving_a_finding_out_everywhere_is_incomplete():
    case = first("diagnosis")
    assert isinstance(case.truth, DiagnosisTruth)
    phrase = next(iter(case.truth.shown.values()))
    text = re.sub(rf"[^\n]*{re.escape(phrase)}[^\n]*\n", "", solve(case).text, count=0)
    assert judge_grounding(case, Trace(case_id=case.id, text=text)).value < 1.0


def test_a_wrong_frequency_is_contradicted():
    case = first("diagnosis", lambda c: "would be rare" in solve(c).text)
    score = edit(case, "would be rare", "would be very common")
    assert score.why == "contradicted" and sum(s.support == "contradicted" for s in score.steps) == 1


def test_a_drug_that_nothing_forbids_is_not_ruled_out():
    case = first("treatment", lambda c: "rules it out" not in solve(c).text)
    score = edit(case, "no fact speaks against it", "age rules it out")
    assert score.why == "contradicted"
    case = first("treatment", lambda c: "rules it out" in solve(c).text)
    assert isinstance(case.truth, TreatmentTruth)
    text = re.sub(r"; [^\n]* rules it out", "; no fact speaks against it", solve(case).text, count=1)
    score = judge_grounding(case, Trace(case_id=case.id, text=text))
    assert score.why == "contradicted" and score.steps[2].support == "contradicted"


def test_a_drug_ruled_out_for_another_reason_is_contradicted():
    def has_idle_fact(case):
        text = solve(case).text
        return "rules it out" in text and any(text.count(phrase) == 1 for phrase in case.truth.facts.values())

    case = first("treatment", has_idle_fact, difficulty="hard")
    text = solve(case).text
    assert isinstance(case.truth, TreatmentTruth)
    idle = next(
        p for p in case.truth.facts.values() if text.count(p) == 1 and "eGFR" not in p and "mmol" not in p
    )
    wrong = re.sub(r"; [^\n]* rules it out", f"; {idle} rules it out", text, count=1)
    score = judge_grounding(case, Trace(case_id=case.id, text=wrong))
    assert score.steps[2].support == "contradicted"


def test_what_a_drug_is_not_given_in_is_held_against_the_knowledge():
    """Listed reasons are known of the drug; the patient need not have them."""
    case = first("treatment", lambda c: "which is not given in" in solve(c).steps[2])
    assert isinstance(case.truth, TreatmentTruth)
    drug = KNOWLEDGE.drugs[next(iter(case.truth.forbidden))]
    other = next(m.label for n, m in KNOWLEDGE.modifiers.items() if n not in drug.avoid)
    assert judge_grounding(case, solve(case)).value == 1.0
    score = edit(case, "which is not given in ", f"which is not given in {other}, ")
    assert score.steps[2].support == "contradicted" and f"{other.lower()}: not so" in score.steps[2].why


def test_limits_with_decimals_among_reasons_are_read_whole():
    case = first("treatment", lambda c: re.search(r"not given in [^;]*\d\.\d", solve(c).text))
    assert judge_grounding(case, solve(case)).value == 1.0


@pytest.mark.parametrize("kind", ["uncertainty", "prognosis"])
def test_a_changed_number_is_found(kind):
    found, n, rng = 0, 0, random.Random(1)
    for case in make_cases([kind], n=150, seed=2):
        text = solve(case).text
        places = list(re.finditer(r"(?<!Step )(?<![\w.])\d+(?:\.\d+)?", text[: text.index("</think>")]))
        place = rng.choice(places)
        changed = text[: place.start()] + str(round(float(place[0]) + 137.3, 1)) + text[place.end() :]
        score = judge_grounding(case, Trace(case_id=case.id, text=changed))
        n += 1
        found += score.value < 1.0 and any(step.support != "supported" for step in score.steps)
    assert found == n


KINDS = ["diagnosis", "treatment", "uncertainty", "prognosis", "recall"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wording", ["It is {text}, option {letter}.", "{text} is option {letter}."])
def test_a_letter_is_held_against_the_list(kind, wording):
    case = first(kind)
    step, text = solve(case).steps[-1], case.options[case.answer]
    other = next(letter for letter in case.options if letter != case.answer)
    right, wrong = (wording.format(text=text, letter=letter) for letter in (case.answer, other))
    assert edit(case, step, right).steps[-1].support == "supported"
    assert edit(case, step, wrong).steps[-1].support == "contradicted"


def test_a_wrong_fact_is_contradicted():
    case = first("recall")
    other = next(text for letter, text in case.options.items() if letter != case.answer)
    step = solve(case).steps[0]
    wrong = re.sub(re.escape(case.options[case.answer]), other, step, flags=re.IGNORECASE)
    score = edit(case, step, wrong)
    assert score.steps[0].support == "contradicted"


def test_empty_and_copied_steps_earn_little():
    case = first("diagnosis")
    spam = "<think>\n" + "\n".join(f"Step {n}: I think carefully." for n in range(1, 9)) + "\n</think>"
    assert judge_grounding(case, Trace(case_id=case.id, text=spam)).why == "no_claims"
    assert judge_grounding(case, Trace(case_id=case.id, text="<think></think>")).why == "no_steps"


def test_mentions_are_longest_first_and_negations_turn_them():
    lexicon = build_lexicon(
        [
            ("fever", "fever", True),
            ("no fever", "fever", False),
            ("rheumatic fever", "", True),
            ("a rash", "rash", True),
        ]
    )

    def find(text):
        return [(m.name, m.present) for m in find_mentions(lexicon, text)]

    assert find("Fever, a rash.") == [("fever", True), ("rash", True)]
    assert find("no fever") == [("fever", False)]
    assert find("denies any fever") == [("fever", False)]
    assert find("without a rash but fever") == [("rash", False), ("fever", True)]
    assert find("rheumatic fever") == []
    assert find("feverish") == []
