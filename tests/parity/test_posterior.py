"""The posterior of every diagnosis case against pgmpy, by variable elimination in a Bayesian network."""

import pytest

from gazal.core.truth import DiagnosisTruth, UncertaintyTruth
from gazal.world.generate import make_cases
from gazal.world.knowledge import load_knowledge
from gazal.world.posterior import find_band
from gazal.world.records import AGE_BANDS

pgmpy = pytest.importorskip("pgmpy")
KNOWLEDGE = load_knowledge()


def build_network(findings):
    """Condition -> age band, sex and each of some findings, with the tables of the knowledge files."""
    from pgmpy.factors.discrete import TabularCPD
    from pgmpy.models import DiscreteBayesianNetwork

    conditions = list(KNOWLEDGE.conditions)
    names = {"condition": conditions}
    total = sum(c.weight for c in KNOWLEDGE.conditions.values())
    network = DiscreteBayesianNetwork([("condition", node) for node in ("band", "sex", *findings)])

    def table(node, states, rows):
        return TabularCPD(
            node, len(states), rows, ["condition"], [len(conditions)], state_names={node: states, **names}
        )

    prior = [[KNOWLEDGE.conditions[c].weight / total] for c in conditions]
    network.add_cpds(TabularCPD("condition", len(conditions), prior, state_names=names))
    ages = [KNOWLEDGE.conditions[c].age for c in conditions]
    bands = list(AGE_BANDS)
    network.add_cpds(table("band", bands, [[a.get(b, 0) / sum(a.values()) for a in ages] for b in bands]))
    female = [KNOWLEDGE.conditions[c].female for c in conditions]
    network.add_cpds(table("sex", ["female", "male"], [female, [1 - f for f in female]]))
    for finding in findings:
        p = [KNOWLEDGE.likelihood(finding, c) for c in conditions]
        network.add_cpds(table(finding, ["present", "absent"], [p, [1 - x for x in p]]))
    assert network.check_model()
    return network


def query(truth):
    from pgmpy.inference import VariableElimination

    evidence = {"band": find_band(truth.age), "sex": truth.sex}
    evidence |= dict.fromkeys(truth.shown, "present") | dict.fromkeys(truth.denied, "absent")
    network = build_network([*truth.shown, *truth.denied])
    factor = VariableElimination(network).query(["condition"], evidence, show_progress=False)
    return dict(zip(factor.state_names["condition"], factor.values, strict=True))


def test_posteriors_equal_pgmpy():
    denied = 0
    for case in (
        *make_cases(["diagnosis"], n=40, seed=31),
        *make_cases(["diagnosis"], n=15, seed=32, twins=True),
    ):
        truth = case.truth
        assert isinstance(truth, DiagnosisTruth)
        expected = query(truth)
        assert max(expected, key=expected.__getitem__) == truth.candidates[case.answer]
        for name, p in truth.posterior.items():
            assert p == pytest.approx(expected[name], abs=1e-6)
        for name, p in expected.items():
            assert name in truth.posterior or p <= 0.001 + 1e-9
        denied += len(truth.denied)
    assert denied > 20  # A batch that denies nothing proves nothing about absent findings.


def test_post_test_probabilities_equal_pgmpy():
    from pgmpy.factors.discrete import TabularCPD
    from pgmpy.inference import VariableElimination
    from pgmpy.models import DiscreteBayesianNetwork

    results = set()
    for case in make_cases(["uncertainty"], n=40, seed=3):
        truth = case.truth
        assert isinstance(truth, UncertaintyTruth)
        p, sens, spec = truth.pretest, truth.sensitivity, truth.specificity
        network = DiscreteBayesianNetwork([("ill", "hit")])
        network.add_cpds(
            TabularCPD("ill", 2, [[p], [1 - p]]),
            TabularCPD("hit", 2, [[sens, 1 - spec], [1 - sens, spec]], ["ill"], [2]),
        )
        evidence = {"hit": 0 if truth.positive else 1}
        factor = VariableElimination(network).query(["ill"], evidence, show_progress=False)
        assert truth.posttest == pytest.approx(factor.values[0], abs=1e-6)
        results.add(truth.positive)
    assert results == {True, False}
