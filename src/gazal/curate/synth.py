"""A teacher writes worked replies to questions whose key is known: asked once, kept for good.

The teacher never sees the key. Every reply goes into an append-only ledger under the hash of what was asked;
what is there is not asked for again. Of the samples of a case the first that every gate lets through becomes
an example: sampling by rejection.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

from gazal.config.sampling import Sampling
from gazal.core.case import Case, Tags
from gazal.core.chat import hash_prompt, write_prompt
from gazal.core.example import Example, Lineage
from gazal.core.store import append_line, cut_torn, read_objects
from gazal.curate.checks import Limits, find_fault, judge
from gazal.curate.incoming import Incoming
from gazal.engine.base import Request, StreamingEngine
from gazal.errors import DataError

LEDGER = "ledger.jsonl"
PROMPTS = Path(__file__).with_name("prompts")
EASY, HARD = 0.75, 0.25
"""Share of a case's samples that are right, from which it is easy and below which it is hard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How a teacher is asked."""

    model: str
    samples: int
    sampling: Sampling
    seed: int

    @property
    def manner(self) -> str:
        """What decides a reply beside its prompt."""
        drawn = self.sampling.model_dump(mode="json", exclude={"batch_size"})
        return json.dumps([self.model, drawn, self.seed], sort_keys=True)

    def find_key(self, prompt: str, sample: int) -> str:
        """First 24 hex digits of the sha256 of everything that decides a reply."""
        content = f"{self.manner}\x1f{sample}\x1f{prompt}".encode("utf-8", "surrogatepass")
        return hashlib.sha256(content).hexdigest()[:24]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A reply in the ledger."""

    key: str
    case_id: str
    sample: int
    text: str
    stop: str
    n_tokens: int | None
    prompt_hash: str


def write_teacher_prompt(case: Case) -> str:
    """The structure that the kind calls for, then what any model is asked; never the key."""
    return f"{read_structure(case.kind)}\n\n{write_prompt(case)}"


@cache
def read_structure(kind: str) -> str:
    """The text in ``prompts/<kind>.md``; kinds without one share ``other.md``."""
    path = PROMPTS / f"{kind}.md"
    return (path if path.is_file() else PROMPTS / "other.md").read_text(encoding="utf-8").strip()


def read_ledger(path: Path) -> dict[str, Entry]:
    """Key to reply; a last line that was torn is taken off.

    Raises:
        DataError: A line is none of a ledger's.
    """
    cut_torn(path)
    if not path.exists() or not path.stat().st_size:
        return {}
    found: dict[str, Entry] = {}
    for number, value in read_objects(path):
        try:
            entry = Entry(**value)
        except TypeError as error:
            raise DataError(f"{path}, line {number}: no entry of a ledger ({error}).") from None
        found[entry.key] = entry
    return found


def list_missing(cases: Sequence[Case], asked: Asked, ledger: Mapping[str, Entry]) -> list[Request]:
    """What has to be asked, first samples first."""
    prompts = {case.id: write_teacher_prompt(case) for case in cases}
    return [
        Request(case_id=case_id, sample=sample, prompt=prompt)
        for sample in range(asked.samples)
        for case_id, prompt in prompts.items()
        if asked.find_key(prompt, sample) not in ledger
    ]


def ask(
    engine: StreamingEngine,
    missing: Sequence[Request],
    asked: Asked,
    path: Path,
    room: int | None = None,
) -> Iterator[Entry | None]:
    """Ask, each reply written down as it comes; None for a request that brought none.

    Args:
        engine: The teacher.
        missing: What to ask.
        asked: How.
        path: The ledger.
        room: Stop when the replies of this call have so many tokens; None is no limit.

    Raises:
        DataError: The ledger cannot be written.
    """
    prompts = {(request.case_id, request.sample): request.prompt for request in missing}
    spent = 0
    for rollout in engine.stream(missing, asked.sampling, asked.seed):
        trace = rollout.trace
        if trace.stop == "error" or not trace.text.strip():  # An empty reply is none.
            yield None
            continue
        prompt = prompts[trace.case_id, trace.sample]
        entry = Entry(
            key=asked.find_key(prompt, trace.sample),
            case_id=trace.case_id,
            sample=trace.sample,
            text=trace.text,
            stop=trace.stop,
            n_tokens=trace.n_tokens,
            prompt_hash=hash_prompt(prompt),
        )
        append_line(path, asdict(entry))
        yield entry
        spent += count_tokens(entry)
        if room is not None and spent >= room:
            return


def count_tokens(entry: Entry) -> int:
    """What a reply cost: as the service counted, else a quarter of its characters."""
    return entry.n_tokens or len(entry.text) // 4


def choose(
    cases: Sequence[Case], asked: Asked, ledger: Mapping[str, Entry], limits: Limits
) -> Iterator[Incoming]:
    """For each case its first sample that every gate lets through, or why there is none.

    A case gets its difficulty from the share of its samples that are right.
    """
    for case in cases:
        prompt = write_teacher_prompt(case)
        keys = [asked.find_key(prompt, n) for n in range(asked.samples)]
        entries = [ledger[key] for key in keys if key in ledger]
        examples = [_wrap(case, entry, asked) for entry in entries]
        scores = [judge(example) for example in examples]
        faults = [find_fault(e, found, limits) for e, found in zip(examples, scores, strict=True)]
        source = case.id.partition("/")[0]
        where = f"{case.id}, {len(entries)} of {asked.samples} samples"
        if not entries:
            yield Incoming(
                where=where,
                source=source,
                row=_hash(case.id),
                reason="not_asked",
                what="no reply in the ledger",
            )
            continue
        good = [example for example, fault in zip(examples, faults, strict=True) if fault is None]
        if not good:
            reasons = ", ".join(fault[0] for fault in faults if fault)
            row = entries[0].key[:12]
            yield Incoming(where=where, source=source, row=row, reason="no_sample_passes", what=reasons)
            continue
        share = sum(found["answer"].why == "right" for found in scores) / len(scores)
        row = good[0].lineage.row
        yield Incoming(where=where, source=source, row=row, example=_tag(good[0], share))


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
