"""A run's last model in the forms that other tools take: adapters, merged weights, a model card.

| in the folder | is |
|---|---|
| ``merged`` | plain weights as they were trained, tokenizer, chat template, generation settings |
| ``merged-bf16`` | the same in bfloat16, half as large |
| ``adapters/1-sft``, ``2-grpo`` | as PEFT saves them, each for the base with the one before it merged in |
| ``README.md`` | the model card, also in both folders of weights |

What is written is loaded again by stock transformers and PEFT and must give the logits of the trainer's
model.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gazal.config.load import load_recipe
from gazal.config.recipe import Recipe
from gazal.core.stage import MANIFEST
from gazal.core.store import ADAPTER, MERGED
from gazal.errors import ConfigError, DataError
from gazal.model.place import find_model
from gazal.model.stock import find_logits, load_stock, load_with_adapters, measure, write_bfloat16
from gazal.serve.card import write_card

STAGES = ("sft", "grpo")
ADAPTERS, BF16 = "adapters", "merged-bf16"
CLOSE_ENOUGH = 1e-3
"""Share of the largest logit by which adapters that PEFT merged may differ: they are rounded otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """How far what was written is from the trainer's model: largest difference of logits on a probe."""

    merged: float
    """Exactly 0, or the export fails."""
    adapters: float | None
    """None where the base is not at hand."""
    bfloat16: float
    """What rounding costs."""


def list_trained(run: Path) -> list[str]:
    """The stages of a run that are whole, in their order.

    Raises:
        DataError: It is no run, or none is.
    """
    if not (run / "recipe.yaml").is_file():
        raise DataError(f"{run}: no run: there is no recipe.yaml. Name the folder of one, such as runs/demo.")
    found = [name for name in STAGES if (run / name / MANIFEST).is_file()]
    if not found:
        raise DataError(f"{run}: no stage of it is whole. Run the same `gazal run` again.")
    return found


def export(run: Path, out: Path, stage: str | None = None) -> Iterator[str]:
    """Write the folder; yields what is being done. The last message is the path.

    Args:
        run: A run whose training is done.
        out: A new folder.
        stage: ``sft`` or ``grpo``; None takes the last.

    Raises:
        DataError: The run is not there, or what was written gives other logits.
        ConfigError: The stage was not trained, or the folder is there.
    """
    trained = list_trained(run)
    stage = stage or trained[-1]
    if stage not in trained:
        raise ConfigError(f"{run}: stage {stage!r} was not trained. Trained: {', '.join(trained)}.")
    if out.exists():
        raise ConfigError(f"{out}: is there already. Name another --out.")
    part = out.with_name(f"{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    chain = trained[: trained.index(stage) + 1]
    try:
        yield from _write(run, part, chain)
    except OSError as error:
        raise DataError(f"{part}: cannot be written ({error.strerror}). Make room, then again.") from None
    yield "checking that it gives the trainer's logits"
    recipe = load_recipe(run / "recipe.yaml")
    checked = check(run, part, chain, recipe)
    for folder in (part, part / MERGED, part / BF16):
        write_card(folder / "README.md", run, chain, recipe, checked, out.name)
    part.rename(out)
    yield str(out)


def _write(run: Path, part: Path, chain: list[str]) -> Iterator[str]:
    source = run / chain[-1] / MERGED
    yield f"copying {source}"
    shutil.copytree(source, part / MERGED)
    yield "writing bfloat16"
    write_bfloat16(source, part / BF16)
    for number, name in enumerate(chain, 1):
        target = part / ADAPTERS / f"{number}-{name}"
        yield f"copying the adapter of {name}"
        shutil.copytree(run / name / ADAPTER, target)
        _name_base(target, run, chain[: number - 1])


def check(run: Path, part: Path, chain: list[str], recipe: Recipe) -> Checked:
    """Load what was written by stock libraries and hold its logits against the trainer's model.

    Raises:
        DataError: They differ.
    """
    wanted = find_logits(load_stock(run / chain[-1] / MERGED), part / MERGED)
    merged = measure(load_stock(part / MERGED), part / MERGED, wanted)
    if merged != 0.0:
        raise DataError(f"{part / MERGED}: gives other logits than the run's model (by {merged:.3g}).")
    place, adapters = find_model(recipe.model.path), None
    if isinstance(place, Path):
        folders = [part / ADAPTERS / f"{number}-{name}" for number, name in enumerate(chain, 1)]
        adapters = measure(load_with_adapters(place, folders), part / MERGED, wanted)
    if adapters is not None and adapters > CLOSE_ENOUGH * max(1.0, float(wanted.abs().max())):
        raise DataError(
            f"{part / ADAPTERS}: PEFT gives other logits than the run's model (by {adapters:.3g})."
        )
    rounded = measure(load_stock(part / BF16), part / MERGED, wanted)
    return Checked(merged=merged, adapters=adapters, bfloat16=rounded)


def _name_base(adapter: Path, run: Path, before: list[str]) -> None:
    """Say in the adapter's settings what it is for, in words that hold where it is taken to."""
    path = adapter / "adapter_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    base = load_recipe(run / "recipe.yaml").model.path
    # The tiny base has no name elsewhere: its folder lies in the package.
    settings["base_model_name_or_path"] = base if not before else f"{base} with {', '.join(before)} merged in"
    path.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def list_commands(out: Path) -> list[str]:
    """What serves the exported model, each a line for a shell."""
    name = out.name
    return [
        f"vllm serve {out / BF16} --served-model-name {name} --host 127.0.0.1 --port 8000",
        f"transformers serve {out / MERGED} --host 127.0.0.1 --port 8000",
        f"python convert_hf_to_gguf.py {out / MERGED} --outfile {name}.gguf && llama-server -m {name}.gguf",
    ]
