"""The model card of the tiny base: what it is, what it is not, what it was made from."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

CARD = """---
license: apache-2.0
library_name: transformers
language: en
tags: [gazal, medical, research, tiny]
---

# gazal tiny base

A language model of {millions:.2f} million parameters (Qwen3 architecture: {layers} layers, width {width}, \
{vocabulary:,} byte-pair tokens), small enough to be taught and tested on two processor cores.

## What it is
- It was trained from nothing on text that gazal's clinical world writes: facts from both ends, notes, short
  chats, lettered lists, arithmetic. Nothing else: no web page, no book, no patient, no question set.
- It knows the medicine of that world, version `{knowledge}`. It does not reason in steps and does not keep
  gazal's reply format: that is what the two training stages are for, and what they are measured against.
- No case of the world (question, vignette or set of options) is in its text.

## What it is not
- **It is not a medical device, and nothing it writes may be used for or against anyone.** The figures it
  learnt are for the most part estimates that make consistent cases.
- It is no general language model. Outside the world's wordings it writes nonsense.
- What it reaches says nothing about larger models; it is there so that every step of the method can be run,
  tested and read in minutes.

## How it was made
`gazal pretrain recipes/tiny-base.yaml`, {steps:,} steps of {rows} rows of up to {length} tokens, seed {seed},
{optimizer} at {rate:g}. Its attention started from weights that look back and look for what is alike
(`gazal/model/heads.py`), all else from random ones. Tokens that its text never held were moved apart at the
end (`gazal/model/unseen.py`). Settings and knowledge version are in `manifest.json`.
Weights are stored in {dtype}.
"""


def write_card(folder: Path, model: PreTrainedModel, made_from: Mapping[str, Any]) -> None:
    """Write ``README.md`` beside the weights.

    Args:
        folder: Where the model was saved.
        model: The model.
        made_from: ``settings`` (of pretraining, and the knowledge's version) and ``seed``.
    """
    settings = made_from["settings"]["pretrain"]
    stored = json.loads((folder / "config.json").read_text())
    text = CARD.format(
        millions=model.num_parameters() / 1e6,
        layers=stored["num_hidden_layers"],
        width=stored["hidden_size"],
        vocabulary=stored["vocab_size"],
        knowledge=made_from["settings"]["knowledge"],
        steps=settings["steps"],
        rows=settings["rows_per_step"],
        length=settings["pack_length"],
        optimizer={"adamw": "AdamW", "muon": "Muon and AdamW"}[settings["optimizer"]],
        rate=settings["learning_rate"],
        seed=made_from["seed"],
        dtype=stored["dtype"],
    )
    (folder / "README.md").write_text(text, encoding="utf-8")
