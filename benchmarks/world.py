"""How fast the clinical world makes, solves, checks and judges cases, on one core.

    python benchmarks/world.py [--n 2000]

Prints cases a second per kind and writes nothing. Single runs on shared machines are noisy: compare ratios.
"""

import argparse
import platform
import time
from collections.abc import Callable
from typing import TypeVar

from gazal.core.case import WORLD_KINDS, WorldKind
from gazal.score.table import JUDGES
from gazal.world.faults import find_faults
from gazal.world.generate import make_cases
from gazal.world.knowledge import load_knowledge
from gazal.world.solve import solve

T = TypeVar("T")


def time_call(call: Callable[[], T]) -> tuple[float, T]:
    start = time.process_time()
    result = call()
    return time.process_time() - start, result


def measure_kind(kind: WorldKind, n: int) -> dict[str, float]:
    """Cases a second of CPU time for each step."""
    rates = {}
    for split in ("train", "test"):
        seconds, cases = time_call(lambda split=split: list(make_cases([kind], n=n, seed=1, split=split)))
        rates[f"make {split}"] = len(cases) / seconds
    if kind != "recall":
        seconds, pairs = time_call(lambda: list(make_cases([kind], n=n // 4, seed=1, twins=True)))
        rates["make with twins"] = len(pairs) / seconds
    seconds, traces = time_call(lambda: [solve(case) for case in cases])
    rates["solve"] = n / seconds
    seconds, _ = time_call(lambda: [find_faults(case) for case in cases])
    rates["check"] = n / seconds
    seconds, _ = time_call(
        lambda: [[j(c, t) for j in JUDGES.values()] for c, t in zip(cases, traces, strict=True)]
    )
    rates["judge"] = n / seconds
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=2000, help="cases per kind")
    n = parser.parse_args().n
    seconds, _ = time_call(lambda: list(make_cases(n=5)))
    version = load_knowledge().version
    print(f"python {platform.python_version()}, knowledge {version}, first cases after {seconds:.2f} s")
    everything, _ = time_call(lambda: list(make_cases(n=5 * n, seed=2)))
    print(f"all five kinds in turn: {5 * n / everything:,.0f} cases a second")
    for kind in WORLD_KINDS:
        rates = measure_kind(kind, n)
        print(f"{kind:12}", "  ".join(f"{name} {rate:,.0f}/s" for name, rate in rates.items()))


if __name__ == "__main__":
    main()
