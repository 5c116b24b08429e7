"""``gazal run --dry-run``: everything that can be said of a recipe before it runs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from gazal.config.data import Source
from gazal.config.recipe import Recipe
from gazal.config.sampling import Sampling
from gazal.curate.plan import Asked, find_repeats, look_at
from gazal.errors import ConfigError, GazalError
from gazal.model import machine
from gazal.model.memory import (
    PROMPT,
    Build,
    Phase,
    estimate_evaluation,
    estimate_grpo,
    estimate_pretraining,
    estimate_sft,
    weigh_checkpoint,
)
from gazal.model.place import check_tokenizer, check_weights
from gazal.model.shape import Known, Shape, count_adapter, from_pretraining, look_up
from gazal.path import find_folder, list_stages


@dataclass(slots=True, kw_only=True)
class Plan:
    """What a recipe will do, and what stands in its way."""

    recipe: Recipe
    out: Path
    stages: list[str]
    sources: dict[str, Asked] = field(default_factory=dict)
    """By the path of the source in the recipe."""
    known: Known | None = None
    """None where no stage needs a model that is there before."""
    build: Build | None = None
    """None where the sizes of the model are not known."""
    phases: list[Phase] = field(default_factory=list)
    disk: int = 0
    """Bytes that checkpoints, adapters and merged models will take."""
    memory: int | None = None
    """Bytes of the machine's main memory."""
    gpu: tuple[str, int] | None = None
    """Name and bytes."""
    notes: list[str] = field(default_factory=list)
    """What the run survives but a person should know."""
    problems: dict[str, list[str]] = field(default_factory=dict)
    """What would make the run fail, to the places in the recipe where it comes from."""

    def object_to(self, where: str, what: object) -> None:
        """Note a problem; one that comes from several places is told once."""
        self.problems.setdefault(str(what).removeprefix(f"{where}: "), []).append(where)


def make_plan(recipe: Recipe, out: Path) -> Plan:
    """Check a whole recipe without loading weights, making cases or asking the network.

    Args:
        recipe: What to do.
        out: Folder of the run.
    """
    plan = Plan(recipe=recipe, out=out, stages=list_stages(recipe))
    plan.memory, plan.gpu = machine.find_memory(), machine.find_gpu()
    _check_folder(plan)
    _look_at_sources(plan)
    if set(plan.stages) & {"sft", "grpo", "evaluate"}:
        _look_at_model(plan)
        _check_lengths(plan)
    _estimate(plan)
    _check_room(plan)
    return plan


def refuse_problems(plan: Plan) -> None:
    """Stop where something would make the run fail.

    Raises:
        ConfigError: One message with all that is in the way.
    """
    listed = [f"{', '.join(places)}: {what}" for what, places in plan.problems.items()]
    if len(listed) == 1:
        raise ConfigError(listed[0])
    if listed:
        lines = "".join(f"\n  {line}" for line in listed)
        raise ConfigError(f"recipe {plan.recipe.name}: {len(listed)} things would make the run fail:{lines}")


def _check_folder(plan: Plan) -> None:
    for place in (plan.out.absolute(), *plan.out.absolute().parents):
        if place.exists() and not place.is_dir():
            plan.object_to("--out", f"{place} is a file. Name another folder.")


def _look_at_sources(plan: Plan) -> None:
    recipe = plan.recipe
    if "sft" in plan.stages and recipe.sft:
        _look_at_list(plan, "sft.examples", recipe.sft.examples)
    if "grpo" in plan.stages and recipe.grpo:
        _look_at_list(plan, "grpo.cases", recipe.grpo.cases)
        n = count_cases(plan, "grpo.cases")
        if n is not None and (problem := recipe.grpo.object_to_cases(n)):
            plan.object_to("grpo.cases", problem)
    if "evaluate" in plan.stages and recipe.evaluate:
        _look_at_list(plan, "evaluate.cases", recipe.evaluate.cases, recipe.evaluate.limit)


def _look_at_list(plan: Plan, where: str, sources: Sequence[Source], limit: int | None = None) -> None:
    for place, source in enumerate(sources):
        path = f"{where}.{place}"
        try:
            learned = where == "sft.examples"
            plan.sources[path] = look_at(source, plan.recipe.seed, learned=learned, limit=limit)
        except GazalError as error:
            plan.object_to(path, error)
    for place in find_repeats(sources, plan.recipe.seed):
        again = "gives cases that came from an earlier source already. Take it out, or set another seed."
        plan.object_to(f"{where}.{place}", again)


def count_cases(plan: Plan, where: str) -> int | None:
    """Cases of a list of sources; None where a source cannot say."""
    counts = [asked.n for path, asked in plan.sources.items() if path.startswith(f"{where}.")]
    missing = any(path.startswith(f"{where}.") for places in plan.problems.values() for path in places)
    return None if missing or None in counts else sum(n for n in counts if n is not None)


def _look_at_model(plan: Plan) -> None:
    recipe, config = plan.recipe, plan.recipe.model
    try:
        plan.known = _find_model(plan)
        if plan.known.folder is not None:
            check_weights(plan.known.folder)
            check_tokenizer(plan.known.folder)
    except GazalError as error:
        plan.object_to("model.path", error)
    if config.attention == "flash_attention_2" and not (find_spec("flash_attn") or find_spec("kernels")):
        plan.object_to("model.attention", "flash_attention_2 needs the package flash_attn. Set it to sdpa.")
    if config.attention == "flex_attention" and plan.gpu is None:
        plan.object_to("model.attention", "flex_attention has no backward pass on a CPU. Set it to sdpa.")
    _look_at_engine(plan)
    if plan.known is None:
        return
    windows = set((plan.known.settings or {}).get("layer_types") or ()) - {"full_attention"}
    if windows and (recipe.grpo or recipe.evaluate):
        kinds = ", ".join(sorted(windows))
        plan.object_to(
            "model.path",
            f"some layers are of type {kinds}; replies are written with full_attention only. "
            "Use another model.",
        )
    if plan.known.shape is None:
        plan.notes.append(f"sizes of {config.path} are {plan.known.origin}: nothing is estimated.")
        return
    try:
        count_adapter(plan.known.shape, recipe.adapter)
    except GazalError as error:
        plan.object_to("adapter.targets", error)
        return
    plan.build = Build(shape=plan.known.shape, model=config, adapter=recipe.adapter)
    if not plan.known.fetched:
        plan.notes.append(
            f"{config.path} is not on this machine: {plan.build.weights / 1e9:.1f} GB to fetch."
        )


def _look_at_engine(plan: Plan) -> None:
    if plan.recipe.grpo is None or plan.recipe.grpo.engine.kind != "vllm":
        return
    plan.notes.append("grpo.engine is vllm: the memory of grpo is estimated as if it were local.")
    if plan.recipe.grpo.engine.address is None and not find_spec("vllm"):
        plan.object_to("grpo.engine.kind", "vllm is not installed. Run pip install 'gazal[vllm]'.")


def _find_model(plan: Plan) -> Known:
    pretrain, made = plan.recipe.pretrain, find_folder(plan.out, "pretrain")
    if pretrain and Path(plan.recipe.model.path) == made and not made.exists():
        return Known(shape=from_pretraining(pretrain.shape), origin="made by this recipe")
    return look_up(plan.recipe.model)


def _check_lengths(plan: Plan) -> None:
    recipe, shape = plan.recipe, plan.known.shape if plan.known else None
    if shape is None:
        return
    if recipe.sft and recipe.sft.pack_length > shape.context:
        plan.object_to(
            "sft.pack_length",
            f"{recipe.sft.pack_length:,} is more than the model's context of {shape.context:,}. Lower it.",
        )
    if recipe.grpo:
        _check_sampling(plan, "grpo", recipe.grpo.sampling, shape)
    if recipe.evaluate:
        _check_sampling(plan, "evaluate", recipe.evaluate.sampling, shape)


def _check_sampling(plan: Plan, stage: str, sampling: Sampling, shape: Shape) -> None:
    where, n = f"{stage}.sampling.max_new_tokens", sampling.max_new_tokens
    room = shape.context - n
    if room <= 0:
        plan.object_to(
            where,
            f"{n:,} leaves no room for a prompt in the model's context of {shape.context:,}. Lower it.",
        )
    elif room < PROMPT:
        plan.notes.append(
            f"{where} {n:,} leaves {room:,} tokens for the prompt. Cases with longer ones get no reply."
        )


def _estimate(plan: Plan) -> None:
    recipe, build = plan.recipe, plan.build
    if "pretrain" in plan.stages and recipe.pretrain:
        plan.phases += estimate_pretraining(recipe.pretrain)
        whole = plan.phases[-1].parts["base"]
        plan.disk += 2 * 3 * whole + whole // 2  # Two checkpoints at a time; weights are saved in 16 bits.
    if build is None:
        return
    kept = 2 * weigh_checkpoint(build) + 4 * build.n_trained + build.weights
    if "sft" in plan.stages and recipe.sft:
        plan.phases += estimate_sft(build, recipe.sft)
        plan.disk += kept
    if "grpo" in plan.stages and recipe.grpo:
        plan.phases += estimate_grpo(build, recipe.grpo)
        plan.disk += kept
    if "evaluate" in plan.stages and recipe.evaluate:
        n_models = 1 + bool(recipe.sft) + bool(recipe.grpo)
        plan.phases += estimate_evaluation(build, recipe.evaluate.sampling, n_models)


def _check_room(plan: Plan) -> None:
    has, what = (plan.gpu[1], "its GPU") if plan.gpu else (plan.memory, "this machine")
    largest = max(plan.phases, key=lambda phase: phase.total, default=None)
    if largest and has and largest.total > has:
        plan.notes.append(
            f"{largest.name} takes an estimated {largest.total / 1e9:.1f} GB, {what} has {has / 1e9:.1f} GB. "
            "Lower micro sizes and batch_size, or use a larger machine."
        )
    free = machine.find_disk(plan.out)
    if free is not None and plan.disk > free:
        plan.notes.append(
            f"--out {plan.out}: the run writes an estimated {plan.disk / 1e9:.1f} GB, "
            f"{free / 1e9:.1f} GB are free. Make room or name another folder."
        )
