"""How much the options alone give away: a classifier per kind that never sees the question.

    python benchmarks/floors.py [--write] [--n-test 5000]

Trained on 5,000 cases of the train split, tested on cases of the test split. For each option the classifier
sees its words, its place, its length and size beside the others, and each pair of own word and other option;
it picks the option with the highest probability of being the key. ``--write`` keeps the figures in the
package (`gazal.world.floors`), where `gazal score` prints them beside each accuracy.
"""

import argparse
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from scipy.stats import binomtest
from sklearn.feature_extraction import FeatureHasher
from sklearn.linear_model import LogisticRegression

from gazal.core.case import WORLD_KINDS, Case, WorldKind
from gazal.world.generate import make_cases
from gazal.world.knowledge import load_knowledge

TARGET = Path(__file__).parents[1] / "src" / "gazal" / "world" / "floors.json"
N_TRAIN = 5000
BOUND = 0.05
"""The upper end of the interval must lie within this of chance."""
STRENGTHS = (0.001, 0.01, 0.1, 1.0)
"""Inverse regularisation; the best on a fifth of the training cases is used."""


def describe_options(case: Case) -> Iterator[list[str]]:
    """Features of each option, in order."""
    texts = list(case.options.values())
    numbers = [float(found[0]) if (found := re.match(r"-?\d+(?:\.\d+)?", text)) else None for text in texts]
    for place, text in enumerate(texts):
        others = texts[:place] + texts[place + 1 :]
        features = [f"text={text}", f"place={place}", f"longer={sum(len(text) > len(o) for o in others)}"]
        features += [f"word={word}" for word in re.findall(r"\w+", text.lower())]
        features += [f"pair={text}|{other}" for other in others]
        features += [f"set={text}|{'|'.join(sorted(others))}", f"of={len(texts)},place={place}"]
        if numbers[place] is not None:
            features.append(f"larger={sum(n is not None and n < numbers[place] for n in numbers)}")  # pyright: ignore[reportOperatorIssue]
            features.append(f"size={round(np.log1p(abs(numbers[place])) * 2)}")  # pyright: ignore[reportArgumentType]
        yield features


def fit(cases: Sequence[Case], strength: float) -> tuple[FeatureHasher, LogisticRegression]:
    hasher = FeatureHasher(n_features=2**20, input_type="string")
    rows = [features for case in cases for features in describe_options(case)]
    right = [letter == case.answer for case in cases for letter in case.options]
    return hasher, LogisticRegression(C=strength, max_iter=300).fit(hasher.transform(rows), right)


def count_right(model: tuple[FeatureHasher, LogisticRegression], cases: Sequence[Case]) -> int:
    hasher, regression = model
    right = 0
    for case in cases:
        p = regression.predict_proba(hasher.transform(list(describe_options(case))))[:, 1]
        right += list(case.options)[int(p.argmax())] == case.answer
    return right


def measure_floor(kind: WorldKind, n_test: int, twins: bool) -> dict[str, float | int]:
    count = N_TRAIN // 2 if twins else N_TRAIN
    train = list(make_cases([kind], n=count, seed=11, split="train", twins=twins))
    test = list(make_cases([kind], n=n_test // (1 + twins), seed=12, split="test", twins=twins))
    cut = len(train) // 5
    strength = max(STRENGTHS, key=lambda s: count_right(fit(train[cut:], s), train[:cut]))
    right = count_right(fit(train, strength), test)
    return {
        "chance": round(sum(1 / len(case.options) for case in test) / len(test), 4),
        "accuracy": round(right / len(test), 4),
        "upper95": round(float(binomtest(right, len(test)).proportion_ci(method="wilson").high), 4),
        "n_train": len(train),
        "n_test": len(test),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n-test", type=int, default=5000)
    parser.add_argument(
        "--twins", action="store_true", help="measure on cases that have twins, twins included"
    )
    parser.add_argument("--write", action="store_true", help="keep the figures in the package")
    arguments = parser.parse_args()
    floors = {}
    for kind in WORLD_KINDS:
        if arguments.twins and kind == "recall":
            continue
        floors[kind] = measure_floor(kind, arguments.n_test, arguments.twins)
        chance, accuracy, upper = (floors[kind][name] for name in ("chance", "accuracy", "upper95"))
        verdict = "within" if upper <= chance + BOUND else "OUTSIDE"
        figures = f"chance {chance:.3f}  accuracy {accuracy:.3f}  upper 95 % {upper:.3f}"
        print(f"{kind:12} {figures}  {verdict} the bound", flush=True)
    if arguments.write:
        TARGET.write_text(
            json.dumps({"knowledge": load_knowledge().version, "floors": floors}, indent=2) + "\n"
        )


if __name__ == "__main__":
    main()
