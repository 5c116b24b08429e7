"""Several processes of one run, as ``accelerate launch`` starts them: who writes, and where all wait."""

from contextlib import AbstractContextManager
from typing import cast

import torch
from accelerate import PartialState


def is_main() -> bool:
    """Whether this is the process that writes files and speaks; alone, it is."""
    return PartialState().is_main_process


def wait_for_all() -> None:
    """Go on when every process has come here; at once where there is one."""
    PartialState().wait_for_everyone()


def main_first() -> AbstractContextManager[None]:
    """A block that the main process goes through before the others."""
    return cast(AbstractContextManager[None], PartialState().main_process_first())


def find_device() -> torch.device:
    """The accelerator of this process, else the CPU."""
    return cast(torch.device, PartialState().device)
