"""The knowledge: as much as was promised, every figure with its source, nothing that contradicts itself."""

from collections import Counter
from dataclasses import replace

import pytest
from pydantic import ValidationError

from gazal.errors import KnowledgeError
from gazal.world.floors import load_floors
from gazal.world.knowledge import check_knowledge, load_knowledge
from gazal.world.records import Finding, FlagModifier, LevelItem, NumberModifier, Treatment

KNOWLEDGE = load_knowledge()


def test_there_is_enough_of_everything():
    k = KNOWLEDGE
    assert len(k.conditions) >= 60 and len({c.specialty for c in k.conditions.values()}) >= 10
    assert len(k.findings) >= 150 and len(k.tests) >= 15 and len(k.treatments) >= 40 and len(k.scores) >= 8
    assert all(len(f.present) >= 2 and f.absent for f in k.findings.values())
    wanted = {
        "curb65",
        "cha2ds2_vasc",
        "wells_pe",
        "wells_dvt",
        "qsofa",
        "child_pugh",
        "glasgow_blatchford",
        "mcisaac",
    }
    assert wanted <= k.scores.keys()


def test_list_phrases_can_be_taken_apart_again():
    phrases = [p for f in KNOWLEDGE.findings.values() for p in (*f.present, *f.absent)]
    phrases += [
        p
        for m in KNOWLEDGE.modifiers.values()
        if isinstance(m, FlagModifier)
        for p in (*m.present, *m.absent)
    ]
    phrases += [m.text for m in KNOWLEDGE.modifiers.values() if isinstance(m, NumberModifier)]
    for score in KNOWLEDGE.scores.values():
        for item in score.items.values():
            if isinstance(item, LevelItem):
                phrases += [p for level in item.levels for p in level.phrases]
            elif item.type == "number":
                phrases.append(item.text)
    assert [p for p in phrases if ", " in p or " and " in p] == []


def test_every_source_is_named():
    sources = Counter(
        fact.source.partition(":")[0] for c in KNOWLEDGE.conditions.values() for fact in c.findings.values()
    )
    assert sources["dataset"] >= 60 and set(sources) <= {"estimate", "dataset", "literature"}


def possible(name: str, age: int, sex: str) -> bool:
    modifier = KNOWLEDGE.modifiers[name]
    if modifier.type == "age":
        return (modifier.holds_below is not None and age < modifier.holds_below) or (
            modifier.holds_from is not None and age >= modifier.holds_from
        )
    return modifier.sex in (None, sex) and modifier.age[0] <= age <= modifier.age[1]


def reachable(problem: Treatment, choice: str, age: int, sex: str) -> bool:
    """Whether facts can forbid every choice before this one and spare it."""
    spared = set(KNOWLEDGE.drugs[choice].avoid)
    by_age = {n for n, m in KNOWLEDGE.modifiers.items() if m.type == "age" and possible(n, age, sex)}
    before = problem.choices[: problem.choices.index(choice)]
    return not spared & by_age and all(
        any(m not in spared and possible(m, age, sex) for m in KNOWLEDGE.drugs[drug].avoid) for drug in before
    )


@pytest.mark.parametrize("name", KNOWLEDGE.treatments)
def test_every_choice_can_be_the_right_one(name):
    problem = KNOWLEDGE.treatments[name]
    sexes = [problem.sex] if problem.sex else ["female", "male"]
    for choice in problem.choices:
        assert any(
            reachable(problem, choice, age, sex)
            for age in range(problem.age[0], problem.age[1] + 1)
            for sex in sexes
        )


def test_a_dangling_reference_and_a_phrase_with_two_meanings_are_refused():
    drug = next(iter(KNOWLEDGE.drugs))
    broken = replace(
        KNOWLEDGE,
        drugs={**KNOWLEDGE.drugs, drug: KNOWLEDGE.drugs[drug].model_copy(update={"avoid": ("nothing",)})},
    )
    with pytest.raises(KnowledgeError, match=f"drugs.{drug}.avoid: 'nothing' is not known"):
        check_knowledge(broken)
    twice = Finding(group="symptom", background=0.1, present=("fever", "feeling hot"), absent=("cool skin",))
    broken = replace(KNOWLEDGE, findings={**KNOWLEDGE.findings, "heat": twice})
    with pytest.raises(KnowledgeError, match="findings: 'fever' stands twice"):
        check_knowledge(broken)


@pytest.mark.parametrize(
    "change",
    [
        {"background": 0.0},
        {"background": 1.0},
        {"present": ("fever and chills", "x y z")},
        {"present": ("one",)},
        {"colour": 1},
    ],
)
def test_a_record_refuses_what_the_world_cannot_hold(change):
    good = {
        "group": "symptom",
        "background": 0.1,
        "present": ("feeling hot", "heat"),
        "absent": ("cool skin",),
    }
    assert Finding(**good)
    with pytest.raises(ValidationError):
        Finding(**{**good, **change})


def test_the_floors_were_measured_on_this_knowledge_and_lie_within_the_bound():
    version, floors = load_floors()
    assert version == KNOWLEDGE.version, "the knowledge changed: run `python benchmarks/floors.py --write`"
    assert set(floors) == {"diagnosis", "treatment", "uncertainty", "prognosis", "recall"}
    for kind, floor in floors.items():
        assert floor.n_train >= 5000 and floor.upper95 <= floor.chance + 0.05, kind
