"""Load a base model and its tokenizer: the shipped tiny base, a folder, or a checkpoint on the hub.

Only safetensors are read and no code of a checkpoint is run. Whatever is missing or does not fit is refused:
transformers would fill a missing weight with random numbers and go on.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
from accelerate.utils import disable_fsdp_ram_efficient_loading
from safetensors import SafetensorError
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging

from gazal.config.model import ModelConfig
from gazal.errors import ConfigError, DataError
from gazal.model.chat import find_end_token
from gazal.model.dense import keep_packing
from gazal.model.place import check_weights, find_model
from gazal.model.processes import find_device


def load_tokenizer(config: ModelConfig) -> PreTrainedTokenizerBase:
    """The tokenizer, padding on the left with a token that is not the end of a reply.

    Raises:
        ConfigError: There is no such folder or checkpoint, or no token left to pad with.
        DataError: The folder holds no tokenizer that can be read.
    """
    place = find_model(config.path)
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            place, revision=config.revision, trust_remote_code=False, padding_side="left"
        )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise _explain(config, place, "tokenizer", error) from error
    tokenizer.name_or_path = config.path
    _choose_pad_token(tokenizer)
    return tokenizer


def load_model(config: ModelConfig, device: torch.device | None = None) -> PreTrainedModel:
    """The model in its dtype, on the accelerator of this process if it has one, in evaluation mode.

    Args:
        config: Which, and how it is held.
        device: Where to instead, such as main memory for a model that is yet to be sharded.

    Raises:
        ConfigError: There is no such folder or checkpoint, or the attention asked for cannot run here.
        DataError: The weights are absent, pickled, cut short, or do not fit the architecture.
    """
    place = find_model(config.path)
    if config.attention == "flex_attention" and find_device().type == "cpu":
        raise ConfigError(
            "model.attention: flex_attention has no backward pass on a CPU. Set it to sdpa, or use a GPU."
        )
    if isinstance(place, Path):
        check_weights(place)
    try:
        disable_fsdp_ram_efficient_loading()  # It leaves all but one process with zeros, to be filled later.
        with be_quiet():
            model, report = _read_model(config, place)
    except ImportError as error:
        raise ConfigError(
            f"model.attention: {config.attention} cannot run here ({_first_line(error)}). "
            "Set model.attention to sdpa, or install what it needs."
        ) from error
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise _explain(config, place, "model", error) from error
    _check_complete(config.path, report)
    keep_packing(cast(nn.Module, model))
    # The name goes into the adapter's files: what the recipe says, not where this machine keeps it.
    model.name_or_path = model.config._name_or_path = config.path
    if config.gradient_checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return cast(PreTrainedModel, cast(nn.Module, model).eval().to(device or find_device()))


@contextmanager
def be_quiet() -> Iterator[None]:
    """No bars and tables of transformers on the screen; what they would say is checked or raised."""
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _read_model(config: ModelConfig, place: Path | str) -> tuple[PreTrainedModel, dict[str, Any]]:
    loaded: Any = AutoModelForCausalLM.from_pretrained(
        place,
        revision=config.revision,
        dtype=getattr(torch, config.dtype),
        attn_implementation=config.attention,
        use_safetensors=True,
        trust_remote_code=False,
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # Refused below by name.
    )
    return loaded


def _check_complete(path: str, report: dict[str, Any]) -> None:
    for kind, what in (("missing_keys", "lacks"), ("mismatched_keys", "has another shape of")):
        found = report.get(kind) or ()
        names = sorted(entry if isinstance(entry, str) else entry[0] for entry in found)
        if names:
            raise DataError(
                f"{path}: {what} {len(names)} of the weights that its config.json asks for, the first is "
                f"{names[0]}. Fetch or write the model again."
            )


def _choose_pad_token(tokenizer: PreTrainedTokenizerBase) -> None:
    """Pad with something else than the end of a reply, which the model must learn to write."""
    end = find_end_token(tokenizer) if tokenizer.chat_template else tokenizer.eos_token_id
    if tokenizer.pad_token_id is not None and tokenizer.pad_token_id != end:
        return
    for token in (tokenizer.eos_token, tokenizer.unk_token, *tokenizer.all_special_tokens):
        if token is not None and tokenizer.convert_tokens_to_ids(str(token)) != end:
            tokenizer.pad_token = token
            return
    raise ConfigError(
        f"tokenizer {tokenizer.name_or_path!r}: its only special token ends the reply, so nothing is left to "
        "pad with. Set another pad_token in its tokenizer_config.json."
    )


def _explain(config: ModelConfig, place: Path | str, what: str, error: Exception) -> ConfigError | DataError:
    """The error of a library as one line that says what to do."""
    reason = _first_line(error)
    if "trust_remote_code" in str(error):
        return ConfigError(
            f"model.path: {config.path} needs code of its own, which is never run. Use a model whose "
            "architecture transformers knows."
        )
    if isinstance(place, Path):
        return DataError(f"{place}: its {what} cannot be read ({reason}). Fetch or write it again.")
    return ConfigError(
        f"model.path: no folder {config.path} here, and its {what} could not be fetched from the hub "
        f"({reason}). Check the name, model.revision and the network, or download it and set model.path to "
        "its folder."
    )


def _first_line(error: Exception) -> str:
    line = (str(error).strip().splitlines() or [""])[0].rstrip(".: ")
    return f"{type(error).__name__}: {line[:160]}" if line else type(error).__name__
