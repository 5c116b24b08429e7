"""Recipes in files: read with errors that say where, what and what to do; written so that they read back."""

import difflib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gazal.config import explain
from gazal.config.override import apply_override
from gazal.config.reader import read_yaml, write_yaml
from gazal.config.recipe import STAGES, Recipe
from gazal.errors import ConfigError

SHIPPED = Path(__file__).resolve().parents[3] / "recipes"
"""Where the recipes of a clone stand."""


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe, check it whole, and set values from the command line.

    Args:
        path: A YAML file.
        overrides: Such as ``grpo.group_size=4``, in their order; the file has to be right without them.

    Raises:
        ConfigError: If the file or an override is wrong: one line with the place, the value and the way out.
    """
    values = _read_file(path)
    try:
        recipe = Recipe.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_explain(f"{path}: ", error, values)) from None
    recipe = set_values(recipe, overrides) if overrides else recipe
    if all(getattr(recipe, stage) is None for stage in STAGES):
        raise ConfigError(f"{path}: there is nothing to do. Give it a stage: {', '.join(STAGES)}.")
    return recipe


def set_values(recipe: Recipe, overrides: Sequence[str]) -> Recipe:
    """A copy of the recipe with values changed, as by ``--set``.

    Raises:
        ConfigError: If a path leads nowhere or a value does not fit; names the override.
    """
    values = recipe.model_dump(mode="json")
    paths = []
    for assignment in overrides:
        paths.append(apply_override(values, assignment))
        with suppress(ValidationError):  # Not yet, perhaps: two values may be right only together.
            values = Recipe.model_validate(values).model_dump(mode="json")
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        # The recipe was right before, so one of these is at fault: the last that touches the place.
        place = explain.find_path(explain.list_faults(error)[0], values)
        touching = [n for n, path in enumerate(paths) if _touch(path, place)] or [len(paths) - 1]
        blamed = touching[-1]
        where = f"--set {overrides[blamed]}: "
        raise ConfigError(_explain(where, error, values, said=paths[blamed])) from None


def dump_recipe(recipe: Recipe) -> str:
    """The recipe as YAML, every default written out; `load_recipe` reads it back."""
    return write_yaml(recipe.model_dump(mode="json"))


def _read_file(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such recipe. {_suggest_recipe(path)}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: byte {error.start} is not UTF-8. Save the file as UTF-8.") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}). Name a recipe file.") from None
    try:
        values = read_yaml(text)
    except ValueError as error:
        raise ConfigError(f"{path}: not a recipe in YAML: {error}. Mend the file there.") from None
    if values is None:
        raise ConfigError(f"{path}: the file is empty. {_suggest_recipe(path, start=True)}")
    if not isinstance(values, dict):
        found = "a list" if isinstance(values, list) else f"only {explain.show(values)}"
        raise ConfigError(f"{path}: expected a map of keys such as name: and sft:, found {found}.")
    return values


def _suggest_recipe(path: Path, start: bool = False) -> str:
    """Name recipes that are there: beside the path, in the folder ``recipes``, or in the clone."""
    for folder in (path.parent, Path("recipes"), SHIPPED):
        found = (other for other in folder.glob("[!.]*.yaml") if other != path)
        names = sorted(other.name for other in found)
        if names:
            near = [] if start else difflib.get_close_matches(path.with_suffix(".yaml").name, names, n=1)
            hint = f"Did you mean {folder / near[0]}? " if near else ""
            lead = "Start from one of those" if start else "Recipes"
            return f"{hint}{lead} in {folder}: {', '.join(names)}."
    return "Name a recipe file, such as recipes/demo.yaml of the repository."


def _touch(one: tuple[str | int, ...], other: tuple[str | int, ...]) -> bool:
    """Whether one path leads to the other or beyond it."""
    short = min(len(one), len(other))
    return one[:short] == other[:short]


def _explain(
    where: str, error: ValidationError, values: dict[str, Any], said: tuple[str | int, ...] | None = None
) -> str:
    """One line for the first fault, and how many more there are."""
    faults = explain.list_faults(error)
    path = explain.find_path(faults[0], values)
    place = ".".join(map(str, path))
    shown = f"{place}: " if place and path != said else ""
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return f"{where}{shown}{explain.explain(faults[0], path, Recipe)}{more}"
