"""Folders of weights and adapters as stock transformers and PEFT load them, nothing of ours between."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch
from peft import PeftModel
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from gazal.model.load import be_quiet

PROBE = (
    "A 54-year-old man has crushing chest pain that spreads to his left arm. Which diagnosis is most likely?"
)


def load_stock(folder: Path) -> PreTrainedModel:
    """A folder of weights in float32, in evaluation mode."""
    with be_quiet():
        return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def load_with_adapters(base: Path, adapters: Sequence[Path]) -> PreTrainedModel:
    """A base with adapters merged into it one after the other, by PEFT."""
    model = load_stock(base)
    for folder in adapters:
        adapted = PeftModel.from_pretrained(model, str(folder))
        model = cast(PreTrainedModel, adapted.merge_and_unload())  # pyright: ignore[reportCallIssue]
    return model


def write_bfloat16(source: Path, target: Path) -> None:
    """A copy of a folder with its weights rounded to bfloat16."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.safetensors*"))
    with be_quiet():
        AutoModelForCausalLM.from_pretrained(source, dtype=torch.bfloat16).save_pretrained(target)


@torch.inference_mode()
def find_logits(model: PreTrainedModel, tokenizer: Path) -> Tensor:
    """Logits of `PROBE` in float32; ``tokenizer`` is the folder that holds it."""
    input_ids = AutoTokenizer.from_pretrained(tokenizer)(PROBE, return_tensors="pt").input_ids
    return model(input_ids=input_ids).logits.float()


def measure(model: PreTrainedModel, tokenizer: Path, wanted: Tensor) -> float:
    """Largest difference of a model's logits of `PROBE` from those wanted."""
    return float((find_logits(model, tokenizer) - wanted).abs().max())
