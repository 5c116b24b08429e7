"""Supervised fine-tuning with DoRA, ours and TRL's in turn: tokens a CPU second on one thread.

    python benchmarks/sft_vs_trl.py [--json] [--width 256] [--layers 4] [--steps 5]

Both train DoRA with rank-stabilised scale (rank width / 8) on every linear layer of one random Qwen3, on the
same worked solutions of the clinical world, 32 a step, with the loss over the replies. TRL runs at the
fastest of its settings here: each of SETTINGS takes two steps first, and the output lists what the second
gave. Tokens are those of the examples; padding is not counted. Both also find loss and gradient of one batch.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from accelerate import Accelerator
from datasets import Dataset, disable_progress_bars
from peer import compare, make_pair, name_versions, read_options, take_gradients, wrap
from peft import PeftModel
from torch import Tensor
from transformers import PrinterCallback, TrainerCallback
from trl.trainer.sft_config import SFTConfig as TRLConfig
from trl.trainer.sft_trainer import SFTTrainer

from gazal.config.model import ModelConfig
from gazal.config.sft import SFTConfig
from gazal.model.allocator import keep_freed_memory
from gazal.model.load import load_tokenizer
from gazal.train.batch import Tokens
from gazal.train.loop import train
from gazal.train.sft import SFT, tokenize_examples
from gazal.world.generate import make_cases
from gazal.world.solve import solve

EXAMPLES, LONGEST, RATE = 32, 640, 1e-5
GROUPED = {"train_sampling_strategy": "group_by_length"}
SETTINGS: dict[str, dict[str, Any]] = {
    "one-batch": {"per_device_train_batch_size": EXAMPLES},
    "like-lengths": {
        "per_device_train_batch_size": 8,
        "gradient_accumulation_steps": 4,
        **GROUPED,
    },
    "packed": {
        "per_device_train_batch_size": 2,
        "gradient_accumulation_steps": 8,
        "packing": True,
    },
}
RULES: dict[str, Any] = {  # The same objective as ours, and nothing that only costs time.
    "use_cpu": True,
    "bf16": False,
    "gradient_checkpointing": False,
    "max_length": LONGEST,
    "learning_rate": RATE,
    "lr_scheduler_type": "constant",
    "report_to": "none",
    "save_strategy": "no",
    "logging_steps": 1000,
    "disable_tqdm": True,
}


def write_config(**changes: Any) -> SFTConfig:
    known: dict[str, Any] = {
        "examples": [{"source": "world", "n": 1}],
        "steps": 1000,
        "learning_rate": RATE,
        "schedule": "constant",
        "warmup": 0.0,
        "weight_decay": 0.0,
        "checkpoint_every": 10_000,
        "packing": False,
        "pack_length": LONGEST,
        "rows_per_step": EXAMPLES,
        "micro_rows": 4,
    }
    return SFTConfig.model_validate(known | changes)


class Ours:
    """Our stage in our loop, a step at a time."""

    def __init__(self, stage: SFT) -> None:
        self.stage, self.tokens = stage, 0
        wrap(stage, "make_batch", self._make_batch)
        self._steps = train(stage, Path(tempfile.mkdtemp()), "benchmark")

    def take_step(self) -> float:
        """Tokens a CPU second."""
        began = time.process_time()
        next(self._steps)
        return self.tokens / (time.process_time() - began)

    def _make_batch(self, call: Callable[..., Any], *words: Any) -> Any:
        batch = call(*words)
        self.tokens = sum(example.n for micro in batch.micros for row in micro.rows for example in row)
        return batch


class Theirs(TrainerCallback):
    """TRL's trainer with one of its settings; ``turn`` is called between its steps."""

    def __init__(self, setting: str, model: PeftModel, tokenizer: Any, examples: Sequence[Tokens]) -> None:
        self.trainer = SFTTrainer(
            cast(Any, model),
            TRLConfig(**RULES, **SETTINGS[setting], max_steps=1000, output_dir=tempfile.mkdtemp()),
            train_dataset=Dataset.from_list([write_row(example) for example in examples]),
            processing_class=tokenizer,
        )
        self.trainer.remove_callback(PrinterCallback)
        self.trainer.add_callback(self)
        self.began, self.tokens, self.rates = 0.0, 0, list[float]()
        self.turn: Callable[[], None] = lambda: None
        wrap(self.trainer, "training_step", self._count)

    def take_steps(self, n: int, turn: Callable[[], None] | None = None) -> list[float]:
        """Tokens a CPU second of every step; after each, ``turn`` is called."""
        self.turn, self.trainer.args.max_steps = turn or self.turn, n
        self.began = time.process_time()
        self.trainer.train()
        return self.rates

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take the time, let the other have its turn, and go on."""
        self.rates.append(self.tokens / (time.process_time() - self.began))
        self.turn()
        self.tokens, self.began = 0, time.process_time()

    def _count(self, call: Callable[..., Any], model: Any, inputs: Any, *words: Any) -> Any:
        mask = inputs.get("attention_mask")
        self.tokens += int(inputs["input_ids"].numel() if mask is None else mask.sum())
        return call(model, inputs, *words)


def write_row(example: Tokens) -> dict[str, list[int]]:
    ids = [*example.prompt, *example.completion]
    return {"input_ids": ids, "labels": [-100] * len(example.prompt) + list(example.completion)}


def find_ours(stage: SFT) -> dict[str, Tensor]:
    """Loss and gradients of the first batch."""
    batch, total = stage.make_batch(0, Accelerator()), torch.zeros(())
    for micro in batch.micros:
        loss, _ = stage.find_loss(micro, batch.n_tokens, torch.device("cpu"))
        loss.backward()
        total += loss.detach()
    return take_gradients(cast(PeftModel, stage.model), total)


def find_theirs(trainer: SFTTrainer, examples: Sequence[Tokens]) -> dict[str, Tensor]:
    """Loss and gradients of the same examples by TRL's trainer."""
    model = cast(PeftModel, trainer.model)
    model.train()
    inputs = trainer.data_collator([write_row(example) for example in examples])
    n = (inputs["labels"] != -100).sum()
    loss = cast(Tensor, trainer.compute_loss(cast(Any, model), inputs, num_items_in_batch=n))
    loss.backward()
    return take_gradients(model, loss.detach())


def measure(width: int, layers: int, steps: int, settings: Sequence[str]) -> dict[str, Any]:
    tokenizer, config = load_tokenizer(ModelConfig()), write_config()
    pairs = [(case, solve(case)) for case in make_cases(n=2000, seed=0)]
    examples = tokenize_examples(pairs, tokenizer, config, True)
    model, their_model = make_pair(width, layers, len(tokenizer))
    ours = SFT(model, examples, cast(int, tokenizer.pad_token_id), config, 0)
    first = [example for m in ours.make_batch(0, Accelerator()).micros for row in m.rows for example in row]
    trainer = Theirs(settings[0], their_model, tokenizer, examples).trainer
    result: dict[str, Any] = compare(find_theirs(trainer, first), find_ours(ours))
    print(", ".join(f"{name} {value:.1e}" for name, value in result.items()), flush=True)
    tried = dict[str, float]()
    for setting in settings:
        tried[setting] = Theirs(setting, their_model, tokenizer, examples).take_steps(2)[-1]
        print(f"TRL, {setting}: {tried[setting]:.0f} tokens a second", flush=True)
    best, runner, mine = max(tried, key=lambda setting: tried[setting]), Ours(ours), list[float]()

    def turn() -> None:
        mine.append(runner.take_step())
        print(f"TRL {other.rates[-1]:.0f}, ours {mine[-1]:.0f} tokens a second", flush=True)

    other = Theirs(best, their_model, tokenizer, examples)
    theirs = other.take_steps(steps + 1, turn)
    a, b = statistics.median(theirs[1:]), statistics.median(mine[1:])  # The first step has warmed up.
    ratios = [x / y for x, y in zip(mine[1:], theirs[1:], strict=True)]
    rates = {"trl_tokens_per_s": a, "our_tokens_per_s": b, "throughput_ratio": b / a, "step_ratios": ratios}
    return result | {"trl_settings": tried, "trl_fastest": best} | rates


def main() -> None:
    args = read_options(__doc__ or "", SETTINGS)
    torch.set_num_threads(1)
    keep_freed_memory()
    disable_progress_bars()
    versions = name_versions()
    print(
        f"{versions}, width {args.width}, {args.layers} layers, rank {args.width // 8}, one thread",
        flush=True,
    )
    found = measure(args.width, args.layers, args.steps, args.settings)
    ours, theirs = found["our_tokens_per_s"], found["trl_tokens_per_s"]
    print(f"ours {ours:.0f}, TRL {theirs:.0f} tokens a second; ours / TRL {found['throughput_ratio']:.2f}")
    if args.json:
        print(json.dumps({**found, **vars(args), "versions": versions}))


if __name__ == "__main__":
    main()
