"""How soon a new small model copies from its context: random weights and shaped heads, AdamW and Muon.

The text: lists, ward rounds and figures that are said again.

Usage: python benchmarks/copying.py [--steps 250]
"""

import argparse
import time
from random import Random

import torch
from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM

from gazal.config.optim import OptimConfig
from gazal.config.pretrain import TinyShape
from gazal.core.case import LETTERS
from gazal.model.adapter import list_trainable
from gazal.model.allocator import keep_freed_memory
from gazal.model.build import build_model, train_tokenizer
from gazal.train.optimizer import make_optimizers
from gazal.world.corpus.lists import draw_items, write_letters, write_listing
from gazal.world.corpus.recaps import write_figures, write_late_listing, write_round
from gazal.world.knowledge import load_knowledge

WRITERS = (write_late_listing, write_round, write_listing, write_figures)
LENGTH, ROWS, WARMUP, PROBES = 256, 8, 50, 100
KNOWLEDGE = load_knowledge()


def write_text(number: int) -> str:
    return WRITERS[number % len(WRITERS)](KNOWLEDGE, Random(f"copying|{number}"))


def train(
    model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast, optim: OptimConfig
) -> tuple[float, float]:
    """Train; returns the mean loss (nats) of the last 20 steps and seconds a step."""
    optimizers, losses = make_optimizers(list_trainable(model), optim), list[float]()
    stream, number, began = list[int](), 0, time.perf_counter()
    for step in range(optim.steps):
        while len(stream) < LENGTH * ROWS:
            stream += [*tokenizer.encode(write_text(number)), 0]
            number += 1
        ids_BL = torch.tensor(stream[: LENGTH * ROWS]).view(ROWS, LENGTH)
        del stream[: LENGTH * ROWS]
        loss = model(input_ids=ids_BL, labels=ids_BL).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = optim.learning_rate * group["share"] * min(1.0, (step + 1) / WARMUP)
            optimizer.step()
            optimizer.zero_grad()
        losses.append(loss.item())
    return sum(losses[-20:]) / 20, (time.perf_counter() - began) / optim.steps


@torch.no_grad()
def look_up(model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast) -> float:
    """Share of new lists of which the model names the item of a letter; chance is some .18."""
    right = 0
    for number in range(PROBES):
        rng = Random(f"probe|{number}")
        items = draw_items(KNOWLEDGE, rng)
        at = rng.randrange(len(items))
        ids = tokenizer.encode(f"{write_letters(items)}\n\nOption {LETTERS[at]} is")
        said = model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()
        right += int(said) == tokenizer.encode(f" {items[at]}")[0]
    return right / PROBES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=250)
    steps = parser.parse_args().steps
    keep_freed_memory()
    shape = TinyShape()
    tokenizer = train_tokenizer((write_text(-n) for n in range(1, 8001)), shape.vocabulary, shape.context)
    print(f"{steps} steps of {ROWS} x {LENGTH} tokens")
    for start in ("random", "heads"):
        for optimizer in ("adamw", "muon"):
            optim = OptimConfig(
                steps=steps, learning_rate=3e-3, optimizer=optimizer, muon_share=0.33, beta2=0.98
            )
            model = build_model(shape, tokenizer, seed=0)
            if start == "random":
                torch.manual_seed(0)
                model = Qwen3ForCausalLM(model.config)
            loss, seconds = train(model, tokenizer, optim)
            found = look_up(model.eval(), tokenizer)
            print(f"{start:6} {optimizer:5} loss {loss:.3f}  looked up {found:.2f}  {seconds:.2f} s a step")


if __name__ == "__main__":
    main()
