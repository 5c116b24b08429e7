"""A teacher writes worked replies to questions whose key is known: asked once, kept for good.

The teacher never sees the key. Every reply goes into an append-only ledger under the hash of what was asked;
what is there is not asked for again. `gazal.curate.choose` makes examples of them.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from gazal.config.sampling import Sampling
from gazal.core.case import Case
from gazal.core.chat import hash_prompt, write_prompt
from gazal.core.store import append_line, cut_torn, read_objects
from gazal.engine.base import Request, StreamingEngine
from gazal.errors import DataError

LEDGER = "ledger.jsonl"
PROMPTS = Path(__file__).with_name("prompts")
PER_TOKEN = 4
"""Characters that count as a token where no service counted."""


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


@dataclass(slots=True, kw_only=True)
class Purse:
    """What was spent so far, and how much may be."""

    most_tokens: int | None = None
    """Of replies."""
    most_money: float | None = None
    price_in: float = 0.0
    """Of a million tokens of prompts, in any currency."""
    price_out: float = 0.0
    """Of a million tokens of replies."""
    tokens: int = 0
    money: float = 0.0

    def pay(self, prompt: str, entry: Entry) -> None:
        """Count one reply. Tokens of prompts are an estimate: a quarter of their characters."""
        n = entry.n_tokens or len(entry.text) // PER_TOKEN
        self.tokens += n
        self.money += self.price(len(prompt) // PER_TOKEN, n)

    def price(self, n_in: int, n_out: int) -> float:
        """Of so many tokens."""
        return (n_in * self.price_in + n_out * self.price_out) / 1e6

    @property
    def empty(self) -> bool:
        """Whether a limit is reached."""
        over_tokens = self.most_tokens is not None and self.tokens >= self.most_tokens
        return over_tokens or (self.most_money is not None and self.money >= self.most_money)


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


def pay_for_ledger(cases: Sequence[Case], asked: Asked, ledger: Mapping[str, Entry], purse: Purse) -> None:
    """Count what earlier sittings spent."""
    for case in cases:
        prompt = write_teacher_prompt(case)
        for sample in range(asked.samples):
            if (entry := ledger.get(asked.find_key(prompt, sample))) is not None:
                purse.pay(prompt, entry)


def ask(
    engine: StreamingEngine,
    missing: Sequence[Request],
    asked: Asked,
    path: Path,
    purse: Purse,
) -> Iterator[Entry | None]:
    """Ask, each reply written down as it comes; None for a request that brought none.

    Args:
        engine: The teacher.
        missing: What to ask.
        asked: How.
        path: The ledger.
        purse: Pays for each reply; asking ends when it is empty.

    Raises:
        DataError: The ledger cannot be written.
    """
    prompts = {(request.case_id, request.sample): request.prompt for request in missing}
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
        purse.pay(prompt, entry)
        yield entry
        if purse.empty:
            return
