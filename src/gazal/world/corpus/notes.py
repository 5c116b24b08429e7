"""Case notes of patients drawn from the world, in the terse manner of a ward; no reasoning, no question."""

from random import Random

from gazal.world.corpus.conditions import capital
from gazal.world.corpus.drugs import name_reason
from gazal.world.knowledge import Knowledge
from gazal.world.records import AGE_BANDS, AgeModifier
from gazal.world.text import pick, write_list

OPENINGS = ("Ward note.", "Clinic letter.", "Handover.", "Discharge summary.", "Note for the file.")
HEADINGS = ("Findings", "Problem", "Clinical Assessment", "Plan", "Facts", "Answer", "Result", "Confidence")
DIAGNOSED = ("Diagnosis: {name}.", "This is {name}.", "**Diagnosis:** {name}", "Final diagnosis {name}.")


def draw_findings(knowledge: Knowledge, rng: Random, condition: str, age: int, sex: str) -> str:
    """Some findings that a patient with a condition has or lacks, as a list: its own, and a stray one."""
    own = knowledge.conditions[condition].findings

    def fits(name: str) -> bool:
        finding = knowledge.findings[name]
        return finding.sex in (None, sex) and finding.age[0] <= age <= finding.age[1]

    names = [name for name in rng.sample(list(own), len(own)) if fits(name)]
    has = [name for name in names if rng.random() < own[name].p][: rng.randint(3, 6)]
    lacks = [name for name in names if name not in has][: rng.randint(0, 2)]
    strays = [n for n in rng.sample(list(knowledge.findings), 3) if n not in own and fits(n)]
    if strays and rng.random() < 0.4:
        (has if rng.random() < 0.3 else lacks).append(strays[0])
    present = [pick(rng, knowledge.findings[name].present) for name in has]
    absent = [pick(rng, knowledge.findings[name].absent) for name in lacks]
    return write_list([*present, *absent]) if has or lacks else "nothing of note"


def draw_patient(knowledge: Knowledge, rng: Random, condition: str) -> tuple[int, str]:
    """Age and sex of a patient with a condition."""
    record = knowledge.conditions[condition]
    band = rng.choices(list(record.age), list(record.age.values()))[0]
    sex = "female" if rng.random() < record.female else "male"
    return rng.randint(*AGE_BANDS[band]), sex


def write_note(knowledge: Knowledge, rng: Random) -> str:
    """A note: who, what was found, what it is."""
    condition = pick(rng, list(knowledge.conditions))
    age, sex = draw_patient(knowledge, rng, condition)
    findings = draw_findings(knowledge, rng, condition, age, sex)
    name = knowledge.conditions[condition].name
    diagnosed = pick(rng, DIAGNOSED).format(name=name)
    if rng.random() < 0.25:
        return f"{diagnosed} {age}, {sex}. Findings: {findings}."
    return f"{pick(rng, OPENINGS)} {age}, {sex}. {capital(findings)}. {diagnosed}"


def write_prescription(knowledge: Knowledge, rng: Random) -> str:
    """A note on what was given: the first drug that the patient's one or two facts leave."""
    problem = pick(rng, list(knowledge.treatments.values()))
    facts: dict[str, str] = {}
    while len(facts) < 2:
        avoided = knowledge.drugs[pick(rng, problem.choices)].avoid
        name = pick(rng, avoided) if avoided and rng.random() < 0.7 else pick(rng, list(knowledge.modifiers))
        if not isinstance(knowledge.modifiers[name], AgeModifier):
            facts[name] = name_reason(rng, knowledge.modifiers[name])
    left = [n for n in problem.choices if not set(knowledge.drugs[n].avoid) & set(facts)]
    given = knowledge.drugs[left[0]].name if left else "none of the usual drugs"
    known = write_list(list(facts.values()))
    return f"{pick(rng, OPENINGS)} {capital(problem.name)}. Known: {known}. Given: {given}."


def write_sheet(knowledge: Knowledge, rng: Random) -> str:
    """Headings in any order, each above one thing or another: mark-up without a train of thought."""
    lines, step = [], rng.randint(1, 9)
    for heading in rng.sample(HEADINGS, rng.randint(2, 4)):
        item = pick(
            rng,
            (
                pick(rng, list(knowledge.conditions.values())).name,
                pick(rng, list(knowledge.drugs.values())).name,
                pick(rng, pick(rng, list(knowledge.findings.values())).present),
                f"{rng.random():.2f}",
            ),
        )
        start = pick(rng, (f"## {heading}\n", f"**{heading}:** ", f"Step {step}: ", f"{heading}\n\n"))
        lines.append(start + pick(rng, (item, capital(item), rf"\boxed{{{item}}}")))
        step += 1
    return "\n".join(lines)
