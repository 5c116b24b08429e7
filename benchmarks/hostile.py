"""How long every judge takes over the worst that can be written: about a megabyte each, and many short ones.

    python benchmarks/hostile.py [--json] [--short 10000]

Nothing may crash or leave its range; a megabyte is to be judged within a CPU second by all judges together.
Short ones are random pieces of replies, tags, numbers, control characters and lone surrogates, some 1,600
characters each.
"""

import argparse
import json
import time
from collections.abc import Iterator, Mapping
from random import Random

from gazal.core.case import Case
from gazal.core.trace import Trace
from gazal.score.table import Judge, build_judges
from gazal.world.generate import make_cases
from gazal.world.solve import solve

SIZE = 1_000_000
IN_A_STEP = (
    "for ",
    "for a: ",
    "total of 3 means ",
    " option A",
    "which is not given in ",
    "\u200b",
    "1+",
    "5% of ",
    "9",
    "With A, fever would be rare ",
    "the findings are ",
    "facts to weigh: ",
    "probability of ",
)
ANYWHERE = (
    "\0",
    "\ud83d",
    "\u202e",
    "\\boxed{",
    "</think>\\boxed{A}",
    "{}",
    "<think>",
    "</think>",
    " ",
    "\n",
    "a. ",
    "\u533b",
    "</think>**Confidence:** 0.5\n",
    "Step 1: ",
)


def fill(piece: str) -> str:
    return (piece * (SIZE // len(piece) + 1))[:SIZE]


def write_worst(case: Case) -> Iterator[tuple[str, str]]:
    """Names and texts of a megabyte each."""
    for piece in IN_A_STEP:
        yield f"a step of {piece!r}", f"<think>\nStep 1: {fill(piece)}</think>\\boxed{{A}}"
    for piece in ANYWHERE:
        yield repr(piece), fill(piece)
    yield "steps", "<think>" + "Step 1: x\n" * 100_000 + "</think>\\boxed{A}"
    yield "the question as steps", "<think>\n" + f"Step 1: {case.question}\n" * 3000 + "</think>\\boxed{A}"
    yield "the question as a step", f"<think>\nStep 1: {fill(case.question)}</think>\\boxed{{A}}"
    yield "nested tags", "<think>" * 50_000 + "</think>" * 50_000
    yield "the solution again and again", fill(solve(case).text)
    yield "random", "".join(map(chr, Random(1).choices(range(32, 0x2FFF), k=SIZE)))


def write_short(case: Case, rng: Random) -> str:
    """Pieces of a worked solution among what is in no reply."""
    lines = [*solve(case).text.split("\n"), *IN_A_STEP, *ANYWHERE]
    return "".join(rng.choice(lines) * rng.choice((1, 1, 1, 9)) + rng.choice("\n ") for _ in range(40))[:1600]


def take_time(judges: Mapping[str, Judge], case: Case, text: str) -> float:
    """CPU seconds of all judges; each must stay in its range."""
    trace, began = Trace(case_id=case.id, text=text, n_tokens=len(text) // 4), time.process_time()
    for name, judge in judges.items():
        value = judge(case, trace).value
        assert value is None or -1.0 <= value <= 1.0, (name, case.kind, value)
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--short", type=int, default=10_000)
    args = parser.parse_args()
    judges, cases = build_judges(length_target=300, length_limit=600), list(make_cases(n=5, seed=3))
    worst = sorted(
        ((take_time(judges, c, t), c.kind, n) for c in cases for n, t in write_worst(c)), reverse=True
    )
    rng = Random(0)
    short = sorted(take_time(judges, c, write_short(c, rng)) for c in rng.choices(cases, k=args.short))
    print(f"{len(worst)} texts of some {SIZE:,} characters; the slowest, CPU seconds of all judges:")
    for seconds, kind, name in worst[:5]:
        print(f"{seconds:6.2f}  {kind}: {name}")
    middle = short[len(short) // 2]
    print(f"{len(short):,} short ones: median {1000 * middle:.2f} ms, slowest {1000 * short[-1]:.1f} ms")
    if args.json:
        record = {
            "slowest_s": worst[0][0],
            "short": len(short),
            "short_median_s": middle,
            "short_slowest_s": short[-1],
        }
        print(json.dumps(record))


if __name__ == "__main__":
    main()
