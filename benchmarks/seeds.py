"""Several runs of one recipe, with different seeds, pooled: does GRPO add to SFT?

    for s in 0 1 2; do gazal run recipes/demo-long.yaml --set seed=$s --out runs/long-$s; done
    python benchmarks/seeds.py runs/long-0 runs/long-1 runs/long-2 [--json]

All runs were evaluated on the same cases. For each case the mean over the runs of (GRPO right - SFT right) is
taken; the pooled difference is its mean over the cases, its interval the percentile bootstrap over them, so
that the replies of several models to one case count as one draw. The runs are the seeds that were named, all
of them; that other seeds would give other differences shows in the lines of the single runs. Beside it: steps
that the truth supports, and the truth channel of each GRPO stage, before its first step and at its last.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from gazal.core.case import Case
from gazal.core.pairs import find_pairs
from gazal.core.store import read_cases, read_traces
from gazal.core.trace import Trace
from gazal.evaluate.compare import RESAMPLES
from gazal.evaluate.counted import find_counted
from gazal.score.answer import judge_answer
from gazal.score.process import judge_process

STAGES = ("sft", "grpo")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = pool([weigh_run(run) for run in args.runs])
    if args.json:
        print(json.dumps(found))
        return
    for run, one in zip(args.runs, found["runs"], strict=True):
        print(f"{run}: {describe(one)}")
    low, high = found["ci95"]
    print(
        f"pooled over {len(args.runs)} runs, {found['n']} cases: SFT {found['sft']:.1%}, GRPO "
        f"{found['grpo']:.1%}, difference {found['delta']:+.1%} (95 % {low:+.1%} to {high:+.1%})"
    )
    print(f"steps supported: SFT {found['supported']['sft']:.1%}, GRPO {found['supported']['grpo']:.1%}")


def weigh_run(run: Path) -> dict[str, Any]:
    """Which of the counted cases each stage's model has right, and how its steps stand."""
    cases = read_cases(run / "cases" / "evaluate" / "cases.jsonl")
    counted = {case.id: case for case in find_counted(cases, find_pairs(cases))}
    replies = {
        stage: [t for t in read_traces(run / "evaluate" / f"{stage}.jsonl") if t.case_id in counted]
        for stage in STAGES
    }
    rows = [json.loads(line) for line in (run / "grpo" / "steps.jsonl").read_text().splitlines()]
    truth = [row["truth/right"] for row in rows if row.get("truth/right") is not None]
    pairs = [row["truth/pairs_right"] for row in rows if row.get("truth/pairs_right") is not None]
    return {
        "right": {stage: find_right(counted, traces) for stage, traces in replies.items()},
        "supported": {stage: share_supported(counted, traces) for stage, traces in replies.items()},
        "truth": (truth[0], truth[-1]),
        "truth_pairs": (pairs[0], pairs[-1]),
    }


def find_right(cases: dict[str, Case], traces: list[Trace]) -> dict[str, bool]:
    """Case to whether the reply to it is right."""
    return {t.case_id: judge_answer(cases[t.case_id], t).why == "right" for t in traces}


def share_supported(cases: dict[str, Case], traces: list[Trace]) -> float:
    """Of all reasoning steps, those in which what is computed holds."""
    steps = [step for t in traces for step in judge_process(cases[t.case_id], t).steps]
    return sum(step.support == "supported" for step in steps) / len(steps)


def pool(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The mean over cases of the mean over runs, with a bootstrap over cases.

    Raises:
        ValueError: The runs were not evaluated on the same cases.
    """
    ids = sorted(runs[0]["right"]["sft"])
    if any(sorted(run["right"][stage]) != ids for run in runs for stage in STAGES):
        raise ValueError("the runs were not evaluated on the same cases")
    right = {stage: np.array([[run["right"][stage][i] for i in ids] for run in runs]) for stage in STAGES}
    gain_C = (right["grpo"].astype(float) - right["sft"]).mean(axis=0)
    draws = np.random.default_rng(0).integers(0, len(ids), size=(RESAMPLES, len(ids)))
    low, high = np.quantile(gain_C[draws].mean(axis=1), (0.025, 0.975))
    return {
        "n": len(ids),
        **{stage: float(right[stage].mean()) for stage in STAGES},
        "delta": float(gain_C.mean()),
        "ci95": (float(low), float(high)),
        "supported": {stage: float(np.mean([run["supported"][stage] for run in runs])) for stage in STAGES},
        "runs": [
            {
                **{stage: float(right[stage][k].mean()) for stage in STAGES},
                **{key: run[key] for key in ("supported", "truth", "truth_pairs")},
            }
            for k, run in enumerate(runs)
        ],
    }


def describe(one: dict[str, Any]) -> str:
    """One run in a line."""
    before, after = one["truth"]
    return (
        f"SFT {one['sft']:.1%}, GRPO {one['grpo']:.1%}; steps supported {one['supported']['sft']:.1%} to "
        f"{one['supported']['grpo']:.1%}; truth channel {before:.1%} to {after:.1%} (pairs "
        f"{one['truth_pairs'][0]:.1%} to {one['truth_pairs'][1]:.1%})"
    )


if __name__ == "__main__":
    main()
