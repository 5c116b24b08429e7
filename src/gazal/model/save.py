"""Write adapters and models: safetensors and plain text, the same bytes for the same weights."""

import json
from pathlib import Path
from typing import cast

import torch
from peft import PeftModel
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from gazal.model.adapter import SETTINGS, list_trainable
from gazal.model.load import be_quiet
from gazal.model.processes import is_main
from gazal.model.shards import gather


def save_adapter(adapted: PeftModel, folder: Path) -> None:
    """Write the adapter as a folder that stock PEFT loads.

    Of several processes one writes; where the model is sharded, all must call this.
    """
    whole = {name: gather(parameter) for name, parameter in list_trainable(adapted).items()}
    if not is_main():
        return
    # Without save_embedding_layers=False PEFT asks the hub whether the base's vocabulary has grown.
    adapted.save_pretrained(
        str(folder), state_dict=whole, safe_serialization=True, save_embedding_layers=False
    )
    settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    # PEFT keeps the targets in a set, whose order changes from one process to the next.
    settings["target_modules"] = sorted(settings["target_modules"])
    (folder / SETTINGS).write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    # An empty form of a model card: it says nothing that the manifest does not.
    (folder / "README.md").unlink(missing_ok=True)


def save_model(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path, dtype: str | None = None
) -> None:
    """Write a plain model with its tokenizer, chat template and generation settings.

    Args:
        model: One without an adapter.
        tokenizer: Its tokenizer.
        folder: Where to.
        dtype: Round the weights to this, such as ``bfloat16``, in the model itself; None leaves them.

    Raises:
        TypeError: The model still carries an adapter; merge it into a copy first.
    """
    if isinstance(model, PeftModel):
        raise TypeError(
            "save_model: the model carries an adapter. Give it merge_copy(model), or use save_adapter."
        )
    if dtype is not None:
        cast(nn.Module, model).to(dtype=getattr(torch, dtype))
    with be_quiet():
        model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
