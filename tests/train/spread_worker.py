"""What each process of `test_several_processes` does, as ``spread_worker.py FOLDER TASK...``."""

import json
import sys
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path

import small
import torch
from safetensors.torch import load_file, save_file
from small import CASES, grpo_config, make_grpo, make_model, make_sft, make_tokenizer, sft_config
from torch.optim.optimizer import register_optimizer_step_pre_hook

from gazal.config.adapter import AdapterConfig
from gazal.config.recipe import Recipe
from gazal.core.stage import StageFolder
from gazal.core.trace import Trace
from gazal.engine.base import Rollout
from gazal.model.adapter import add_adapter, list_trainable
from gazal.model.handover import list_merged
from gazal.model.logprobs import TokenRows, find_plain_model, token_logprobs
from gazal.model.processes import count_processes, find_index, shall_shard
from gazal.model.save import save_model
from gazal.model.shards import gather, is_sharded, shard, spread_like
from gazal.train.checkpoint import list_checkpoints
from gazal.train.loop import train
from gazal.train.stages import run_grpo

TAUGHT = "taught.safetensors"


def go(stage, folder: Path, n: int | None = None) -> None:
    """Train; keep the gradient of the first step and the weights after the last, whole in every process."""
    folder.mkdir(parents=True, exist_ok=True)
    shard(stage.model)
    assert is_sharded(stage.model) == shall_shard()
    parameters, first = list_trainable(stage.model), {}

    def look(*_) -> None:
        if not first:
            first.update({name: gather(p.grad).clone() for name, p in parameters.items()})

    hook, steps = register_optimizer_step_pre_hook(look), train(stage, folder, "mine")
    for _ in islice(steps, n):
        pass
    steps.close()
    hook.remove()
    weights = {name: gather(p).clone() for name, p in list_trainable(stage.model).items()}
    save_file(first, folder / f"gradients-{find_index()}.safetensors")
    save_file(weights, folder / f"weights-{find_index()}.safetensors")


def sft(folder: Path) -> None:
    """Five ragged rows for two processes: one learns from three of them, the other from two."""
    go(make_ragged(), folder)


def early(folder: Path) -> None:
    """The same, stopped after five steps; where it was stopped before, to its end."""
    go(make_ragged(), folder, None if list_checkpoints(folder) else 5)


def make_ragged():
    return make_sft(sft_config(steps=20, rows_per_step=5, micro_rows=1, packing=False, max_grad_norm=1e6))


def one_row(folder: Path) -> None:
    """One process has nothing to learn from, and at the third step none has; long gradients are cut. Muon."""
    rows = {"rows_per_step": 1, "micro_rows": 1, "packing": False}
    stage = make_sft(sft_config(steps=4, max_grad_norm=0.1, optimizer="muon", **rows))
    make_batch = stage.make_batch

    def leave_out(step, accelerator):
        batch = make_batch(step, accelerator)
        return replace(batch, micros=()) if step == 2 else batch

    stage.make_batch = leave_out
    go(stage, folder)


def half(folder: Path) -> None:
    """Float32 masters on a bfloat16 base, activations computed twice."""
    stage = make_sft(sft_config(steps=3, rows_per_step=5, micro_rows=2))
    plain = find_plain_model(stage.model)
    for parameter in plain.parameters():
        if not parameter.requires_grad:
            parameter.data = parameter.data.bfloat16()
    plain.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    go(stage, folder)


def grpo(folder: Path) -> None:
    """Learn from rollouts that the first run, of one process, wrote down; odd numbers of micro-batches."""
    recorded = folder.parents[1] / "rollouts.json"
    stage = make_grpo(grpo_config(steps=10, passes=2, micro_rollouts=3, kl=0.02, max_grad_norm=0.01))
    generate, known = stage._engine.generate, json.loads(recorded.read_text()) if recorded.exists() else {}

    def replay(asked, sampling, seed):
        if count_processes() == 1:
            found = generate(asked, sampling, seed)
            known.update({f"{seed} {r.trace.case_id} {r.trace.sample}": asdict(r) for r in found})
            return found
        entries = [known[f"{seed} {request.case_id} {request.sample}"] for request in asked]
        return [
            Rollout(
                trace=Trace(**e["trace"]),
                prompt_tokens=tuple(e["prompt_tokens"]),
                tokens=tuple(e["tokens"]),
                logprobs=tuple(e["logprobs"]),
            )
            for e in entries
        ]

    stage._engine.generate = replay
    go(stage, folder)
    if count_processes() == 1:
        recorded.write_text(json.dumps(known))


def again(folder: Path) -> None:
    """With dropout, so that every process's random numbers matter: at once, and stopped after three steps."""
    config = sft_config(steps=6, rows_per_step=4, micro_rows=1, checkpoint_every=3)
    for name, stops in (("whole", ()), ("stopped", (4,))):
        torch.manual_seed(find_index())
        for n in stops:
            go(make_sft(config, dropout=0.3), folder / name, n)
            torch.manual_seed(99)
        go(make_sft(config, dropout=0.3), folder / name)


def norms(folder: Path) -> None:
    """What is kept between passes is kept, and is never that of other weights."""
    models = [add_adapter(make_model(), AdapterConfig(rank=4, alpha=4), 0) for _ in range(2)]
    alone, spread = models
    shard(spread)
    assert is_sharded(spread) and not is_sharded(alone)
    rows = TokenRows(
        input_ids_BL=torch.arange(1, 61).view(2, 30), chosen_BL=torch.arange(30).expand(2, 30) > 0
    )
    generator = torch.Generator().manual_seed(5)
    layer = next(m for m in spread.modules() if getattr(m, "lora_variant", None))
    apart = []
    for _ in range(4):
        found = [token_logprobs(model, rows).logprobs_N for model in models]
        apart.append((found[0] - found[1]).abs().max().item())
        kept = layer.lora_variant["default"].norms
        before = kept._norm_O
        found[1].sum().backward()
        token_logprobs(spread, rows)
        assert kept._norm_O is before, "nothing has changed, and the norms were worked out again"
        spread.zero_grad(set_to_none=True)
        with torch.no_grad():  # No optimizer: the change is seen by the weights alone.
            for (name, mine), whole in zip(
                list_trainable(spread).items(), list_trainable(alone).values(), strict=True
            ):
                if "lora_B" in name:
                    noise = 0.1 * torch.randn(whole.shape, generator=generator)
                    whole.add_(noise)
                    mine.add_(spread_like(noise, mine))
    for (name, mine), (same, whole) in zip(list_merged(spread), list_merged(alone), strict=True):
        assert name == same and torch.equal(mine, whole)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"apart-{find_index()}.json").write_text(json.dumps(apart))


def base(folder: Path) -> None:
    """What `live` starts from, and others need not make again."""
    model = make_model(taught=True)
    save_model(model, make_tokenizer(), folder.parents[1] / "base")
    save_file({k: v.clone() for k, v in model.state_dict().items()}, folder.parents[1] / TAUGHT)


def live(folder: Path) -> None:
    """Stage 2 from files to files, with rollouts from gathered, merged weights."""
    base = folder.parents[1] / "base"
    config = grpo_config(steps=10, checkpoint_every=3, learning_rate=3e-3).model_dump(mode="json")
    recipe = Recipe.model_validate(
        {
            "name": "live",
            "model": {"path": str(base)},
            "adapter": {"rank": 4, "alpha": 4},
            "grpo": config,
        }
    )
    stage = StageFolder(final=folder / "grpo", made_from={"name": "live"})
    stage.part.mkdir(parents=True, exist_ok=True)
    for _ in run_grpo(recipe, CASES, None, stage):
        pass


if __name__ == "__main__":
    taught = Path(sys.argv[1]).parent / TAUGHT
    if taught.exists():
        small._teach = lambda: load_file(taught)
    for task in sys.argv[2:]:
        globals()[task](Path(sys.argv[1]) / task)
    if torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()
