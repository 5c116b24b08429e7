"""Treatment cases: the first choice that no fact in the text forbids."""

from gazal.core.case import Case
from gazal.core.truth import TreatmentTruth, Truth
from gazal.errors import DataError
from gazal.world.kinds import treatment
from gazal.world.knowledge import Knowledge
from gazal.world.records import NumberModifier
from gazal.world.reread.words import (
    find_letter,
    find_name,
    is_beyond,
    list_flag_phrases,
    read_items,
    read_number,
    read_options,
    read_whole_patient,
    take,
    take_last,
)


def reread_treatment(knowledge: Knowledge, case: Case) -> tuple[Truth, str]:
    """Work out the truth and key of a treatment case from its text."""
    fields, rest = take(treatment.OPENING, case.question, "opening")
    patient = read_whole_patient(fields["patient"])
    problem = find_name(
        {t.name: name for name, t in knowledge.treatments.items()}, fields["problem"], "problem"
    )
    fields, rest = take(treatment.FACTS, rest, "facts")
    _, rest = take(treatment.CLOSING, rest, "closing")
    take_last(treatment.ASK, rest)
    facts: dict[str, str] = {}
    holds: list[str] = []
    for phrase in read_items(fields["items"]):
        name, true = _read_fact(knowledge, phrase)
        if name in facts:
            raise DataError(f"text: {name} is spoken of twice")
        facts[name] = phrase
        holds += [name] if true else []
    for name, modifier in knowledge.modifiers.items():
        if modifier.type == "age" and is_beyond(patient.age, modifier.holds_below, modifier.holds_from):
            holds.append(name)
    forbidden = {
        drug: tuple(m for m in knowledge.drugs[drug].avoid if m in holds)
        for drug in knowledge.treatments[problem].choices
    }
    allowed = [drug for drug, reasons in forbidden.items() if not reasons]
    if not allowed:
        raise DataError("key: every choice is forbidden")
    candidates = read_options(case, {d.name: name for name, d in knowledge.drugs.items()})
    truth = TreatmentTruth(
        problem=problem,
        age=patient.age,
        sex=patient.sex,
        facts=facts,
        holds=tuple(holds),
        candidates=candidates,
        forbidden=forbidden,
    )
    return truth, find_letter(candidates, allowed[0])


def _read_fact(knowledge: Knowledge, phrase: str) -> tuple[str, bool]:
    present, absent = list_flag_phrases("present"), list_flag_phrases("absent")
    if phrase in present:
        return present[phrase], True
    if phrase in absent:
        return absent[phrase], False
    for name, modifier in knowledge.modifiers.items():
        if isinstance(modifier, NumberModifier):
            value = read_number(modifier.text, phrase, modifier.decimals)
            if value is not None:
                return name, is_beyond(value, modifier.holds_below, modifier.holds_from)
    raise DataError(f"text: {phrase!r} is no fact that the world knows")
