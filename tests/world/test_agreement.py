"""Our knowledge beside public knowledge bases: what is tagged as theirs is theirs, what overlaps agrees."""

import importlib.util
import json
from collections import Counter
from pathlib import Path

import pytest

from gazal.world.knowledge import load_knowledge

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "agreement.py"


@pytest.fixture(scope="module")
def agreement():
    spec = importlib.util.spec_from_file_location("agreement", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules["agreement"] = module
    spec.loader.exec_module(module)
    return module


def test_every_figure_tagged_as_ddxplus_is_theirs(data):
    table = json.loads((data / "kb_ddxplus" / "symptom_condition_probs.json").read_text())["probabilities"]
    evidences = json.loads((data / "kb_ddxplus" / "release_evidences.json").read_text())
    knowledge, n = load_knowledge(), 0
    for condition in knowledge.conditions.values():
        for finding, fact in condition.findings.items():
            if not fact.source.startswith("dataset:kb_ddxplus/"):
                continue
            pathology, code = fact.source.removeprefix("dataset:kb_ddxplus/").rsplit("/", 1)
            assert (pathology, code) == (condition.ddxplus, knowledge.findings[finding].ddxplus)
            assert evidences[code]["data_type"] == "B"  # Presence of the others is 1.0 by construction.
            assert fact.p == pytest.approx(min(max(table[pathology][code], 0.02), 0.97), abs=0.0051)
            n += 1
    assert n >= 60


def test_symptoms_that_both_sides_list_go_the_same_way(agreement, data):
    from scipy.stats import spearmanr

    links = agreement.compare_ddxplus(data)
    both = [li for li in links if li.source == "estimate" and not li.antecedent and li.theirs > 0.0]
    assert len(both) >= 40
    assert spearmanr([li.ours for li in both], [li.theirs for li in both])[0] > 0.2


def test_no_choice_of_ours_is_listed_as_not_indicated(agreement, data):
    found = agreement.compare_pharmacotherapy(data)
    counts = Counter(category for _, _, category in found)
    assert counts["DM"] >= 40 and counts["NOT"] == 0, [entry for entry in found if entry[2] == "NOT"]
