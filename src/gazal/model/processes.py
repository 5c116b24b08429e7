"""Several processes of one run, as ``accelerate launch`` starts them: who writes, and where all wait."""

import os
from contextlib import AbstractContextManager
from typing import Any, cast

import torch
from accelerate import Accelerator, PartialState

from gazal.errors import ConfigError


def start_accelerator(**settings: Any) -> Accelerator:
    """What the processes exchange numbers through; settings are accelerate's."""
    return Accelerator(cpu=_use_cpu(), **settings)


def is_main() -> bool:
    """Whether this is the process that writes files and speaks; alone, it is."""
    return _find_state().is_main_process


def wait_for_all() -> None:
    """Go on when every process has come here; at once where there is one."""
    _find_state().wait_for_everyone()


def main_first() -> AbstractContextManager[None]:
    """A block that the main process goes through before the others."""
    return cast(AbstractContextManager[None], _find_state().main_process_first())


def find_device() -> torch.device:
    """The accelerator of this process, else the CPU."""
    return cast(torch.device, _find_state().device)


def count_processes() -> int:
    """Of the run."""
    return _find_state().num_processes


def find_index() -> int:
    """Which of them this is, from 0."""
    return _find_state().process_index


def shall_shard() -> bool:
    """Whether the launcher asks to spread models over several processes with FSDP2.

    Read from the launcher's variables: accelerate itself passes them over where there is no GPU.

    Raises:
        ConfigError: It asks for what is not done here.
    """
    for name, what in (("DEEPSPEED", "DeepSpeed"), ("MEGATRON_LM", "Megatron-LM")):
        if _is_on(f"ACCELERATE_USE_{name}"):
            raise ConfigError(f"accelerate launch: {what} is not supported. Use --use_fsdp --fsdp_version 2.")
    if not _is_on("ACCELERATE_USE_FSDP"):
        return False
    if (version := os.environ.get("FSDP_VERSION", "1")) != "2":
        raise ConfigError(f"accelerate launch: FSDP {version} is not supported. Add --fsdp_version 2.")
    if _is_on("FSDP_OFFLOAD_PARAMS"):
        raise ConfigError("accelerate launch: FSDP with offloading is not supported. Leave it out.")
    return count_processes() > 1


def _find_state() -> PartialState:
    return PartialState(cpu=_use_cpu())


def _use_cpu() -> bool:
    """Told to accelerate, for it takes several processes without a GPU for strangers to each other."""
    return _is_on("ACCELERATE_USE_CPU") or not torch.accelerator.is_available()


def _is_on(name: str) -> bool:
    return os.environ.get(name, "").lower() in ("1", "true", "yes")
