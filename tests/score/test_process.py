"""The process judge: worked solutions at the top, a fault named in its step, nothing for saying it twice."""

from collections import Counter
from random import Random

import pytest
from mutations import mutate

from gazal.core.chat import write_reply
from gazal.core.trace import Trace
from gazal.score.grounding import judge_grounding
from gazal.score.process import judge_process
from gazal.score.steps import MOST_STEPS
from gazal.score.table import JUDGES
from gazal.world.generate import WORLD_KINDS, make_cases
from gazal.world.solve import solve


def first(kind, test=lambda case: True):
    return next(case for case in make_cases([kind], n=300, seed=6) if test(case))


def judge(case, steps, answer=None):
    return judge_process(case, Trace(case_id=case.id, text=write_reply(steps, "So.", answer or case.answer)))


def edit(case, old, new):
    text = solve(case).text
    assert old in text, old
    return judge_process(case, Trace(case_id=case.id, text=text.replace(old, new, 1)))


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("twins", [False, True])
def test_worked_solutions_score_at_the_top_of_every_judge(split, twins):
    kinds = Counter()
    for case in make_cases(n=500, seed=7, split=split, twins=twins):
        kinds[case.kind] += 1
        reply = solve(case)
        scores = {name: judge(case, reply) for name, judge in JUDGES.items() if name != "calibration"}
        assert {name: s.value for name, s in scores.items()} == dict.fromkeys(scores, 1.0), reply.text
        assert scores["process"].why == "sound"
    assert kinds.keys() == set(WORLD_KINDS)


def test_of_a_thousand_faults_99_in_100_lower_a_judge_and_name_the_step():
    rng, sorts, missed = Random(41), Counter(), []
    for case in make_cases(n=1000, seed=43, split="test"):
        mutant = mutate(case, rng)
        assert mutant is not None
        sorts[case.kind, mutant.sort] += 1
        for judge_one in (judge_process, judge_grounding):
            whole, faulty = judge_one(case, solve(case)), judge_one(case, mutant.trace)
            if faulty.value < whole.value and faulty.steps[mutant.step].support != "supported":
                break
        else:
            missed.append((case.kind, mutant.sort, mutant.told))
    assert len(sorts) >= 15 and sum(sorts.values()) == 1000
    assert len(missed) <= 10, missed


def test_without_truth_or_reply_it_has_no_opinion():
    case, trace = first("recall"), solve(first("recall"))
    assert judge_process(case, Trace(case_id=case.id, text="", stop="error")).why == "engine_error"
    assert judge_process(case, Trace(case_id=case.id, text="It is so.")).why == "no_steps"
    bare = type(case)(
        **{f: getattr(case, f) for f in case.__slots__ if f not in ("truth", "kind")}, kind="exam", truth=None
    )
    assert judge_process(bare, trace).value is None


def test_steps_that_compute_nothing_earn_nothing():
    score = judge(first("prognosis"), ["Let us think about this patient.", "It is not easy to say."])
    assert (score.value, score.why) == (-1.0, "nothing_computed")
    assert {step.support for step in score.steps} == {"unknown"}


@pytest.mark.parametrize("kind", WORLD_KINDS)
def test_saying_it_again_earns_nothing_more(kind):
    case = first(kind)
    steps = list(solve(case).steps)
    twice = judge(case, [step for step in steps for _ in range(2)])
    assert twice.value <= judge(case, steps).value
    assert [step.support for step in twice.steps[1::2]].count("supported") == 0


@pytest.mark.parametrize("kind", WORLD_KINDS)
def test_the_question_echoed_is_no_computation(kind):
    case = first(kind)
    echo = judge(case, [case.question.replace("\n", " "), *case.options.values()])
    assert echo.value <= 0.5 and echo.value < judge(case, list(solve(case).steps)).value


@pytest.mark.parametrize("kind", WORLD_KINDS)
def test_each_left_out_step_costs_or_computes_nothing(kind):
    case = first(kind)
    steps = list(solve(case).steps)
    whole = judge(case, steps)
    supported = [n for n, step in enumerate(whole.steps) if step.support == "supported"]
    assert supported
    for n in supported:
        left = judge(case, steps[:n] + steps[n + 1 :])
        assert left.value < 1.0 or whole.steps[n].why == "said before", steps[n]


def test_weighing_fewer_findings_is_no_way_out():
    def weighs_three(case):
        return "would be" in solve(case).steps[1] and solve(case).steps[1].count("would be") == 3

    case = first("diagnosis", weighs_three)
    steps = [
        step if not step.startswith("With ") else step.partition(",")[0] + "," + step.split(",")[1] + "."
        for step in solve(case).steps
    ]
    short = judge(case, steps)
    assert short.why == "incomplete" and short.value < 0.8


def test_a_slip_in_a_running_sum_is_named_once():
    case = first("prognosis", lambda c: "so far" in solve(c).text and len(c.truth.points) > 4)
    steps = list(solve(case).steps)
    at = next(n for n, step in enumerate(steps) if "so far" in step)
    head, _, _ = steps[at].rpartition(", ")
    score = judge(case, [*steps[:at], f"{head}, 37 so far.", *steps[at + 1 :]])
    assert [n for n, step in enumerate(score.steps) if step.support == "contradicted"] == [at, at + 1]
    assert "so far" in score.steps[at].why


def test_right_arithmetic_on_the_wrong_patients_is_named():
    case = first("uncertainty", lambda c: abs(c.truth.pretest - 0.5) > 0.05)
    steps = list(solve(case).steps)
    score = judge(case, [*steps[:3], "The others: 50% of 444 is 222.0 who test so.", *steps[3:]])
    assert score.steps[3].support == "contradicted" and "no such group" in score.steps[3].why


def test_a_wrong_choice_after_right_computations_is_named():
    case = first("uncertainty")
    other = next(letter for letter in case.options if letter != case.answer)
    steps = [*list(solve(case).steps)[:-1], f"It is {case.options[other]}, option {other}."]
    score = judge(case, steps, other)
    assert score.steps[-1].support == "contradicted" and case.options[case.answer] in score.steps[-1].why
    assert 0.0 < score.value < 1.0


def test_endless_steps_are_read_up_to_a_limit():
    case = first("prognosis")
    score = judge(case, ["For age 50: 1 point."] * (10 * MOST_STEPS))
    assert len(score.steps) == 10 * MOST_STEPS and score.value < 0.0
    assert {step.support for step in score.steps[MOST_STEPS:]} == {"unknown"}
