"""What an engine is asked, what it gives back, and what every engine promises."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from gazal.config.sampling import Sampling
from gazal.core.trace import Trace

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One reply that is wanted."""

    case_id: str
    sample: int
    """Which of several replies to the same case; another sample is another draw."""
    prompt: str
    """The user's text; the engine puts it into the model's chat template."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """One reply, with what a trainer needs to learn from it where the engine can know it.

    An engine over the network and a script without a tokenizer know text alone: their tuples are empty, and
    ``trace.n_tokens`` is what the service counted, or None.
    """

    trace: Trace
    prompt_tokens: tuple[int, ...]
    """The prompt as the model read it."""
    tokens: tuple[int, ...]
    """The reply as the model wrote it, with the stop token where it stopped by itself."""
    logprobs: tuple[float, ...]
    """Of each token (nats): at temperature 1 over the whole vocabulary, whatever it was sampled at."""


class Engine(Protocol):
    """Anything that replies: a model here, a server elsewhere, a script."""

    name: str
    """What ``Trace.model`` says."""

    def generate(self, requests: Sequence[Request], sampling: Sampling, seed: int) -> list[Rollout]:
        """One rollout per request, in the order of the requests.

        The same call gives the same rollouts (over the network as far as the service keeps to a seed). A
        reply depends on its own request and on the seed, never on what else was asked. A request that cannot
        be served has a trace whose stop is ``error``.
        """
        ...


class RenewableEngine(Engine, Protocol):
    """An engine that writes as a model that is being trained."""

    tokenizer: "PreTrainedTokenizerBase"

    def renew(self, adapted: "PeftModel") -> None:
        """Write as this model does from now on; its weights are not touched."""
        ...


class StreamingEngine(Protocol):
    """What gives replies that can be kept one by one while it still writes others."""

    def stream(self, requests: Sequence[Request], sampling: Sampling, seed: int) -> Iterator[Rollout]:
        """One rollout per request, each as soon as it is finished."""
        ...
