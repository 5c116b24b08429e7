"""A Trace: what one model wrote in reply to one case, verbatim."""

from dataclasses import dataclass
from typing import Literal

from gazal.core.chat import Reply, read_reply

Stop = Literal["end", "length", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One reply. The text is stored once; everything else is read out of it on demand."""

    case_id: str
    text: str
    sample: int = 0
    """Which of several replies to the same case."""
    model: str = ""
    stop: Stop = "end"
    """``end``: the model finished; ``length``: it was cut off; ``error``: the engine failed."""
    n_tokens: int | None = None
    """Length of the reply in the model's own tokens; None where unknown."""
    prompt_hash: str = ""
    """First 12 hex digits of the sha256 of the prompt; empty where unknown."""
    pred: str | None = None
    """An answer that others recorded for this reply; never used to judge it."""

    @property
    def reply(self) -> Reply:
        """The text taken apart."""
        return read_reply(self.text)

    @property
    def thinking(self) -> str | None:
        """What stands between ``<think>`` and ``</think>``; None where it was never closed."""
        return self.reply.thinking

    @property
    def steps(self) -> tuple[str, ...]:
        """The numbered steps of the thinking, without their ``Step N:``."""
        return self.reply.steps

    @property
    def answer(self) -> str | None:
        r"""Content of the one committed ``\boxed{}``; None where there is none or more than one."""
        return self.reply.answer

    @property
    def confidence(self) -> float | None:
        """The stated confidence, between 0 and 1; None where absent or out of range."""
        return self.reply.confidence
