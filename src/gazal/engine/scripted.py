"""An engine that says what it is told to, for tests and for trying the rest of the path without a model."""

from collections.abc import Callable, Mapping, Sequence

from transformers import PreTrainedTokenizerBase

from gazal.config.sampling import Sampling
from gazal.core.chat import hash_prompt
from gazal.core.trace import Stop, Trace
from gazal.engine.base import Request, Rollout
from gazal.errors import DataError
from gazal.model.chat import find_end_token, write_prompt_tokens

Script = Mapping[str, Sequence[str]] | Callable[[Request], str]


class ScriptedEngine:
    """Replies by case id, sample k the k-th of them and then from the first again; or a function's.

    With a tokenizer, rollouts have tokens, long replies are cut off, and every log-probability is 0: what is
    said was certain. Without one, rollouts have no tokens and nothing is cut off.
    """

    def __init__(
        self,
        replies: Script,
        tokenizer: PreTrainedTokenizerBase | None = None,
        *,
        enable_thinking: bool = True,
        name: str = "scripted",
    ) -> None:
        self.replies, self.tokenizer, self.name = replies, tokenizer, name
        self.enable_thinking = enable_thinking

    def generate(self, requests: Sequence[Request], sampling: Sampling, seed: int) -> list[Rollout]:
        """One rollout per request, in the order of the requests; the seed changes nothing.

        Raises:
            DataError: There is no reply to a case.
        """
        return [self._reply(request, sampling) for request in requests]

    def _reply(self, request: Request, sampling: Sampling) -> Rollout:
        text = self._find_text(request)
        stop: Stop = "end"
        prompt_tokens: tuple[int, ...] = ()
        tokens: tuple[int, ...] = ()
        if self.tokenizer is not None:
            prompt_tokens = tuple(write_prompt_tokens(self.tokenizer, request.prompt, self.enable_thinking))
            tokens = (*self.tokenizer.encode(text, add_special_tokens=False), find_end_token(self.tokenizer))
            if len(tokens) > sampling.max_new_tokens:
                tokens, stop = tokens[: sampling.max_new_tokens], "length"
                text = str(self.tokenizer.decode(list(tokens), skip_special_tokens=False))
        trace = self._write_trace(request, text, stop, len(tokens))
        return Rollout(trace=trace, prompt_tokens=prompt_tokens, tokens=tokens, logprobs=(0.0,) * len(tokens))

    def _find_text(self, request: Request) -> str:
        if callable(self.replies):
            return self.replies(request)
        texts = self.replies.get(request.case_id, ())
        if not texts:
            raise DataError(
                f"{self.name}: no reply to case {request.case_id!r}; there are replies to "
                f"{len(self.replies)} cases. Add one to the script."
            )
        return texts[request.sample % len(texts)]

    def _write_trace(self, request: Request, text: str, stop: Stop, n_tokens: int) -> Trace:
        return Trace(
            case_id=request.case_id,
            text=text,
            sample=request.sample,
            model=self.name,
            stop=stop,
            n_tokens=n_tokens if self.tokenizer is not None else None,
            prompt_hash=hash_prompt(request.prompt),
        )
