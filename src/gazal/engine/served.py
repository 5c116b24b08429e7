"""What is sent to an OpenAI-compatible service, and what its replies and refusals mean."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gazal.config.endpoint import Endpoint
from gazal.config.sampling import Sampling
from gazal.core.chat import CLOSE, OPEN
from gazal.core.trace import Stop
from gazal.engine.base import Request
from gazal.errors import EndpointError

if TYPE_CHECKING:
    from openai import APIStatusError

STOPS: dict[str, Stop] = {"stop": "end", "length": "length"}
REASONING = ("reasoning_content", "reasoning")
"""Where services put what a model thought, where they take it out of its reply."""
LIMIT, NEW_LIMIT = "max_tokens", "max_completion_tokens"
GIVE_UP = 10
"""So many requests in a row that could not be served end the whole."""
NEUTRAL = {"temperature": 1.0, "top_p": 1.0}
"""What the protocol takes where nothing is said: such a value may be left out and means the same."""


class UnreadableReplyError(Exception):
    """A service answered with status 200, and what it said is no reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a service replied."""

    text: str
    stop: Stop
    n_tokens: int | None
    """Of the reply, what was thought included; None where the service does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a service did not reply."""

    reason: str
    of_request: bool
    """Whether it objects to this request, and others may be served."""


def write_settings(
    sampling: Sampling, request: Request, seed: int, refused: Collection[str]
) -> dict[str, Any]:
    """How a reply is asked for, as arguments of the client.

    Args:
        sampling: How to draw.
        request: Whose reply it is: each has a seed of its own, which a greedy reply does not need.
        seed: Of the whole call.
        refused: Names that this service does not take, as `adapt` found.
    """
    settings: dict[str, Any] = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        NEW_LIMIT if LIMIT in refused else LIMIT: sampling.max_new_tokens,
    }
    if not sampling.greedy:
        settings["seed"] = derive_seed(seed, request)
    if sampling.top_k:
        settings["extra_body"] = {"top_k": sampling.top_k}
    return {name: value for name, value in settings.items() if name not in refused}


def derive_seed(seed: int, request: Request) -> int:
    """31 bits that belong to this request alone, whatever else is asked."""
    name = f"{seed}\x1f{request.sample}\x1f{request.case_id}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(name).digest()[:4], "big") >> 1


def adapt(error: "APIStatusError", sampling: Sampling) -> str | None:
    """The setting that was refused, if it can be said in another way or left out without a change."""
    if NEW_LIMIT in error.message and "not supported" in error.message:
        return LIMIT
    if error.param in NEUTRAL and getattr(sampling, error.param) == NEUTRAL[error.param]:
        return error.param
    return None


def read_completion(found: object) -> Said | Failure:
    """Take a reply out of what the client gives; nothing in it is taken on trust.

    What a model thought and the service took out of its reply is put back in front of it, between ``<think>``
    and ``</think>``. A reply that was cut off before it said anything was cut off while it thought: its
    thinking stays open.

    Raises:
        UnreadableReplyError: It holds no reply.
    """
    choices = getattr(found, "choices", None)
    spent = getattr(getattr(found, "usage", None), "completion_tokens", None)
    if not isinstance(choices, list) or not choices:
        error = getattr(found, "error", None)
        raise UnreadableReplyError(f"no reply in it: {error or found!r:.200}")
    message = getattr(choices[0], "message", None)
    content = getattr(message, "content", None)
    thoughts = [getattr(message, name, None) for name in REASONING]
    thinking = next((text for text in thoughts if isinstance(text, str) and text.strip()), None)
    if message is None or not (isinstance(content, str) or content is None):
        raise UnreadableReplyError(f"no text in it: {choices[0]!r:.200}")
    return _say(thinking, content or "", getattr(choices[0], "finish_reason", None), spent)


class Pieces:
    """A reply that comes in pieces."""

    def __init__(self) -> None:
        self._thinking, self._content = "", ""
        self._reason: object = None
        self._spent: object = None

    def add(self, chunk: object) -> None:
        """One event of the stream."""
        self._spent = getattr(getattr(chunk, "usage", None), "completion_tokens", None) or self._spent
        for choice in (getattr(chunk, "choices", None) or [])[:1]:
            delta = getattr(choice, "delta", None)
            thoughts = [getattr(delta, name, None) for name in REASONING]
            self._thinking += next((text for text in thoughts if isinstance(text, str)), "")
            content = getattr(delta, "content", None)
            self._content += content if isinstance(content, str) else ""
            self._reason = getattr(choice, "finish_reason", None) or self._reason

    def read(self) -> Said | Failure:
        """The whole, as `read_completion` reads it.

        Raises:
            UnreadableReplyError: The stream ended before the reply did.
        """
        if self._reason is None:
            raise UnreadableReplyError(f"the stream ended after {len(self._content)} characters")
        return _say(self._thinking.strip() or None, self._content, self._reason, self._spent)


def _say(thinking: str | None, content: str, reason: object, spent: object) -> Said | Failure:
    if not isinstance(reason, str) or reason not in STOPS:
        return Failure(reason=f"it ended by {reason!r}, not by stop or length", of_request=True)
    stop = STOPS[reason]
    n_tokens = spent if isinstance(spent, int) else None
    return Said(text=_join(thinking, content, stop), stop=stop, n_tokens=n_tokens)


def _join(thinking: str | None, content: str, stop: Stop) -> str:
    if thinking is None or CLOSE in content:  # Some services leave it in the reply as well.
        return content
    opened = f"{OPEN}\n{thinking.strip()}"
    if stop == "length" and not content.strip():
        return opened
    return f"{opened}\n{CLOSE}\n\n{content.lstrip()}"


def read_message(error: "APIStatusError") -> str:
    """What the service says of its refusal, on one line."""
    body = error.body
    words = (body.get("message") or body.get("detail")) if isinstance(body, dict) else None
    return f"{' '.join(str(words or error.message).split()):.300}"


def explain_refusal(error: "APIStatusError", endpoint: Endpoint, has_key: bool) -> str | None:
    """Why no request of this run can be served, and what to do; None where another one might be."""
    where, said = f"endpoint {endpoint.host}", f"{error.status_code}: {read_message(error)}"
    key = f"${endpoint.key_variable}"
    if error.status_code == 401 and not has_key:
        return f"{where}: asks for a key ({said}). Put it into {key}, or name another variable."
    if error.status_code == 401:
        return f"{where}: does not take the key in {key} ({said}). Put the key of this service into it."
    if error.status_code == 402:
        return f"{where}: wants to be paid first ({said}). Add credit, then run the same command again."
    if error.status_code == 404:
        return (
            f"{where}: knows no model {endpoint.model!r} or no such path ({said}). Check the model's name, "
            f"and that the URL is the one of the service's manual; most end in /v1."
        )
    return None


class FailureRow:
    """Counts failures one after the other, and ends a run that gets nothing else."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint, self.n, self.served = endpoint, 0, False

    def add(self, said: Said | Failure) -> None:
        """Count one.

        Raises:
            EndpointError: It was one too many.
        """
        if isinstance(said, Said):
            self.n, self.served = 0, True
        elif not (
            said.of_request and self.served
        ):  # Where others are served, such a request is refused alone.
            self.n += 1
        else:
            return
        if self.n == GIVE_UP and isinstance(said, Failure):
            raise EndpointError(
                f"endpoint {self.endpoint.host}: {GIVE_UP} requests in a row could not be served; the last: "
                f"{said.reason}. What was served is kept: when the cause is gone, the same command goes on."
            )
