"""Which models a person means: a run with all of its models, a folder, an adapter, a name elsewhere."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gazal.config.endpoint import Endpoint
from gazal.config.load import load_recipe
from gazal.config.model import ModelConfig
from gazal.core.store import ADAPTER, MERGED
from gazal.errors import ConfigError, DataError
from gazal.model.place import find_model

RECIPE, SETTINGS = "recipe.yaml", "adapter_config.json"
STAGES = ("sft", "grpo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """A model to be evaluated."""

    config: ModelConfig | Endpoint
    """How it is held in memory here, or where it is served."""
    adapter: Path | None = None
    """An adapter to merge into it, as PEFT saves it."""
    by_likelihood: bool = False
    """Also ask which option it holds most likely: the fair measure of one that keeps no reply format."""


def find_tested(paths: Sequence[str], settings: ModelConfig) -> dict[str, Tested]:
    """Name to model, in the order given; a run stands for its base, its SFT and its GRPO model.

    Args:
        paths: Folders of runs, models or adapters, ``tiny-base``, or names on the hub.
        settings: How models are held in memory; those of a run are held as its recipe says.

    Raises:
        ConfigError: One is none of these.
        DataError: An adapter does not say what it was trained on.
    """
    found: dict[str, Tested] = {}
    for path in paths:
        place = Path(path).expanduser()
        if (place / RECIPE).is_file():
            named = _open_run(place)
        elif (place / SETTINGS).is_file():
            named = {_name(place): _open_adapter(place, settings)}
        else:
            find_model(path)
            named = {_name(place): Tested(config=settings.model_copy(update={"path": path}))}
        for name, tested in named.items():
            found[_make_new(name, found)] = tested
    return found


def add_served(models: dict[str, Tested], endpoints: Sequence[Endpoint]) -> dict[str, Tested]:
    """The same models and those of services, each by the last part of its name there."""
    found = dict(models)
    for endpoint in endpoints:
        name = re.sub(r"[^\w.-]+", "-", endpoint.model.rstrip("/").rpartition("/")[2]).strip(".-") or "served"
        found[_make_new(name, found)] = Tested(config=endpoint)
    return found


def describe_tested(tested: Tested) -> dict[str, Any]:
    """What decides its replies, as JSON values: of a service its host and the model, and no more."""
    if isinstance(tested.config, Endpoint):
        return {"endpoint": tested.config.host, "model": tested.config.model}
    return tested.config.model_dump(mode="json")


def list_inputs(models: dict[str, Tested]) -> dict[str, Path]:
    """What to hash, so that a change of a model is noticed; nothing for one that others keep."""
    inputs: dict[str, Path] = {}
    for name, tested in models.items():
        if isinstance(tested.config, Endpoint):
            continue
        place = find_model(tested.config.path)
        if isinstance(place, Path):
            inputs[name] = place
        if tested.adapter is not None:
            inputs[f"{name}.{ADAPTER}"] = tested.adapter
    return inputs


def _open_run(run: Path) -> dict[str, Tested]:
    base = load_recipe(run / RECIPE).model
    models = {"base": Tested(config=base, by_likelihood=True)}
    for stage in STAGES:
        if (merged := run / stage / MERGED).is_dir():
            path = {"path": str(merged), "revision": None}
            models[stage] = Tested(config=base.model_copy(update=path))
    return models


def _open_adapter(folder: Path, settings: ModelConfig) -> Tested:
    """An adapter and its base, whose name is kept beside it: as the run saw it, or as seen from the run."""
    try:
        base = str(json.loads((folder / SETTINGS).read_text(encoding="utf-8"))["base_model_name_or_path"])
    except (OSError, ValueError, KeyError, TypeError):
        raise DataError(
            f"{folder / SETTINGS}: does not say which base it was trained on. Save the adapter again."
        ) from None
    beside = folder.parent.parent / base
    path = str(beside) if beside.is_dir() else base
    try:
        find_model(path)
    except ConfigError as error:
        raise ConfigError(f"{folder}: its base is not here: {error}") from None
    return Tested(config=settings.model_copy(update={"path": path}), adapter=folder)


def _name(place: Path) -> str:
    """The last part that tells something: ``runs/demo/sft/merged`` is ``sft``."""
    whole = place.absolute()
    return whole.parent.name if whole.name in (MERGED, ADAPTER) else whole.name


def _make_new(name: str, taken: dict[str, Tested]) -> str:
    number = 1
    while (new := name if number == 1 else f"{name}-{number}") in taken:
        number += 1
    return new


def ask_by_likelihood(models: dict[str, Tested]) -> dict[str, Tested]:
    """The same models, each also asked which option it holds most likely.

    Raises:
        ConfigError: One is served by others, who do not say how likely an option is.
    """
    for name, tested in models.items():
        if isinstance(tested.config, Endpoint):
            raise ConfigError(
                f"{name}: a served model cannot be asked by likelihood. Leave --likelihood out."
            )
    return {name: replace(tested, by_likelihood=True) for name, tested in models.items()}
