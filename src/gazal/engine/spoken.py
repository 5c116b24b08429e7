"""One reply as it is written, piece by piece: for a person who watches."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, cast

from gazal.config.endpoint import Endpoint
from gazal.config.model import ModelConfig
from gazal.config.sampling import Sampling
from gazal.core.case import Case
from gazal.core.chat import CLOSE, OPEN, write_prompt
from gazal.core.trace import Stop, Trace
from gazal.errors import ConfigError, EndpointError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

NO_KEY = "none"
THOUGHTS = ("reasoning_content", "reasoning")


class Speaker(ABC):
    """A model that says its reply piece by piece; after the last one ``trace`` holds the whole."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.trace: Trace | None = None

    def say(self, case: Case, sampling: Sampling, seed: int) -> Iterator[str]:
        """The reply to a case, in pieces."""
        pieces: list[str] = []
        stop: Stop = "end"
        for piece, ended in self._say(write_prompt(case), sampling, seed):
            pieces.append(piece)
            stop = ended or stop
            if piece:
                yield piece
        self.trace = Trace(case_id=case.id, text="".join(pieces), model=self.name, stop=stop)

    @abstractmethod
    def _say(self, prompt: str, sampling: Sampling, seed: int) -> Iterator[tuple[str, Stop | None]]:
        """Pieces of the reply, and how it ended where a piece says so."""


class LocalSpeaker(Speaker):
    """A model in this process."""

    def __init__(self, name: str, config: ModelConfig, adapter: Path | None = None) -> None:
        """Load it, and merge the adapter into it where there is one."""
        super().__init__(name)
        from gazal.model.load import load_model, load_tokenizer
        from gazal.model.merge import load_merged

        self._thinking = config.enable_thinking
        self.tokenizer: PreTrainedTokenizerBase = load_tokenizer(config)
        self.model: PreTrainedModel = load_merged(config, adapter) if adapter else load_model(config)

    def _say(self, prompt: str, sampling: Sampling, seed: int) -> Iterator[tuple[str, Stop | None]]:
        import torch
        from transformers import TextIteratorStreamer, set_seed

        from gazal.engine.replies import find_stops
        from gazal.model.chat import write_prompt_tokens

        ids = write_prompt_tokens(self.tokenizer, prompt, self._thinking)
        room = self.model.config.max_position_embeddings - len(ids)
        if room < 1:
            raise ConfigError(f"{self.name}: the question has {len(ids)} tokens and fills all it can read.")
        most = min(sampling.max_new_tokens, room)
        streamer = TextIteratorStreamer(cast(Any, self.tokenizer), skip_prompt=True, skip_special_tokens=True)
        settings: dict[str, Any] = {"do_sample": not sampling.greedy, "max_new_tokens": most}
        if not sampling.greedy:
            drawn = {"temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": sampling.top_k}
            settings |= drawn
        set_seed(seed)
        tokens = torch.tensor([ids], device=self.model.device)
        stops = sorted(find_stops(self.model, self.tokenizer))
        found: list[Any] = []

        def write() -> None:
            try:
                generate = cast(Any, self.model).generate
                found.append(generate(
                    input_ids=tokens, attention_mask=torch.ones_like(tokens), streamer=streamer,
                    eos_token_id=stops, pad_token_id=self.tokenizer.pad_token_id, **settings,
                ))  # fmt: skip
            finally:
                streamer.end()  # So that who listens is not left waiting after an error.

        thread = Thread(target=write, daemon=True)
        thread.start()
        for piece in streamer:
            yield piece, None
        thread.join()
        if not found:
            raise ConfigError(f"{self.name}: writing failed; the traceback above says why.")
        yield "", "end" if int(found[0][0, -1]) in stops else "length"


class ServedSpeaker(Speaker):
    """A model behind an OpenAI-compatible service."""

    def __init__(self, endpoint: Endpoint, key: str | None) -> None:
        """Nobody is asked yet."""
        super().__init__(endpoint.model)
        self._endpoint, self._key = endpoint, key

    def _say(self, prompt: str, sampling: Sampling, seed: int) -> Iterator[tuple[str, Stop | None]]:
        import openai

        client = openai.OpenAI(base_url=self._endpoint.url, api_key=self._key or NO_KEY)
        thinking = False
        try:
            chunks = client.chat.completions.create(
                model=self._endpoint.model,
                messages=[{"role": "user", "content": prompt}],
                max_tokens=sampling.max_new_tokens,
                temperature=sampling.temperature,
                top_p=sampling.top_p,
                seed=None if sampling.greedy else seed,
                stream=True,
                timeout=self._endpoint.timeout_s,
            )
            for chunk in chunks:
                for choice in chunk.choices[:1]:
                    thought = next((t for n in THOUGHTS if (t := getattr(choice.delta, n, None))), "")
                    if thought and not thinking:
                        yield f"{OPEN}\n", None
                    text = choice.delta.content or ""
                    if thinking and text:
                        yield f"\n{CLOSE}\n\n", None
                    thinking = bool(thought) or (thinking and not text)
                    stop: Stop | None = "length" if choice.finish_reason == "length" else None
                    yield f"{thought}{text}", stop
        except openai.OpenAIError as error:
            said = str(error).replace(self._key, "***") if self._key else str(error)
            raise EndpointError(
                f"endpoint {self._endpoint.host}: {said}. Check URL, model and key."
            ) from None
