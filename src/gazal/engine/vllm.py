"""Sampling from vLLM in this process; `gazal.engine.vllm_server` asks one that runs as a server.

Held against vLLM 0.32 on the CPU (``make test-vllm``).
"""

import os
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from peft import PeftModel
from transformers import PreTrainedTokenizerBase

from gazal.config.engine import EngineConfig
from gazal.config.model import ModelConfig
from gazal.config.sampling import Sampling
from gazal.engine.base import Request, Rollout
from gazal.engine.noise import derive_key
from gazal.engine.replies import Written, read_prompts, write_rollout
from gazal.errors import ConfigError, TrainingError
from gazal.model.handover import list_merged
from gazal.model.place import find_model
from gazal.model.processes import count_processes, find_device

SETTINGS = {
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # Trainer and engine take turns on the same cores.
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
}
"""Of vLLM in this process, where the environment says nothing else."""


class VLLMEngine:
    """Replies of a model that vLLM holds in this process, which takes up new weights between calls.

    Prompts go in as tokens and replies come out as tokens, each with its log-probability at temperature 1
    over the whole vocabulary. vLLM draws a reply from a seed of its own, made of seed, case and sample. The
    same call gives the same rollouts; the local engine gives others. What else is asked in a call can change
    log-probabilities in the last digits, so now and then a token: vLLM computes batches of another shape in
    another order. ``sampling.batch_size`` has no meaning here, vLLM plans its own batches.
    """

    def __init__(
        self,
        model: ModelConfig,
        tokenizer: PreTrainedTokenizerBase,
        stops: Sequence[int],
        config: EngineConfig,
        *,
        name: str,
    ) -> None:
        """Load the base model into vLLM.

        Args:
            model: The base, as the trainer has it.
            tokenizer: Its tokenizer; vLLM loads none.
            stops: Tokens that end a reply.
            config: Memory and context.
            name: What ``Trace.model`` says.

        Raises:
            ConfigError: vLLM is not installed or cannot start, or this is one of several processes.
        """
        self.tokenizer, self.stops, self.name = tokenizer, tuple(stops), name
        self.enable_thinking = model.enable_thinking
        self._llm, self._version = _start(model, config), 0
        self._params = import_module("vllm").SamplingParams
        self._context = int(self._llm.model_config.max_model_len)

    def generate(self, requests: Sequence[Request], sampling: Sampling, seed: int) -> list[Rollout]:
        """One rollout per request, in the order of the requests."""
        # What earlier calls left in the cache may come from other weights, and changes how batches are cut.
        if not self._llm.reset_prefix_cache():
            raise TrainingError(
                "vLLM could not empty its prefix cache: a request of an earlier call still runs."
            )
        read = read_prompts(
            (request.prompt for request in requests),
            self.tokenizer,
            enable_thinking=self.enable_thinking,
            room=self._context - sampling.max_new_tokens,
        )
        asked = [request for request in requests if read[request.prompt]]
        outputs = self._llm.generate(
            [{"prompt_token_ids": list(read[request.prompt])} for request in asked],
            [
                self._params(**write_params(sampling, request, seed, self.stops), detokenize=False)
                for request in asked
            ],
            use_tqdm=False,
        )
        written = iter(outputs)
        return [
            write_rollout(
                request,
                read[request.prompt],
                _read_output(next(written)) if read[request.prompt] else None,
                tokenizer=self.tokenizer,
                stops=self.stops,
                name=self.name,
            )
            for request in requests
        ]

    def renew(self, adapted: PeftModel) -> None:
        """Write as this model does from now on; only what its adapter changes is handed over."""
        self._llm.collective_rpc("reload_weights", kwargs={"weights_iterator": list_merged(adapted)})
        self._version += 1
        self._llm.update_weight_version(str(self._version))

    @property
    def weight_version(self) -> str:
        """How often weights were handed over, as vLLM says."""
        return self._llm.get_weight_version()


def write_params(sampling: Sampling, request: Request, seed: int, stops: Sequence[int]) -> dict[str, Any]:
    """Settings of one request in vLLM's words; all of them, as a model may bring defaults of its own."""
    return {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": 0.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "repetition_penalty": 1.0,
        "max_tokens": sampling.max_new_tokens,
        "stop_token_ids": list(stops),
        "logprobs": 0,  # Of the sampled token only.
        "seed": derive_key(seed, request.case_id, request.sample) >> 65,  # 63 bits
    }


def _start(model: ModelConfig, config: EngineConfig) -> Any:
    """A ``vllm.LLM`` whose model runs in this process."""
    if find_spec("vllm") is None:
        raise ConfigError(
            "grpo.engine.kind: vllm is not installed here. Run pip install 'gazal[vllm]', give the address "
            "of a vllm serve as grpo.engine.address, or set grpo.engine.kind to local."
        )
    if count_processes() > 1:
        raise ConfigError(
            "grpo.engine.kind: vllm runs inside a single process only, and this is one of "
            f"{count_processes()}. Start vllm serve and set grpo.engine.address, or set kind to local."
        )
    for key, value in SETTINGS.items():
        os.environ.setdefault(key, value)
    # Weights are handed over as tensors, which no other process of vLLM's could take.
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    try:
        return import_module("vllm").LLM(
            model=str(find_model(model.path)),
            revision=model.revision,
            dtype=model.dtype,
            skip_tokenizer_init=True,
            trust_remote_code=False,
            generation_config="vllm",
            logprobs_mode="raw_logprobs",
            seed=0,
            gpu_memory_utilization=config.memory,
            max_model_len=config.context,
            enforce_eager=config.eager,
            # vLLM 0.32 takes a draw of its own back where it cut a prompt, which CPU generators cannot.
            enable_chunked_prefill=False if find_device().type == "cpu" else None,
            use_tqdm_on_load=False,
        )
    except (ValueError, RuntimeError, OSError) as error:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), "")[:300]
        raise ConfigError(
            f"grpo.engine: vLLM did not start ({type(error).__name__}: {reason}). Where memory is short, "
            "change grpo.engine.memory or lower grpo.engine.context; VLLM_LOGGING_LEVEL=INFO shows more."
        ) from error


def _read_output(output: Any) -> Written | None:
    """Tokens of a ``vllm.RequestOutput`` with their log-probabilities; None where vLLM gave up on it."""
    reply = output.outputs[0]
    if reply.finish_reason not in ("stop", "length") or reply.logprobs is None:
        return None
    pairs = zip(reply.token_ids, reply.logprobs, strict=True)
    return list(reply.token_ids), [seen[token].logprob for token, seen in pairs]
