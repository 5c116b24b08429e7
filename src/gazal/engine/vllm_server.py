"""Sampling from a ``vllm serve`` that holds the same base model, with weights handed over between steps."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener
from urllib.request import Request as Call
from uuid import uuid4

from peft import PeftModel
from transformers import PreTrainedTokenizerBase

from gazal.config.engine import EngineConfig
from gazal.config.sampling import Sampling
from gazal.engine.base import Request, Rollout
from gazal.engine.replies import Written, read_prompts, write_rollout
from gazal.engine.vllm import write_params
from gazal.errors import ConfigError, TrainingError
from gazal.model.handover import list_merged, save_merged
from gazal.model.processes import is_main, wait_for_all
from gazal.model.shards import is_sharded

SECONDS = 3600
"""How long one call may take."""


class VLLMServer:
    """Replies of a model that ``vllm serve`` holds, in another process of this machine or on another machine.

    What `gazal.engine.vllm.VLLMEngine` says of its replies holds here, too, except that requests arrive in no
    fixed order, so the same call gives the same rollouts only as far as the batches that the server makes of
    them change no digit that a draw depends on. ``sampling.batch_size`` requests are under way at once.

    Weights go through files, which the server must be able to read, and the server has to run with
    ``VLLM_SERVER_DEV_MODE=1``, which lets whoever reaches it steer it: keep it on the loopback address. It
    serves one run at a time; weights that come from elsewhere stop the run. On a CPU, vLLM 0.32 needs
    ``--no-enable-chunked-prefill``: it fails where it cuts the prompt of a request that has a seed.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        stops: Sequence[int],
        config: EngineConfig,
        *,
        enable_thinking: bool = True,
        name: str,
    ) -> None:
        """Look at the server; nothing is changed there yet.

        Args:
            tokenizer: Of the base model.
            stops: Tokens that end a reply.
            config: Where the server is.
            enable_thinking: Handed to the chat template.
            name: What ``Trace.model`` says.

        Raises:
            ConfigError: There is no such server, or weights cannot be handed over to it.
        """
        assert config.address is not None
        self.tokenizer, self.stops, self.name = tokenizer, tuple(stops), name
        self.enable_thinking, self._folder = enable_thinking, config.folder
        self._address = config.address.rstrip("/")
        # A proxy is for the world outside, and patients' cases have no business there.
        self._opener = build_opener(ProxyHandler({}))
        try:
            (served, *_) = self._call("/v1/models")["data"]
            self._call("/weight_info")
        except TrainingError as error:
            raise ConfigError(
                f"grpo.engine.address: {error} Start it with VLLM_SERVER_DEV_MODE=1 vllm serve MODEL --host "
                "127.0.0.1, with the model that is trained."
            ) from error
        self._model, self._context = served["id"], int(served["max_model_len"])
        self._version: str | None = None

    def generate(self, requests: Sequence[Request], sampling: Sampling, seed: int) -> list[Rollout]:
        """One rollout per request, in the order of the requests.

        Raises:
            TrainingError: The server fails, or its weights are not those that were handed over.
        """
        if self._version is not None and self.weight_version != self._version:
            raise TrainingError(
                f"{self._address} holds weights {self.weight_version!r}, but this run handed over "
                f"{self._version!r}: it was started anew, or serves another run. Go on with the same command."
            )
        read = read_prompts(
            (request.prompt for request in requests),
            self.tokenizer,
            enable_thinking=self.enable_thinking,
            room=self._context - sampling.max_new_tokens,
        )

        def reply(request: Request) -> Rollout:
            prompt = read[request.prompt]
            params = write_params(sampling, request, seed, self.stops)
            written = self._complete(prompt, params) if prompt else None
            return write_rollout(
                request, prompt, written, tokenizer=self.tokenizer, stops=self.stops, name=self.name
            )

        with ThreadPoolExecutor(max_workers=sampling.batch_size) as pool:
            return list(pool.map(reply, requests))

    def renew(self, adapted: PeftModel) -> None:
        """Write as this model does from now on; only what its adapter changes is handed over.

        Raises:
            TrainingError: The server cannot read the weights, or fails.
        """
        if is_main():
            with TemporaryDirectory(prefix="gazal-weights-", dir=self._folder) as folder:
                save_merged(adapted, Path(folder))
                asked = {"method": "reload_weights", "kwargs": {"weights_path": folder}}
                self._call("/collective_rpc", asked)
            self._call("/update_weight_version", {"new_version": uuid4().hex})
            if not self._call("/reset_prefix_cache", {})["success"]:
                raise TrainingError(
                    f"{self._address} is at work for someone else. Give this run a server of its own."
                )
        elif is_sharded(adapted):
            for _ in list_merged(adapted):
                pass  # The main process needs this one's part of each weight.
        wait_for_all()
        self._version = self.weight_version

    @property
    def weight_version(self) -> str:
        """The name of the weights that the server holds; every hand-over gives another."""
        return self._call("/weight_info")["weight_version"]

    def _complete(self, prompt: Sequence[int], params: dict[str, Any]) -> Written | None:
        """Tokens and their log-probabilities; None where the server gave up on the request."""
        asked = {"model": self._model, "prompt": list(prompt), "return_token_ids": True, **params}
        (choice,) = self._call("/v1/completions", asked)["choices"]
        if choice["finish_reason"] not in ("stop", "length"):
            return None
        return choice["token_ids"], choice["logprobs"]["token_logprobs"]

    def _call(self, path: str, asked: dict[str, Any] | None = None) -> Any:
        """The server's answer; without ``asked``, to a GET."""
        data = None if asked is None else json.dumps(asked).encode()
        call = Call(self._address + path, data, {"Content-Type": "application/json"})
        try:
            with self._opener.open(call, timeout=SECONDS) as answer:
                return json.loads(answer.read() or "null")
        except HTTPError as error:
            said = error.read(300).decode("utf-8", "replace")
            raise TrainingError(f"{self._address}{path} says {error.code} {error.reason}: {said}") from error
        except (OSError, ValueError) as error:
            raise TrainingError(f"{self._address}{path} does not answer ({error}).") from error
