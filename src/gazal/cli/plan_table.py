"""The tables that ``gazal run --dry-run`` prints."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gazal.cli.plan import Plan, count_cases
from gazal.config.adapter import AdapterConfig
from gazal.config.evaluate import EvaluateConfig
from gazal.config.grpo import GRPOConfig
from gazal.config.optim import OptimConfig
from gazal.config.pretrain import PretrainConfig
from gazal.config.sampling import Sampling
from gazal.config.sft import SFTConfig
from gazal.model.memory import SIZES, guess_prompt, weigh_checkpoint
from gazal.model.shape import Shape, count_parameters, from_pretraining
from gazal.path import find_folder

if TYPE_CHECKING:
    from rich.table import Table

Row = tuple[str, str]
"""What it is about, and what is to be said."""
PARTS = {
    "base": "base",
    "merged": "merged",
    "adapter": "adapter",
    "gradients, moments": "gradients",
    "activations": "activations",
    "logits": "logits",
    "cache": "cache",
    "work": "work",
}
"""Columns of the memory table: names of the parts of a phase, and their headings."""


def show_plan(plan: Plan) -> None:
    """Print what a recipe will do and what it will take."""
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if Console().is_terminal else 120, highlight=False, markup=False)
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for section, rows in _write_sections(plan):
        for number, (name, text) in enumerate(rows):
            table.add_row("" if number else section, name, text)
    console.print(table)
    if plan.phases:
        console.print()
        console.print(_tabulate_memory(plan))
    console.print(f"\n{_describe_machine(plan)}")
    for note in plan.notes:
        console.print(f"note: {note}")


def _write_sections(plan: Plan) -> Iterator[tuple[str, list[Row]]]:
    recipe = plan.recipe
    yield "recipe", [(recipe.name, recipe.about), ("seed", str(recipe.seed))]
    yield "run", [(str(plan.out), ", ".join(_tell_stages(plan)))]
    if set(plan.stages) & {"sft", "grpo", "evaluate"}:
        yield "model", _describe_model(plan)
        yield "adapter", _describe_adapter(plan, recipe.adapter)
    if plan.sources:
        yield "cases", [(path, _describe_source(plan, path)) for path in plan.sources]
    if "pretrain" in plan.stages and recipe.pretrain:
        yield "pretrain", _describe_pretraining(recipe.pretrain)
    if "sft" in plan.stages and recipe.sft:
        yield "sft", _describe_sft(plan, recipe.sft)
    if "grpo" in plan.stages and recipe.grpo:
        yield "grpo", _describe_grpo(plan, recipe.grpo)
    if "evaluate" in plan.stages and recipe.evaluate:
        yield "evaluate", _describe_evaluation(plan, recipe.evaluate)


def _tell_stages(plan: Plan) -> Iterator[str]:
    for name in plan.stages:
        folder = find_folder(plan.out, name)
        begun = folder.with_name(f"{folder.name}.part").is_dir()
        yield f"{name} {'done' if folder.is_dir() else 'begun' if begun else 'to do'}"


def _describe_model(plan: Plan) -> list[Row]:
    config = plan.recipe.model
    held = f"{config.dtype}, {config.attention}"
    held += ", gradient checkpointing" if config.gradient_checkpointing else ""
    held += ", thinking" if config.enable_thinking else ", no thinking"
    if plan.known is None or plan.known.shape is None:
        origin = plan.known.origin if plan.known else "not found"
        return [(config.path, f"sizes {origin}"), ("", held)]
    shape = plan.known.shape
    n = count_parameters(shape)
    size = write_bytes(n * SIZES[config.dtype])
    return [
        (config.path, f"{n:,} parameters ({plan.known.origin}), {size} in {held}"),
        ("", _describe_shape(shape)),
    ]


def _describe_shape(shape: Shape) -> str:
    return (
        f"{shape.layers} layers, width {shape.width:,}, mlp {shape.mlp:,}, {shape.heads} heads, "
        f"{shape.kv_heads} of keys, vocabulary {shape.vocabulary:,}, context {shape.context:,}"
    )


def _describe_adapter(plan: Plan, config: AdapterConfig) -> list[Row]:
    targets = config.targets if isinstance(config.targets, str) else ", ".join(config.targets)
    kind = "DoRA" if config.dora else "LoRA"
    root = "sqrt(rank)" if config.rank_stable else "rank"
    text = f"{targets}, scale {config.scale:.2f} (alpha {config.alpha:g} / {root})"
    if plan.build:
        n = plan.build.n_trained
        share = n / count_parameters(plan.build.shape)
        text = f"{n:,} parameters ({share:.1%} of the model) on {text}"
    return [(f"{kind}, rank {config.rank}", text)]


def _describe_source(plan: Plan, path: str) -> str:
    asked = plan.sources[path]
    count = "all that can be used" if asked.n is None else f"{asked.n:,}"
    at = f" ({asked.at})" if asked.at and str(asked.at) not in asked.what else ""
    return f"{count} of {asked.what}{at}"


def _describe_pretraining(config: PretrainConfig) -> list[Row]:
    shape = from_pretraining(config.shape)
    checkpoint = 3 * 4 * count_parameters(shape)
    return [
        ("model", f"{count_parameters(shape):,} parameters; {_describe_shape(shape)}"),
        ("passages", f"{config.passages:,}"),
        ("steps", _describe_rows(config.steps, config.rows_per_step, config.pack_length, config.micro_rows)),
        *_describe_optim(config, config.steps, checkpoint),
    ]


def _describe_sft(plan: Plan, config: SFTConfig) -> list[Row]:
    n = count_cases(plan, "sft.examples")
    return [
        ("examples", "as many as can be used" if n is None else f"{n:,}"),
        ("steps", _describe_rows(config.steps, config.rows_per_step, config.pack_length, config.micro_rows)),
        *_describe_optim(config, config.steps, weigh_checkpoint(plan.build) if plan.build else None),
    ]


def _describe_rows(steps: int, rows: int, length: int, micro: int) -> str:
    tokens = f"{steps * rows * length:,} tokens at most"
    return f"{steps:,} x {rows} rows x {length:,} tokens = {tokens}, {min(micro, rows)} at a time"


def _describe_optim(config: OptimConfig, steps: int, checkpoint: int | None) -> list[Row]:
    end = "" if config.schedule == "constant" else f" to {config.final_learning_rate:g} of it"
    rate = f"{config.learning_rate:g}, {config.schedule}{end}, warm-up {round(config.warmup * steps)} steps"
    size = f", {write_bytes(checkpoint)} each" if checkpoint else ""
    return [
        ("learning rate", f"{rate}; weight decay {config.weight_decay:g}, beta2 {config.beta2:g}"),
        ("checkpoints", f"every {config.checkpoint_every} steps{size}"),
    ]


def _describe_grpo(plan: Plan, config: GRPOConfig) -> list[Row]:
    rollouts = config.cases_per_step * config.group_size
    updates, asked = config.passes * config.minibatches, config.steps * config.cases_per_step
    n = count_cases(plan, "grpo.cases")
    seen = f"{asked:,} draws from {f'{n:,}' if n else 'the'} cases"
    seen += f" ({asked / n:.2f} times through)" if n else ""
    reward, total = config.reward, config.steps * rollouts
    optim = _describe_optim(
        config, config.steps * updates, weigh_checkpoint(plan.build) if plan.build else None
    )
    return [
        (
            "rollouts",
            f"{config.steps:,} x {config.cases_per_step} cases x {config.group_size} = {total:,}, {seen}",
        ),
        *_describe_resampling(config, total),
        ("updates", f"{config.steps * updates:,}; {min(config.micro_rollouts, rollouts)} rollouts at a time"),
        ("sampling", _describe_sampling(plan, config.sampling)),
        (
            "reward",
            (", ".join(f"{name} {weight:g}" for name, weight in reward.weights.items()) or "the answer alone")
            + "".join(f"; {name} at least {least:g}" for name, least in reward.gates.items())
            + f"; long from {reward.find_length_target(config.sampling.max_new_tokens):,} tokens",
        ),
        (
            "loss",
            f"{config.loss}, clip {config.clip_low:g} below, {config.clip_high:g} above; kl {config.kl:g}"
            + ("; advantages per component" if config.advantage == "per_component" else "")
            + ("; nothing from replies that are cut off" if config.mask_truncated else ""),
        ),
        *optim,
    ]


def _describe_resampling(config: GRPOConfig, total: int) -> list[Row]:
    rounds = config.dynamic_sampling
    if not rounds:
        return []
    most = f"at most {total * (rounds + 1):,} rollouts"
    return [("", f"other cases in place of groups without a signal, up to {rounds} times a step: {most}")]


def _describe_evaluation(plan: Plan, config: EvaluateConfig) -> list[Row]:
    models = ["base", *(name for name in ("sft", "grpo") if getattr(plan.recipe, name))]
    n = count_cases(plan, "evaluate.cases")
    text = f"{len(models)} ({', '.join(models)})"
    text += f" x {n:,} cases = {n * len(models):,} replies" if n is not None else ""
    return [("models", text), ("sampling", _describe_sampling(plan, config.sampling))]


def _describe_sampling(plan: Plan, sampling: Sampling) -> str:
    if sampling.greedy:
        drawn = "greedy"
    else:
        drawn = f"temperature {sampling.temperature:g}, top-p {sampling.top_p:g}, top-k {sampling.top_k}"
    text = f"{drawn}; {sampling.batch_size} at a time; up to {sampling.max_new_tokens:,} tokens"
    if plan.known is None or plan.known.shape is None:
        return text
    prompt = guess_prompt(plan.known.shape, sampling)
    return f"{text} after some {prompt:,} of prompt, context {plan.known.shape.context:,}"


def _tabulate_memory(plan: Plan) -> "Table":
    from rich.table import Table

    used = [name for name in PARTS if any(name in phase.parts for phase in plan.phases)]
    table = Table(box=None, pad_edge=False)
    table.add_column("memory, estimated")
    for name in used:
        table.add_column(PARTS[name], justify="right")
    table.add_column("in all", justify="right")
    for phase in plan.phases:
        parts = [write_bytes(phase.parts[name]) if name in phase.parts else "" for name in used]
        table.add_row(phase.name, *parts, write_bytes(phase.total))
    return table


def _describe_machine(plan: Plan) -> str:
    memory = f"{write_bytes(plan.memory)} of memory" if plan.memory else "memory unknown"
    gpu = f"{plan.gpu[0]} with {write_bytes(plan.gpu[1])}" if plan.gpu else "no GPU found"
    disk = f"; the run writes some {write_bytes(plan.disk)}" if plan.disk else ""
    return f"this machine: {memory}, {gpu}{disk}"


def write_bytes(n: int) -> str:
    """A size in the unit that keeps it short; units of 1000."""
    for unit, size in (("GB", 10**9), ("MB", 10**6)):
        if n >= size:
            return f"{n / size:,.1f} {unit}" if n < 100 * size else f"{n / size:,.0f} {unit}"
    return f"{n / 1000:.1f} kB"
