"""The model card of an exported model, filled from the manifests of its run: no field is left open."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gazal import __version__
from gazal.config.data import CuratedSource, FileSource, Source, SuiteSource, WorldSource
from gazal.config.recipe import Recipe
from gazal.core.stage import MANIFEST
from gazal.core.store import ADAPTER, MERGED
from gazal.model.place import TINY_BASE

if TYPE_CHECKING:
    from gazal.serve.export import Checked

CARD = Path(__file__).with_name("card.md")
"""The card's words; in braces what a run fills in."""


def write_card(
    path: Path, run: Path, chain: Sequence[str], recipe: Recipe, checked: "Checked", name: str
) -> None:
    """Write the card.

    Args:
        path: Where to.
        run: The folder of the run.
        chain: The stages that the model went through.
        recipe: The run's.
        checked: What loading it again showed.
        name: Of the exported folder.
    """
    base = recipe.model.path
    manifests = {stage: _read(run / stage / MANIFEST) for stage in chain}
    apart = "not held against the base, which is not at hand here"
    if checked.adapters is not None:
        apart = f"the adapters, merged one after the other by stock PEFT, to {checked.adapters:.2g}"
    text = CARD.read_text(encoding="utf-8").format(
        licence="apache-2.0" if base == TINY_BASE and _is_ours(recipe, chain) else "other",
        base=base,
        tags=", ".join(chain) + (", medical" if _is_medical(recipe, chain) else ""),
        name=name,
        stages=" and ".join(stage.upper() for stage in chain),
        version=__version__,
        scores="\n".join(_tell_scores(run, chain[-1])),
        data="\n".join(_tell_data(recipe, chain)),
        how="\n".join(_tell_how(recipe, manifests)),
        recipe=(run / "recipe.yaml").read_text(encoding="utf-8").strip(),
        folder=name,
        hashes="\n".join(_tell_hashes(run, manifests)),
        adapters=apart,
        bfloat16=checked.bfloat16,
    )
    path.write_text(text, encoding="utf-8")


def _tell_scores(run: Path, model: str) -> Iterator[str]:
    path = run / "evaluate" / "results.json"
    if not path.is_file():
        yield "It was not evaluated: the run ended before. Nothing is known of how well it does."
        return
    whole = json.loads(path.read_text(encoding="utf-8"))
    yield "| cases | model | n | accuracy | 95 % | format kept | steps supported |"
    yield "|---|---|---:|---:|---|---:|---:|"
    for suite, models in whole["evaluation"].items():
        for name, found in models.items():
            low, high = found["ci95"]
            shares = [_percent(found.get(key)) for key in ("format_ok", "steps_supported")]
            numbers = f"{found['n']:,} | {_percent(found['accuracy'])} | {_percent(low)} to {_percent(high)}"
            yield f"| {suite} | {name} | {numbers} | {' | '.join(shares)} |"
    mine = [pair for pair in whole["paired"] if pair["b"] == model]
    for pair in mine:
        low, high = pair["ci95"]
        yield (
            f"\n{pair['a']} to {pair['b']} on {pair['suite']}: {100 * pair['delta']:+.1f} points "
            f"(95 % {100 * low:+.1f} to {100 * high:+.1f}, exact McNemar p = {pair['p']:.2g}, "
            f"the same {pair['n']:,} cases)."
        )


def _list_sources(recipe: Recipe, chain: Sequence[str]) -> Iterator[tuple[str, Source]]:
    for stage in chain:
        config = getattr(recipe, stage)
        yield from ((stage, source) for source in (config.examples if stage == "sft" else config.cases))


def _is_ours(recipe: Recipe, chain: Sequence[str]) -> bool:
    """Whether all that was learnt from is the world's, whose licence is ours to give."""
    return all(isinstance(source, WorldSource) for _, source in _list_sources(recipe, chain))


def _is_medical(recipe: Recipe, chain: Sequence[str]) -> bool:
    return any(isinstance(source, WorldSource | SuiteSource) for _, source in _list_sources(recipe, chain))


def _tell_data(recipe: Recipe, chain: Sequence[str]) -> Iterator[str]:
    for stage, source in _list_sources(recipe, chain):
        what = "worked replies to" if stage == "sft" else "practice on"
        yield f"- {stage.upper()}: {what} {_describe(source)}"


def _describe(source: Source) -> str:
    match source:
        case WorldSource():
            kinds = ", ".join(source.kinds)
            return (
                f"{source.n:,} cases of gazal's clinical world ({source.split} split; {kinds}); made, no "
                "patient is in them; Apache-2.0"
            )
        case SuiteSource():
            return f"the public set {source.suite}{'' if source.n is None else f', {source.n:,} of it'}"
        case FileSource():
            return f"questions of the file {source.cases.name}; its licence is its owner's"
        case CuratedSource():
            return f"the curated set {source.path.name}; its own card.md has sources and licences"


def _tell_how(recipe: Recipe, manifests: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    adapter = recipe.adapter
    kind = "DoRA" if adapter.dora else "LoRA"
    scaling = ", rank-stabilised" if adapter.rank_stable else ""
    yield f"- {kind} of rank {adapter.rank}, alpha {adapter.alpha:g}{scaling}, on {adapter.targets}"
    for stage, manifest in manifests.items():
        config = getattr(recipe, stage)
        took = f"{manifest.get('seconds', 0.0):,.0f} s"
        how = f"{config.steps:,} steps at learning rate {config.learning_rate:g}, seed {recipe.seed}, {took}"
        yield f"- {stage.upper()}: {how}"
    if "grpo" in manifests and recipe.grpo is not None:
        weights = ", ".join(f"{name} {weight:g}" for name, weight in recipe.grpo.reward.weights.items())
        yield f"- reward: right answers outrank wrong ones; within these {weights or 'nothing'} order replies"


def _tell_hashes(run: Path, manifests: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    from gazal.core.stage import hash_input

    for stage, manifest in manifests.items():
        yield f"| run of {stage} | {manifest['fingerprint']} |"
        for name, digest in manifest["inputs"].items():
            yield f"| {stage} was made from: {name} | {digest} |"
        yield f"| adapter of {stage} | {hash_input(run / stage / ADAPTER)} |"
        yield f"| weights after {stage} | {hash_input(run / stage / MERGED)} |"


def _percent(share: float | None) -> str:
    return "not measured" if share is None else f"{100 * share:.1f} %"


def _read(path: Path) -> Mapping[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))
