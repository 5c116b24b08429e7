"""How many replies a second the full reward judges on one core, judge by judge.

    python benchmarks/judges.py [--json] [--n 2000] [--tokens 400]

Replies are worked solutions of the clinical world, half of them with a fault (another number, finding, word),
with an assessment as long as it takes to reach so many tokens of the tiny base's tokenizer. Times are CPU
seconds, the median of several rounds. The reward weighs every judge but the rubric. What is taken apart of a
reply is kept for all judges, so each round has replies of its own.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from random import Random

from tokenizers import Tokenizer

from gazal.config.reward import RewardConfig
from gazal.core.case import Case
from gazal.core.chat import read_reply
from gazal.core.trace import Trace
from gazal.model.place import find_tiny_base
from gazal.score.compose import compose
from gazal.score.table import build_judges
from gazal.world.generate import make_cases
from gazal.world.solve import solve

ROUNDS = 3
FILLER = "This was weighed against what the patient shows, and against what speaks for the other options."
REWARD = RewardConfig(
    format=0.1, length=0.05, repetition=0.05, grounding=0.2, process=0.3, calibration=0.1, consistency=0.1
)


def make_replies(n: int, n_tokens: int) -> list[tuple[Case, Trace]]:
    """Cases and replies of about ``n_tokens`` tokens each."""
    tokenizer, rng = Tokenizer.from_file(str(find_tiny_base() / "tokenizer.json")), Random(0)
    pairs: list[tuple[Case, Trace]] = []
    for case in make_cases(n=n, seed=5):
        text = solve(case).text
        if rng.random() < 0.5:
            text = text.replace("1", "2").replace("common", "rare", 1)
        head, mark, tail = text.partition("**Answer:**")
        k = 0
        while len(tokenizer.encode(text).ids) < n_tokens:
            k += 1
            head += f"Point {k}: {FILLER[: 40 + rng.randrange(50)]} {rng.randrange(10**6)}\n"
            text = head + mark + tail
        count = len(tokenizer.encode(text).ids)
        pairs.append((case, Trace(case_id=case.id, text=text, n_tokens=count)))
    return pairs


def take_rate(work: Callable[[Case, Trace], object], pairs: list[tuple[Case, Trace]]) -> float:
    """Replies in a CPU second."""
    rates = []
    for n in range(ROUNDS):
        fresh = [(case, replace(trace, text=f"{trace.text}{' ' * (n + 1)}")) for case, trace in pairs]
        read_reply.cache_clear()
        began = time.process_time()
        for case, trace in fresh:
            work(case, trace)
        rates.append(len(fresh) / (time.process_time() - began))
    return statistics.median(rates)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--tokens", type=int, default=400)
    args = parser.parse_args()
    pairs = make_replies(args.n, args.tokens)
    tokens = statistics.mean(trace.n_tokens or 0 for _, trace in pairs)
    found: dict[str, float] = {"read_reply": take_rate(lambda _, trace: read_reply(trace.text), pairs)}
    for name, judge in build_judges(length_target=300, length_limit=600).items():
        found[name] = take_rate(judge, pairs)
    found["all"] = take_rate(lambda case, trace: compose(case, trace, REWARD, max_new_tokens=600), pairs)
    print(
        f"{len(pairs)} replies of {tokens:.0f} tokens; replies in a CPU second, each judge reading them anew"
    )
    for name, rate in found.items():
        print(f"{name:12} {rate:10,.0f}")
    if args.json:
        print(json.dumps({"replies": len(pairs), "tokens": tokens, "replies_per_cpu_second": found}))


if __name__ == "__main__":
    main()
