"""One GRPO step, ours and TRL's in turn: rollouts and update, in CPU seconds on one thread.

    python benchmarks/grpo_vs_trl.py [--json] [--width 256] [--layers 4] [--steps 5]

Both train DoRA with rank-stabilised scale (rank width / 8) on every linear layer of one random Qwen3, ask the
same prompts of the clinical world in groups of 8, end each reply where one table says, and pay by that table,
so that every reply has an advantage. TRL runs without vLLM, at the fastest of its settings here: each of
SETTINGS takes two steps first, and the output lists what the second took. Before that, both find the loss and
gradient of one recorded batch whose old policy is another, so that ratios are clipped.
"""

import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from accelerate import Accelerator
from datasets import Dataset
from peer import compare, make_pair, name_versions, read_options, take_gradients, wrap
from peft import PeftModel
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import LogitsProcessor, PrinterCallback, TrainerCallback
from transformers.generation.continuous_batching import ContinuousBatchingManager
from trl.trainer.grpo_config import GRPOConfig as TRLConfig
from trl.trainer.grpo_trainer import GRPOTrainer

import gazal.engine.batch
import gazal.engine.local
import gazal.train.asking
from gazal.config.grpo import GRPOConfig
from gazal.config.model import ModelConfig
from gazal.core.case import Case
from gazal.core.chat import write_prompt
from gazal.core.trace import Trace
from gazal.engine.local import LocalEngine
from gazal.model.allocator import keep_freed_memory
from gazal.model.chat import write_prompt_tokens
from gazal.model.load import load_tokenizer
from gazal.model.merge import merge_copy
from gazal.score.compose import compose
from gazal.train.batch import Tokens
from gazal.train.checkpoint import Kept
from gazal.train.grpo import GRPO
from gazal.train.loop import train
from gazal.train.rollouts import Learnable, pack_learnable
from gazal.world.generate import make_cases

PROMPTS, GROUP, LIMIT, PROMPT_TOKENS = 8, 8, 96, 200
ROLLOUTS = PROMPTS * GROUP
CLIP_LOW, CLIP_HIGH, RATE = 0.2, 0.28, 1e-5
BATCHED = {"per_device_train_batch_size": ROLLOUTS, "gradient_accumulation_steps": 1}
SPLIT = {"per_device_train_batch_size": 16, "gradient_accumulation_steps": ROLLOUTS // 16}
SETTINGS: dict[str, dict[str, Any]] = {
    "one-batch": BATCHED,
    "batches-of-16": SPLIT,
    "continuous-batching": {
        **SPLIT,
        "use_transformers_continuous_batching": True,
        # Small pages and batches: the fastest of those tried in rollout.py. The defaults take longer.
        "transformers_continuous_batching_config": {
            "page_size": 16,
            "num_blocks": ROLLOUTS * 24,
            "max_batch_tokens": 256,
            "max_requests_per_batch": ROLLOUTS,
        },
    },
}
RULES: dict[str, Any] = {  # The same objective as ours, and nothing that only costs time.
    "use_cpu": True,
    "bf16": False,
    "gradient_checkpointing": False,
    "beta": 0.0,
    "loss_type": "dapo",
    "epsilon": CLIP_LOW,
    "epsilon_high": CLIP_HIGH,
    "scale_rewards": "none",
    "learning_rate": RATE,
    "lr_scheduler_type": "constant",
    "num_generations": GROUP,
    "max_completion_length": LIMIT,
    "report_to": "none",
    "save_strategy": "no",
    "logging_steps": 1000,
    "disable_tqdm": True,
}
DICE = random.Random(0)
LENGTHS = [min(LIMIT, round(DICE.triangular(4, LIMIT, 14))) for _ in range(ROLLOUTS)]
REWARDS = [DICE.random() for _ in range(ROLLOUTS)]


def write_config(**changes: Any) -> GRPOConfig:
    known: dict[str, Any] = {
        "cases": [{"source": "world", "n": PROMPTS}],
        "steps": 10_000,
        "cases_per_step": PROMPTS,
        "group_size": GROUP,
        "micro_rollouts": 16,
        "learning_rate": RATE,
        "schedule": "constant",
        "warmup": 0.0,
        "weight_decay": 0.0,
        "checkpoint_every": 10_000,
        "clip_low": CLIP_LOW,
        "clip_high": CLIP_HIGH,
        "sampling": {"max_new_tokens": LIMIT, "batch_size": ROLLOUTS},
    }
    return GRPOConfig.model_validate(known | changes)


def choose_cases(tokenizer: Any) -> list[Case]:
    """Those whose prompts are nearest to PROMPT_TOKENS tokens."""

    def apart(case: Case) -> int:
        return abs(len(write_prompt_tokens(tokenizer, write_prompt(case), True)) - PROMPT_TOKENS)

    return sorted(make_cases(n=200, seed=0), key=apart)[:PROMPTS]


def judge(case: Case, text: str, n_tokens: int) -> None:
    """What both spend on verdicts, before the table has its say."""
    compose(
        case,
        Trace(case_id=case.id, text=text, stop="end", n_tokens=n_tokens),
        write_config().reward,
        max_new_tokens=LIMIT,
    )


class Ours:
    """Our stage in our loop, a step at a time."""

    def __init__(self, adapted: PeftModel, tokenizer: Any, cases: Sequence[Case]) -> None:
        self.engine = LocalEngine(merge_copy(adapted), tokenizer, name="policy")
        self.stage = GRPO(adapted, self.engine, cases, write_config(), 0)
        self.rollout, self._batch, self._paid = 0.0, cast(Any, None), iter(REWARDS)
        wrap(self.stage, "make_batch", self._make_batch)
        wrap(gazal.engine.local, "start_batch", self._start)
        wrap(gazal.engine.batch, "draw_tokens", self._draw)
        wrap(gazal.train.asking, "compose", self._pay)
        self._steps = train(self.stage, Path(tempfile.mkdtemp()), "benchmark")

    def take_step(self) -> None:
        """Rollouts and one update."""
        next(self._steps)

    def _make_batch(self, call: Callable[..., Any], *words: Any) -> Any:
        self._paid, began = iter(REWARDS), time.process_time()
        batch = call(*words)
        self.rollout = time.process_time() - began
        return batch

    def _start(self, call: Callable[..., Any], *words: Any) -> Any:
        self._batch = call(*words)
        return self._batch

    def _draw(self, call: Callable[..., Any], logits_BV: Tensor, *words: Any) -> Any:
        """Stop tokens where the table has them, and nowhere else."""
        tokens_B, logp_B = call(logits_BV, *words)
        stops, n = self.engine.stops, self._batch.n_written + 1
        drawn = tokens_B.tolist()
        ends = [row for row, number in enumerate(self._batch.numbers) if LENGTHS[number] == n]
        early = [row for row, token in enumerate(drawn) if token in stops and row not in ends]
        tokens_B[ends], tokens_B[early] = stops[0], 5
        for row in (*ends, *early):
            logp_B[row] = logits_BV[row].log_softmax(-1)[tokens_B[row]]
        return tokens_B, logp_B

    def _pay(self, call: Callable[..., Any], *words: Any, **more: Any) -> Any:
        return replace(call(*words, **more), total=next(self._paid))


class Ends(LogitsProcessor):
    """Tells `generate` where each row ends."""

    def __init__(self, stops: Sequence[int]) -> None:
        self.lengths_B, self.stops, self.start = torch.tensor(LENGTHS), list(stops), 0

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Scores [B, V] that leave only the stop token at the end of a reply, and none before."""
        self.start = self.start or input_ids.shape[1]
        ends_B = self.lengths_B == input_ids.shape[1] - self.start + 1
        scores[:, self.stops] = -torch.inf
        scores[ends_B] = -torch.inf
        scores[ends_B, self.stops[0]] = 0.0
        return scores


class Theirs(TrainerCallback):
    """TRL's trainer with one of its settings; ``turn`` is called between its steps."""

    def __init__(
        self, setting: str, model: PeftModel, tokenizer: Any, cases: Sequence[Case], steps: int
    ) -> None:
        self.cases = {case.id: case for case in cases}
        prompts = [[{"role": "user", "content": write_prompt(case)}] for case in cases]
        self.trainer = GRPOTrainer(
            cast(Any, model),
            self._pay,
            TRLConfig(**RULES, **SETTINGS[setting], max_steps=steps, output_dir=tempfile.mkdtemp()),
            Dataset.from_dict({"prompt": prompts, "case_id": list(self.cases)}),
            processing_class=tokenizer,
        )
        self.trainer.remove_callback(PrinterCallback)
        self.trainer.add_callback(self)
        self.rollout, self.began, self.turn = 0.0, 0.0, cast(Callable[[], None], lambda: None)
        self.times: list[tuple[float, float]] = []
        wrap(self.trainer, "_generate_and_score_completions", self._roll)

    def take_steps(self, turn: Callable[[], None] | None = None) -> list[tuple[float, float]]:
        """(Step, rollouts) in CPU seconds of every step; after each, ``turn`` is called."""
        self.turn = turn or self.turn
        self.began = time.process_time()
        adding = ContinuousBatchingManager.add_requests
        cast(Any, ContinuousBatchingManager).add_requests = _add_requests
        try:
            self.trainer.train()
        finally:
            ContinuousBatchingManager.add_requests = adding
        return self.times

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take the time, let the other have its turn, and go on."""
        self.times.append((time.process_time() - self.began, self.rollout))
        self.turn()
        self.began = time.process_time()

    def _roll(self, call: Callable[..., Any], inputs: Any) -> Any:
        began = time.process_time()
        made = call(inputs)
        self.rollout = time.process_time() - began
        return made

    def _pay(self, completions: Any, completion_ids: Any, case_id: Any, **_: Any) -> list[float | None]:
        lengths = [len(ids) for ids in completion_ids]
        if lengths != LENGTHS:
            raise RuntimeError(f"TRL's replies end at {lengths}, and the table says {LENGTHS}")
        for reply, name, n in zip(completions, case_id, lengths, strict=True):
            judge(self.cases[name], reply[0]["content"], n)
        return list(REWARDS)


def _add_requests(manager: Any, inputs: Sequence[list[int]], **_: Any) -> list[str]:
    """Continuous batching takes the end of each reply as a limit of its own."""
    limits = zip(inputs, LENGTHS, strict=True)
    return [manager.add_request(ids, max_new_tokens=n, eos_token_id=-1) for ids, n in limits]


def record(model: PeftModel, prompts: Sequence[tuple[int, ...]]) -> list[Learnable]:
    """A batch whose old policy is far enough from the model's that ratios are clipped on both sides."""
    torch.manual_seed(1)
    items = []
    for k, n in enumerate(LENGTHS):
        prompt = prompts[k // GROUP]
        tokens_1L = torch.tensor([[*prompt, *DICE.choices(range(5, 300), k=n)]])
        with torch.no_grad():
            logp_1LV = model(tokens_1L).logits.log_softmax(-1)
        logp_N = logp_1LV[0, :-1].gather(1, tokens_1L[0, 1:, None])[len(prompt) - 1 :, 0]
        old = tuple((logp_N + 0.3 * torch.randn(n)).tolist())
        tokens = Tokens(prompt=prompt, completion=tuple(tokens_1L[0, len(prompt) :].tolist()))
        items.append(Learnable(tokens=tokens, advantage=REWARDS[k] - 0.5, sampled=old, old=old))
    return items


def find_ours(ours: Ours, items: Sequence[Learnable], cases: Sequence[Case]) -> dict[str, Tensor]:
    """Loss and gradients of the recorded batch, as the second update on it would find them."""
    config = write_config(passes=2, engine_drift=1e9)
    stage = GRPO(ours.stage.model, ours.engine, cases, config, 0)
    stage.restore(Kept(tensors=pack_learnable(items)))
    batch = stage.make_batch(1, Accelerator())
    total = torch.zeros(())
    for micro in batch.micros:
        loss, seen = stage.find_loss(micro, batch.n_tokens, torch.device("cpu"))
        assert seen["policy/clip_high"] and seen["policy/clip_low"]
        loss.backward()
        total += loss.detach()
    return take_gradients(stage.model, total)


def find_theirs(trainer: GRPOTrainer, items: Sequence[Learnable], pad: int) -> dict[str, Tensor]:
    """Loss and gradients of the recorded batch by TRL's trainer."""

    def lay_out(rows: Sequence[Any], fill: float, side: str = "right") -> Tensor:
        tensors = [torch.tensor(row) for row in rows]
        return pad_sequence(tensors, batch_first=True, padding_value=fill, padding_side=side)

    prompts, completions = ([getattr(i.tokens, kind) for i in items] for kind in ("prompt", "completion"))
    inputs = {
        "prompt_ids": lay_out(prompts, pad, "left"),
        "prompt_mask": lay_out([[1] * len(row) for row in prompts], 0, "left"),
        "completion_ids": lay_out(completions, pad),
        "completion_mask": lay_out([[1] * len(row) for row in completions], 0),
        "advantages": torch.tensor([item.advantage for item in items]),
        "old_per_token_logps": lay_out([item.old for item in items], 0.0),
        "num_items_in_batch": torch.tensor(sum(map(len, completions))),
    }
    model = cast(PeftModel, trainer.model)
    model.train()
    trainer.current_gradient_accumulation_steps = trainer.args.gradient_accumulation_steps
    loss = trainer._compute_loss(model, inputs)
    loss.backward()
    return take_gradients(model, loss.detach())


def measure(width: int, layers: int, steps: int, settings: Sequence[str]) -> dict[str, Any]:
    tokenizer = load_tokenizer(ModelConfig())
    model, their_model = make_pair(width, layers, len(tokenizer))
    cases = choose_cases(tokenizer)
    prompts = [tuple(write_prompt_tokens(tokenizer, write_prompt(case), True)) for case in cases]
    ours, tried = Ours(model, tokenizer, cases), dict[str, float]()
    wrap(their_model, "generate", partial(end_replies, ours.engine.stops))

    def make_theirs(setting: str, n: int) -> Theirs:
        return Theirs(setting, their_model, tokenizer, cases, n)

    items, first = record(their_model, prompts), settings[0]
    theirs = find_theirs(make_theirs(first, 1).trainer, items, cast(int, tokenizer.pad_token_id))
    result: dict[str, Any] = compare(theirs, find_ours(ours, items, cases))
    print(", ".join(f"{name} {value:.1e}" for name, value in result.items()), flush=True)
    for setting in settings:
        tried[setting] = make_theirs(setting, 2).take_steps()[-1][0]
        print(f"TRL, {setting}: {tried[setting]:.2f} s a step", flush=True)
    best, mine = min(tried, key=lambda setting: tried[setting]), list[tuple[float, float]]()

    def turn() -> None:
        began = time.process_time()
        ours.take_step()
        mine.append((time.process_time() - began, ours.rollout))
        print(f"TRL {other.times[-1][0]:.2f} s, ours {mine[-1][0]:.2f} s", flush=True)

    other = make_theirs(best, steps + 1)
    other.take_steps(turn)
    return result | {"trl_settings": tried, "trl_fastest": best} | summarise(other.times[1:], mine[1:])


def summarise(theirs: Sequence[tuple[float, float]], ours: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """Medians in seconds, and their ratios, TRL / ours. The first step of each has warmed up."""
    found: dict[str, Any] = {}
    finders = {"step": lambda t: t[0], "rollout": lambda t: t[1], "update": lambda t: t[0] - t[1]}
    for name, find in finders.items():
        a, b = (statistics.median(map(find, times)) for times in (theirs, ours))
        found |= {f"trl_{name}_s": a, f"our_{name}_s": b, f"{name}_ratio": a / b}
    return found | {"step_ratios": [a[0] / b[0] for a, b in zip(theirs, ours, strict=True)]}


def end_replies(stops: Sequence[int], call: Callable[..., Any], *words: Any, **more: Any) -> Any:
    return call(*words, **more, logits_processor=[Ends(stops)])


def main() -> None:
    args = read_options(__doc__ or "", SETTINGS)
    torch.set_num_threads(1)
    keep_freed_memory()
    versions = name_versions()
    print(f"{versions}, width {args.width}, {args.layers} layers, rank {args.width // 8}, one thread")
    print(f"{PROMPTS} x {GROUP} replies of {statistics.mean(LENGTHS):.0f} tokens (limit {LIMIT})", flush=True)
    found = measure(args.width, args.layers, args.steps, args.settings)
    for name in ("step", "rollout", "update"):
        theirs, ours, ratio = (found[key] for key in (f"trl_{name}_s", f"our_{name}_s", f"{name}_ratio"))
        print(f"{name:8} TRL {theirs:8.2f} s   ours {ours:8.2f} s   TRL / ours {ratio:.2f}")
    if args.json:
        print(json.dumps({**found, **vars(args), "versions": versions}))


if __name__ == "__main__":
    main()
