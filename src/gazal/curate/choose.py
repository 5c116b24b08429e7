"""From the replies in a ledger to examples: of a case's samples the first that every gate lets through."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gazal.core.case import Case, Tags
from gazal.core.example import Example, Lineage
from gazal.core.trace import Trace
from gazal.curate.checks import Limits, find_fault, judge
from gazal.curate.incoming import Incoming
from gazal.curate.synth import Asked, Entry, write_teacher_prompt
from gazal.score.rubric import Opinions, judge_rubric

EASY, HARD = 0.75, 0.25
"""Share of a case's samples that are right, from which it is easy and below which it is hard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """What a reply has to pass."""

    limits: Limits = field(default_factory=Limits)
    agree: float = 0.0
    """Least share of a case's samples that are right: where fewer agree, the right one may be luck."""
    opinions: Opinions | None = None
    """What a second model thinks of the replies; None where none is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """A case with its samples, judged."""

    case: Case
    good: Sequence[Example]
    """Those that pass all judges, in the order of their numbers."""
    faults: Sequence[str]
    """Why the others do not."""
    share: float
    """Of the samples that are right; NaN where there is none."""

    @property
    def n(self) -> int:
        """How many samples there are."""
        return len(self.good) + len(self.faults)


def choose(
    cases: Sequence[Case], asked: Asked, ledger: Mapping[str, Entry], gates: Gates
) -> Iterator[Incoming]:
    """For each case the sample to learn from, or why there is none.

    A case gets its difficulty from the share of its samples that are right.
    """
    for case in cases:
        weighed = weigh(case, asked, ledger, gates.limits)
        source = case.id.partition("/")[0]
        where = f"{case.id}, {weighed.n} of {asked.samples} samples"
        example, fault = _settle(weighed, gates)
        if example is not None:
            row = example.lineage.row
            yield Incoming(where=where, source=source, row=row, example=_tag(example, weighed.share))
        else:
            row = _hash(case.id)
            yield Incoming(where=where, source=source, row=row, reason=fault[0], what=fault[1])


def list_candidates(
    cases: Sequence[Case], asked: Asked, ledger: Mapping[str, Entry], gates: Gates
) -> list[tuple[Case, Trace]]:
    """The replies that a second model has to be asked about before `choose` can choose.

    One of each case at a time, the next only where the one before was faulted: ask until the list is empty.
    """
    assert gates.opinions is not None
    found = []
    for case in cases:
        weighed = weigh(case, asked, ledger, gates.limits)
        if not weighed.good or weighed.share < gates.agree:
            continue
        for example in weighed.good:
            why = judge_rubric(case, example.trace, opinions=gates.opinions).why
            if why == "not_asked":
                found.append((case, example.trace))
            if why in ("not_asked", "praised"):
                break
    return found


def weigh(case: Case, asked: Asked, ledger: Mapping[str, Entry], limits: Limits) -> Weighed:
    """Judge the samples of a case that are in the ledger."""
    prompt = write_teacher_prompt(case)
    keys = [asked.find_key(prompt, n) for n in range(asked.samples)]
    examples = [_wrap(case, ledger[key], asked) for key in keys if key in ledger]
    scores = [judge(example) for example in examples]
    faults = [find_fault(e, found, limits) for e, found in zip(examples, scores, strict=True)]
    right = sum(found["answer"].why == "right" for found in scores)
    return Weighed(
        case=case,
        good=[example for example, fault in zip(examples, faults, strict=True) if fault is None],
        faults=[fault[0] for fault in faults if fault is not None],
        share=right / len(examples) if examples else float("nan"),
    )


def _settle(weighed: Weighed, gates: Gates) -> tuple[Example | None, tuple[str, str]]:
    if not weighed.n:
        return None, ("not_asked", "no reply in the ledger")
    if not weighed.good:
        return None, ("no_sample_passes", ", ".join(weighed.faults))
    if weighed.share < gates.agree:
        return None, ("samples_disagree", f"{weighed.share:.0%} are right; {gates.agree:.0%} are the least")
    if gates.opinions is None:
        return weighed.good[0], ("", "")
    said = [judge_rubric(weighed.case, e.trace, opinions=gates.opinions).why for e in weighed.good]
    if "praised" in said:
        return weighed.good[said.index("praised")], ("", "")
    return None, ("second_model_faults", ", ".join(said))


def _wrap(case: Case, entry: Entry, asked: Asked) -> Example:
    drawn = asked.sampling
    made = f"prompt {entry.prompt_hash}, sample {entry.sample} of {asked.samples}"
    lineage = Lineage(
        source=case.id.partition("/")[0],
        row=entry.key[:12],
        made=f"{made}, temperature {drawn.temperature:g}, seed {asked.seed}",
        teacher=asked.model,
        licence=case.licence,
    )
    return Example(case=case, reply=entry.text, lineage=lineage)


def _tag(example: Example, share: float) -> Example:
    case = example.case
    if case.tags.difficulty is not None:
        return example
    difficulty = "easy" if share >= EASY else "hard" if share < HARD else "medium"
    tags: Tags = replace(case.tags, difficulty=difficulty)
    return replace(example, case=replace(case, tags=tags))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
