"""``gazal curate`` at the size of the paper's set, with leaks and near duplicates planted.

    python benchmarks/curate.py [--n 107033] [--leaks 500] [--near 0.02] [--data DIR] [--json]
    python benchmarks/curate.py --real [--data DIR]

Makes n examples of the clinical world, puts edited copies of evaluation questions (benchmarks/leaks.py) and
near duplicates of its own rows among them, runs the command on the file, and says: how many of each sort of
leak it found, how many rows it called leaks that are none, precision and recall of near duplicates, seconds
and peak memory. With --real it instead holds every public training set at hand against every evaluation set,
and prints each pair.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from leaks import EDITS, blur, plant

from gazal.cases.overlap import Overlap
from gazal.cases.table import SUITES, load_suite
from gazal.core.case import LETTERS, Case, hash_content
from gazal.core.chat import write_reply
from gazal.core.example import Example, Lineage, write_example
from gazal.world.generate import make_cases
from gazal.world.solve import solve

LEAKED = ("medqa_4opt", "mmlu_pro_medical", "pubmedqa")
PARTS = ("mmlu_pro_health", "mmlu_pro_biology")
KINDS = ("diagnosis", "treatment", "uncertainty", "prognosis")


def make_rows(n: int, n_leaks: int, near: float, seed: int = 0) -> Iterator[tuple[Example, str]]:
    """Examples and what each is: ``plain``, ``near`` or ``leak <edit>``, in random order."""
    rng = Random(seed)
    every = [case for name in LEAKED for case in load_suite(name)]
    leaks = [
        (case, edit) for case, edit in zip(rng.sample(every, n_leaks), list(EDITS) * n_leaks, strict=False)
    ]
    n_near = round(near * n)
    places = rng.sample(range(1, n - n_near - n_leaks), n_near + n_leaks)
    at = dict.fromkeys(places[:n_near], "near") | dict.fromkeys(places[n_near:], "leak")
    kept: list[Case] = []
    for number, case in enumerate(make_cases(KINDS, n=n - len(places), seed=seed)):
        what = at.get(number)
        if what == "leak":
            source, edit = leaks.pop()
            yield _make_leak(source, edit, rng), f"leak {edit}"
        elif what == "near":
            yield _make_near(rng.choice(kept), rng), "near"
        kept.append(case)
        yield _wrap(case, solve(case).text), "plain"


def _wrap(case: Case, reply: str) -> Example:
    lineage = Lineage(source="world", row=case.id[-12:], teacher="world", licence=case.licence)
    return Example(case=case, reply=reply, lineage=lineage)


def _make_near(case: Case, rng: Random) -> Example:
    question = blur(case.question, rng)
    return _wrap(_rename(case, question, dict(case.options), case.answer), solve(case).text)


def _make_leak(case: Case, edit: str, rng: Random) -> Example:
    stem, texts = plant(case, edit, rng)
    options = dict(zip(LETTERS, texts, strict=False))
    answer = next(letter for letter, text in options.items() if text == case.options[case.answer])
    steps = ["The stem is read.", "The options are weighed one by one."]
    return _wrap(_rename(case, stem, options, answer), write_reply(steps, "It follows.", answer))


def _rename(case: Case, question: str, options: dict[str, str], answer: str) -> Case:
    key = hash_content(case.context, question, options)
    named = {"id": f"mixed/train/{key}", "question": question, "options": options, "answer": answer}
    return replace(case, **named, truth=None)


def measure(n: int, n_leaks: int, near: float, folder: Path) -> dict[str, Any]:
    """Make the file, curate it, and compare what was left out with what was planted."""
    what: dict[int, str] = {}
    path = folder / "mixed.jsonl"
    with path.open("wb") as file:
        for number, (example, sort) in enumerate(make_rows(n, n_leaks, near), 1):
            what[number] = sort
            file.write(write_example(example) + b"\n")
    began, cpu = time.monotonic(), _count_cpu()
    run = "from gazal.cli.main import main; main()"
    command = [sys.executable, "-c", run, "curate", str(path), "--out", str(folder / "set")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    seconds, cpu = time.monotonic() - began, _count_cpu() - cpu
    manifest = json.loads((folder / "set" / "manifest.json").read_text())
    dropped = [json.loads(line) for line in (folder / "set" / "dropped.jsonl").read_text().splitlines()]
    reason = {int(row["where"].rpartition(" ")[2]): row["reason"] for row in dropped}
    return {
        "rows": len(what),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "peak_rss_mb": manifest["peak_rss_mb"],
        **compare(what, reason),
    }


def _count_cpu() -> float:
    """Seconds that finished child processes have computed: what neighbours on the machine change least."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def compare(what: dict[int, str], reason: dict[int, str]) -> dict[str, Any]:
    """Planted against left out."""
    planted, found = Counter(what.values()), Counter[str]()
    false_leaks = 0
    for number, sort in what.items():
        repeats = reason.get(number) in ("near_duplicate", "exact_duplicate")
        found[sort] += reason.get(number) == "leak" if sort.startswith("leak") else sort == "near" and repeats
        false_leaks += reason.get(number) == "leak" and not sort.startswith("leak")
    called = [number for number, why in reason.items() if why in ("near_duplicate", "exact_duplicate")]
    return {
        "leaks": {sort: (found[sort], planted[sort]) for sort in planted if sort.startswith("leak")},
        "false_leaks": false_leaks,
        "near": (found["near"], planted["near"]),
        "near_precision": sum(what[number] == "near" for number in called) / max(len(called), 1),
        "natural_near": sum(what[number] == "plain" for number in called),
        "reasons": dict(Counter(reason.values())),
    }


def hold_real() -> None:
    """Print the questions of public training sets that stand in an evaluation set."""
    held = [name for name, suite in SUITES.items() if suite.use == "evaluation"]
    overlap = Overlap(case for name in held if name not in PARTS for case in load_suite(name))
    for name, suite in SUITES.items():
        if suite.use != "training":
            continue
        found = [(case, match) for case in load_suite(name) if (match := overlap.find_case(case))]
        for case, match in found:
            print(f"{case.id} in {match.case_id} ({match.how}):\n  {case.question!r}\n  {match.question!r}")
        print(f"{name}: {len(found)} of {suite.n}")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=107_033)
    parser.add_argument("--leaks", type=int, default=500)
    parser.add_argument("--near", type=float, default=0.02)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--real", action="store_true")
    args = parser.parse_args()
    if args.data:
        os.environ["GAZAL_DATA"] = str(args.data)
    if args.real:
        hold_real()
        return
    with tempfile.TemporaryDirectory() as folder:
        found = measure(args.n, args.leaks, args.near, Path(folder))
    if args.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
