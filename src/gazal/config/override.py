"""``--set path=value``: change one value of a recipe from the command line."""

import re
from typing import Any

from gazal.config.explain import show, suggest
from gazal.config.reader import read_yaml
from gazal.config.recipe import UNSOURCED
from gazal.errors import ConfigError

_ASSIGNMENT = re.compile(r"\s*([\w-]+(?:\.[\w-]+)*)\s*=(.*)", re.DOTALL)


def apply_override(values: dict[str, Any], assignment: str) -> tuple[str | int, ...]:
    """Set a value of a whole recipe, in place.

    Args:
        values: A recipe with all its keys, defaults included, so that every key that there is stands in it.
        assignment: Such as ``grpo.steps=10`` or ``sft.examples.0.n=100``; the value is YAML.

    Returns:
        The parts of its path.

    Raises:
        ConfigError: If there is no such place. Whether the value fits is not looked at here.
    """
    parts, value = _read(assignment)
    where, here = f"--set {assignment}", values
    path: list[str | int] = []
    for part in parts[:-1]:
        key = _step(where, here, path, part)
        path.append(key)
        here = here[key]  # pyright: ignore[reportArgumentType]
    key = _step(where, here, path, parts[-1])
    if key == "source" and isinstance(here, dict) and here["source"] != value:
        entry = ".".join(map(str, path))
        raise ConfigError(
            f"{where}: the other keys of {entry} go with source {here['source']}. "
            f"Set the whole entry, such as --set '{entry}={{source: suite, suite: medqa_train_4opt}}'."
        )
    here[key] = value  # pyright: ignore[reportArgumentType]
    path.append(key)
    _note(values["provenance"], ".".join(map(str, path)), value)
    return tuple(path)


def _read(assignment: str) -> tuple[list[str], Any]:
    matched = _ASSIGNMENT.fullmatch(assignment)
    if not matched:
        raise ConfigError(
            f"--set {assignment}: this is not path=value. Write for example --set grpo.steps=10."
        )
    try:
        return matched[1].split("."), read_yaml(matched[2])
    except ValueError as error:
        raise ConfigError(f"--set {assignment}: the value is not YAML ({error}). Quote it.") from None


def _step(where: str, here: Any, path: list[str | int], part: str) -> str | int:
    """The key or number under which a part stands in what the path leads to."""
    name = ".".join(map(str, path)) or "the recipe"
    if isinstance(here, dict):
        if part not in here or name == "provenance":
            raise ConfigError(f"{where}: {name} has no key {part}. {suggest(part, here)}")
        return part
    if isinstance(here, list):
        if not (part.isascii() and part.isdecimal()):
            raise ConfigError(f"{where}: {name} is a list. Name an entry by its number, such as {name}.0.")
        if int(part) >= len(here):
            count = f"{len(here)} {'entry' if len(here) == 1 else 'entries'}, counted from 0"
            raise ConfigError(f"{where}: {name} has {count}. Set the whole list to lengthen it.")
        return int(part)
    if here is None and len(path) == 1:
        raise ConfigError(f"{where}: this recipe has no {name} stage. Write one into the recipe file first.")
    raise ConfigError(f"{where}: {name} is {show(here)} and holds no keys. Set {name} itself.")


def _note(provenance: dict[str, str], path: str, value: Any) -> None:
    """What was said of the old value is not true of the new one."""
    if not provenance or path in UNSOURCED:
        return
    for known in [known for known in provenance if known == path or known.startswith(f"{path}.")]:
        del provenance[known]
    maps = value if isinstance(value, list) else [value]
    if not any(isinstance(inner, dict) for inner in maps):
        provenance[path] = "set: on the command line"
