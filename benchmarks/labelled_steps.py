"""The judges of steps against two readers who labelled the same steps blind.

    python benchmarks/labelled_steps.py [--json] [--failures]

``benchmarks/results/labels`` holds replies that a tiny model wrote while it was trained (rollouts of the demo
at temperature 1, one reply to a case, drawn at random by kind), their cases, the guide, and the labels of two
readers. Agreement is over all steps; the judges are held against the steps on which both readers agree.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sklearn.metrics import cohen_kappa_score

from gazal.core.store import read_cases
from gazal.core.trace import Trace
from gazal.score.table import JUDGES

HERE = Path(__file__).parent / "results" / "labels"
WRONG = {"grounding": ("contradicted", "invented"), "process": ("wrong",)}
"""Labels that a judge should call contradicted or, of grounding, at least not supported."""
GOOD = {"grounding": "supported", "process": "right"}


def read_labels(number: int) -> dict[str, dict[str, str]]:
    """Step id to the labels of one reader."""
    rows = (json.loads(line) for line in (HERE / f"reader_{number}.jsonl").read_text().splitlines())
    return {row["id"]: row for row in rows}


def judge_steps() -> dict[str, dict[str, tuple[str, str, str]]]:
    """Step id to what each judge says of it: support, why, and the step."""
    cases = {case.id: case for case in read_cases(HERE / "cases.jsonl")}
    found: dict[str, dict[str, tuple[str, str, str]]] = {}
    for line in (HERE / "replies.jsonl").read_text().splitlines():
        row = json.loads(line)
        case, trace = cases[row["case_id"]], Trace(case_id=row["case_id"], text=row["text"])
        for name in ("grounding", "process"):
            for n, (score, step) in enumerate(
                zip(JUDGES[name](case, trace).steps, trace.steps, strict=True), 1
            ):
                found.setdefault(f"{row['reply']}.{n}", {})[name] = (score.support, score.why, step)
    return found


def measure(name: str, labels: Sequence[Mapping[str, Any]], judged: Mapping[str, Any]) -> dict[str, Any]:
    """Agreement of the readers, and the judge against what both say."""
    ids = sorted(judged, key=lambda key: [int(part) for part in key.split(".")])
    first, second = ([reader[key][name] for key in ids] for reader in labels)
    agreed = [(key, a) for key, a, b in zip(ids, first, second, strict=True) if a == b]
    wrong = {key for key, label in agreed if label in WRONG[name]}
    called = {key for key, _ in agreed if judged[key][name][0] == "contradicted"}
    if name == "grounding":  # What is invented it calls unknown, with a reason.
        called |= {
            key
            for key, _ in agreed
            if judged[key][name][0] == "unknown" and "nothing in it" not in judged[key][name][1]
        }
    good = {key for key, label in agreed if label == GOOD[name]}
    passed = {key for key, _ in agreed if judged[key][name][0] == "supported"}
    return {
        "steps": len(ids),
        "agreed": len(agreed),
        "kappa": float(cohen_kappa_score(first, second)),
        "wrong": rate(called, wrong),
        "good": rate(passed, good),
        "missed": sorted(wrong - called),
        "called_wrongly": sorted(called - wrong),
    }


def rate(called: set[str], true: set[str]) -> dict[str, Any]:
    """Precision and recall of a set of calls."""
    both = len(called & true)
    return {
        "called": len(called),
        "true": len(true),
        "precision": both / len(called) if called else None,
        "recall": both / len(true) if true else None,
    }


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--failures", action="store_true", help="print every step on which a judge is wrong")
    args = parser.parse_args()
    labels, judged = [read_labels(1), read_labels(2)], judge_steps()
    found = {name: measure(name, labels, judged) for name in ("grounding", "process")}
    if args.json:
        print(json.dumps(found))
        return
    for name, row in found.items():
        print(
            f"{name}: {row['steps']} steps, both readers say the same of {row['agreed']} "
            f"(kappa {row['kappa']:.2f})"
        )
        for sort in ("wrong", "good"):
            one = row[sort]
            print(
                f"  {sort}: {one['true']} by the readers, {one['called']} by the judge, precision "
                f"{one['precision']:.3f}, recall {one['recall']:.3f}"
            )
        for sort in ("missed", "called_wrongly") if args.failures else ():
            for key in row[sort]:
                support, why, step = judged[key][name]
                print(f"  {sort} {key}: readers {labels[0][key][name]}, judge {support} ({why}): {step}")


if __name__ == "__main__":
    main()
