"""A judge of your own: can the steps of a reply be read, one thought each?

    python examples/add_a_judge.py

You learn what a judge is, how it stands beside the built-in ones on good and spoiled replies, and what each
promises. A line in `gazal/score/table.py` makes it one of them, and `tests/contract` then tests it; a name
and a weight in `gazal/config/reward.py` let recipes pay for it (docs/rewards.md).
"""

from collections import defaultdict
from dataclasses import replace
from statistics import fmean

from gazal.core.case import Case
from gazal.core.score import Score
from gazal.core.trace import Trace
from gazal.score.table import JUDGES
from gazal.world.generate import make_cases
from gazal.world.solve import solve

LONGEST = 40  # Words of a step that can be read in one breath.


def judge_steps(case: Case, trace: Trace) -> Score:
    """Score the share of steps of up to `LONGEST` words, from -1.0 for none to 1.0 ``readable`` for all."""
    if trace.stop == "error":
        return Score(value=None, why="engine_error")
    if not trace.steps:
        return Score(value=-1.0, why="no_steps")
    share = sum(len(step.split()) <= LONGEST for step in trace.steps) / len(trace.steps)
    return Score(value=2.0 * share - 1.0, why="readable" if share == 1.0 else "long_winded")


def spoil(case: Case, good: Trace) -> dict[str, Trace]:
    """A worked solution, and what could have been written instead."""
    other, (first, second, *_) = min(case.options.keys() - case.answer), good.steps
    texts = {
        "worked solution": good.text,
        "wrong letter": good.text.replace(rf"\boxed{{{case.answer}}}", rf"\boxed{{{other}}}"),
        "two steps in one": good.text.replace(f"{first}\nStep 2: {second}", f"{first} {second} " * 3),
        "no thinking": good.text.partition("</think>")[2],
    }
    return {name: replace(good, text=text) for name, text in texts.items()}


if __name__ == "__main__":
    judges, values = {**JUDGES, "steps": judge_steps}, defaultdict(lambda: defaultdict(list))
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
