"""A judge of your own: is a reply as sure of itself as it should be?

    python examples/add_a_judge.py

You learn what a judge is, how it stands beside the built-in ones on good and spoiled replies, and what each
promises. A line in `gazal/score/table.py` makes it one of them, and `tests/contract` then tests it.
"""

from collections import defaultdict
from dataclasses import replace
from statistics import fmean

from gazal.core.case import Case
from gazal.core.score import Score
from gazal.core.trace import Trace
from gazal.score.answer import judge_answer
from gazal.score.table import JUDGES
from gazal.world.generate import make_cases
from gazal.world.solve import solve


def judge_calibration(case: Case, trace: Trace) -> Score:
    """1 - 2 (confidence - right)^2: 1.0 sure and right, 0.5 undecided, -1.0 sure and wrong.

    The Brier score turned round: on average, stating one's true probability of being right pays most.
    """
    answer, stated = judge_answer(case, trace), trace.confidence
    if answer.value is None or answer.why == "abstained" or stated is None:
        return Score(value=None, why="engine_error" if answer.value is None else "nothing_stated")
    right, sure = answer.why == "right", "sure" if stated >= 0.8 else "unsure"
    return Score(value=1.0 - 2.0 * (stated - right) ** 2, why=f"{sure}_{'right' if right else 'wrong'}")


def spoil(case: Case, good: Trace) -> dict[str, Trace]:
    """A worked solution, and what could have been written instead."""
    other = next(letter for letter in case.options if letter != case.answer)
    right = good.text.rpartition("\n")[0]  # The last line states the confidence.
    wrong = right.replace(rf"\boxed{{{case.answer}}}", rf"\boxed{{{other}}}")
    texts = {"worked solution": good.text, "no confidence": right}
    for share in (0.99, 0.5):
        texts |= {f"{share} sure, right": f"{right}\n**Confidence:** {share}"}
        texts |= {f"{share} sure, wrong": f"{wrong}\n**Confidence:** {share}"}
    return {name: replace(good, text=text) for name, text in texts.items()}


if __name__ == "__main__":
    judges, values = {**JUDGES, "calibration": judge_calibration}, defaultdict(lambda: defaultdict(list))
    for case in make_cases(["uncertainty"], n=20, seed=5):
        for what, trace in spoil(case, solve(case)).items():
            for name, judge in judges.items():
                score, again = judge(case, trace), judge(case, trace)
                assert score == again and score.why.isidentifier(), "the same twice, and a slug for a reason"
                assert score.value is None or -1.0 <= score.value <= 1.0, "in range, or unscored"
                values[what][name].append(score.value)
    print(f"{'mean over 20 cases':20}", *(f"{name:>12}" for name in judges))
    for what, by_judge in values.items():
        means = [f"{fmean(found):.2f}" if None not in found else "unscored" for found in by_judge.values()]
        print(f"{what:20}", *(f"{mean:>12}" for mean in means))
