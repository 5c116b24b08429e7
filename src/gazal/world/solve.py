"""Worked solutions: the reasoning that leads to a world case's key, written as a reply.

Every step quotes findings and numbers as the question shows them, so that each can be held against the
truth, and rests on the steps before it alone: no option is argued against before all have been weighed, and
letters are looked up last. Likelihoods are named in four words (`name_frequency`).
"""

from statistics import NormalDist

from gazal.core.case import Case
from gazal.core.chat import hash_prompt, write_prompt, write_reply
from gazal.core.trace import Trace
from gazal.core.truth import DiagnosisTruth, PrognosisTruth, RecallTruth, TreatmentTruth, UncertaintyTruth
from gazal.errors import DataError
from gazal.world.kinds.decisions import decide, log_odds, write_share
from gazal.world.kinds.prognosis import write_item, write_number, write_points
from gazal.world.kinds.recall import build_relations
from gazal.world.kinds.uncertainty import SLACK
from gazal.world.knowledge import Knowledge, load_knowledge
from gazal.world.records import AgeItem, SexItem
from gazal.world.text import Patient, write_list

FREQUENCIES = ((0.75, "very common"), (0.4, "common"), (0.1, "uncommon"), (0.0, "rare"))
"""Lowest probability to word."""
WEIGHED = 3
"""So many findings at most are weighed under each option."""
PLAIN = 20.0
"""Fewer are enough where they make the key this much more probable than any other option."""
MODEL = "world"


def solve(case: Case) -> Trace:
    """Write the worked solution of a world case.

    Raises:
        DataError: If the case carries no truth.
    """
    knowledge, confidence = load_knowledge(), None
    match case.truth:
        case DiagnosisTruth() as truth:
            steps, assessment = _solve_diagnosis(knowledge, case, truth)
        case TreatmentTruth() as truth:
            steps, assessment = _solve_treatment(knowledge, case, truth)
        case UncertaintyTruth() as truth:
            steps, assessment = _solve_uncertainty(knowledge, case, truth)
            confidence = state_confidence(truth)
        case PrognosisTruth() as truth:
            steps, assessment = _solve_prognosis(knowledge, case, truth)
        case RecallTruth() as truth:
            steps, assessment = _solve_recall(case, truth)
        case None:
            raise DataError(f"case {case.id}: it carries no truth, so no solution can be worked out.")
    steps.append(f"It is {case.options[case.answer]}, option {case.answer}.")
    return Trace(
        case_id=case.id,
        text=write_reply(steps, assessment, case.answer, confidence),
        model=MODEL,
        prompt_hash=hash_prompt(write_prompt(case)),
    )


def name_frequency(p: float) -> str:
    """``very common`` from 0.75, ``common`` from 0.4, ``uncommon`` from 0.1, else ``rare``."""
    return next(word for least, word in FREQUENCIES if p >= least)


def state_confidence(truth: UncertaintyTruth) -> float:
    """How sure the choice is, between 0.5 and 0.99.

    It is the probability that the choice would stand if the log-odds of the post-test probability were off
    by a normal error of standard deviation `gazal.world.kinds.uncertainty.SLACK`: near a threshold, or with a
    close second option, it is low.
    """
    here = log_odds(truth.posttest)
    if truth.form == "decision":
        assert truth.test_below is not None and truth.treat_above is not None
        room = min(abs(here - log_odds(limit)) for limit in (truth.test_below, truth.treat_above))
    else:
        others = [log_odds(float(p)) for p in truth.candidates.values()]
        room = sorted(abs(here - other) for other in others)[1] / 2
    return min(0.99, NormalDist().cdf(room / SLACK))


def _solve_diagnosis(knowledge: Knowledge, case: Case, truth: DiagnosisTruth) -> tuple[list[str], str]:
    key, mentioned = truth.candidates[case.answer], {**truth.shown, **truth.denied}
    steps = [f"The findings are {write_list(list(mentioned.values()))}."]
    names = choose_weighed(knowledge, truth, key)
    for letter, condition in truth.candidates.items():
        words = [f"{mentioned[n]} would be {_frequency(knowledge, truth, n, condition)}" for n in names]
        steps.append(f"With {letter}, {knowledge.conditions[condition].name}: {write_list(words)}.")
    best, p = knowledge.conditions[key].name, truth.posterior[key]
    steps.append(
        f"Taken together the probability of {best} is {write_share(p) if p <= 0.99 else 'over 99%'}."
    )
    return steps, f"The findings fit {best} best."


def _share(knowledge: Knowledge, truth: DiagnosisTruth, finding: str, condition: str) -> float:
    """Probability of what the case says of a finding, shown or denied, under a condition."""
    p = knowledge.likelihood(finding, condition)
    return p if finding in truth.shown else 1.0 - p


def _frequency(knowledge: Knowledge, truth: DiagnosisTruth, finding: str, condition: str) -> str:
    return name_frequency(_share(knowledge, truth, finding, condition))


def choose_weighed(knowledge: Knowledge, truth: DiagnosisTruth, key: str) -> list[str]:
    """The findings that together part the key from the nearest other option most, in the case's order."""
    rivals = [condition for condition in truth.candidates.values() if condition != key]
    odds, chosen = dict.fromkeys(rivals, 1.0), list[str]()

    def part(name: str) -> dict[str, float]:
        here = _share(knowledge, truth, name, key)
        return {rival: odds[rival] * here / _share(knowledge, truth, name, rival) for rival in rivals}

    mentioned = (*truth.shown, *truth.denied)
    while len(chosen) < min(WEIGHED, len(mentioned)) and min(odds.values()) < PLAIN:
        best = max((n for n in mentioned if n not in chosen), key=lambda n: min(part(n).values()))
        odds = part(best)
        chosen.append(best)
    return [name for name in mentioned if name in chosen]


def _solve_treatment(knowledge: Knowledge, case: Case, truth: TreatmentTruth) -> tuple[list[str], str]:
    problem, drugs = knowledge.treatments[truth.problem], knowledge.drugs
    steps = [
        f"The problem is {problem.name} at age {truth.age}.",
        f"The facts to weigh: {write_list(list(truth.facts.values()))}.",
    ]
    for drug, reasons in truth.forbidden.items():
        labels = [knowledge.modifiers[name].label for name in drugs[drug].avoid]
        known = f", which is not given in {write_list(labels)}" if labels else ""
        verdict = "no fact speaks against it"
        if reasons:
            verdict = f"{truth.facts.get(reasons[0]) or f'age {truth.age}'} rules it out"
        steps.append(f"Next comes {drugs[drug].name}{known}; {verdict}.")
        if not reasons:
            break
    steps[2] = steps[2].replace("Next comes", "First choice is", 1)
    best = drugs[truth.candidates[case.answer]].name
    return steps, f"{_capital(best)} is the best choice for {problem.name} in this patient."


def _solve_uncertainty(knowledge: Knowledge, case: Case, truth: UncertaintyTruth) -> tuple[list[str], str]:
    test = knowledge.tests[truth.test]
    condition, word = knowledge.conditions[test.condition].name, "positive" if truth.positive else "negative"
    ill = 1000 * truth.pretest
    of_ill = truth.sensitivity if truth.positive else 1 - truth.sensitivity
    of_well = 1 - truth.specificity if truth.positive else truth.specificity
    hit_ill, hit_well = ill * of_ill, (1000 - ill) * of_well
    steps = [
        f"The pre-test probability is {write_share(truth.pretest)} and the result is {truth.result}: {word}.",
        f"The {test.name} has a sensitivity of {write_share(truth.sensitivity)} "
        f"with a specificity of {write_share(truth.specificity)}.",
        f"Of 1000 such patients {ill:.0f} have {condition}: "
        f"{write_share(of_ill)} of {ill:.0f} is {hit_ill:.1f} who test {word}.",
        f"The other {1000 - ill:.0f} do not have it: "
        f"{write_share(of_well)} of {1000 - ill:.0f} is {hit_well:.1f} who test {word}.",
        f"In all {hit_ill:.1f} + {hit_well:.1f} = {hit_ill + hit_well:.1f} test {word}.",
        f"So it is {hit_ill:.1f} of {hit_ill + hit_well:.1f}: {write_share(truth.posttest)}.",
    ]
    if truth.form == "decision":
        assert truth.test_below is not None and truth.treat_above is not None
        treat, below = write_share(truth.treat_above), write_share(truth.test_below)
        action = decide(truth.posttest, truth.test_below, truth.treat_above)
        steps.append(
            {
                "treat": f"That is above the treatment threshold of {treat}.",
                "wait": f"That is below the test threshold of {below}.",
                "test": f"That is between the test threshold of {below} and that of treatment, {treat}.",
            }[action]
        )
    return steps, f"After this result the probability of {condition} is {write_share(truth.posttest)}."


def _solve_prognosis(knowledge: Knowledge, case: Case, truth: PrognosisTruth) -> tuple[list[str], str]:
    score, patient = knowledge.scores[truth.score], Patient(truth.age, truth.sex)
    steps, total = [], 0.0
    for name in (*truth.values, *(n for n in score.items if n not in truth.values)):
        item = score.items[name]
        if isinstance(item, AgeItem | SexItem):
            shown = f"age {patient.age}" if isinstance(item, AgeItem) else f"{patient.sex} sex"
        else:
            shown = write_item(item, truth.values[name])
        total += truth.points[name]
        so_far = f", {write_number(total)} so far" if steps else ""
        steps.append(f"For {shown}: {write_points(truth.points[name])}{so_far}.")
    steps.append(f"A total of {write_number(truth.total)} means {truth.risk_class}.")
    return steps, f"The {score.name} is {write_number(truth.total)}: {truth.risk_class} ({score.purpose})."


def _solve_recall(case: Case, truth: RecallTruth) -> tuple[list[str], str]:
    relation = build_relations()[truth.relation]
    fact = relation.tell.format(
        subject=relation.subjects[truth.subject], object=relation.objects[truth.object]
    )
    return [f"{_capital(fact)}."], f"{_capital(fact)}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
