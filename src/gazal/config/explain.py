"""What is wrong with a setting, in words of someone who writes recipes."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

_TYPES = {
    "int_type": ("int", "Give a whole number without quotes, such as 8."),
    "float_type": ("a number", "Give a number without quotes, such as 0.1 or 3e-4."),
    "string_type": ("text", 'Put it in quotes: \'"..."\' on the command line, "..." in a file.'),
    "bool_type": ("true or false", "Write true or false without quotes."),
    "path_type": ("the path of a file", "Write it as text."),
    "tuple_type": ("a list", "Write it in brackets, such as [a, b]."),
    "model_type": ("a map of keys", "Write its keys indented below it."),
    "dict_type": ("a map of keys", "Write its keys indented below it."),
}
_BOUNDS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
    "multiple_of": ("a multiple of", "multiple_of"),
}
Path = tuple[str | int, ...]


def find_path(error: ErrorDetails, values: Mapping[str, Any]) -> Path:
    """Where in the recipe the error is: the parts of its dotted path.

    Pydantic also names the kind of source that it took an entry for, which nobody wrote as a key.
    """
    path: list[str | int] = []
    here: Any = values
    for before, part in zip((None, *error["loc"]), error["loc"], strict=False):
        if isinstance(before, int) and isinstance(here, Mapping) and here.get("source") == part:
            continue
        path.append(part)
        if isinstance(here, Mapping):
            here = here.get(part)
        elif isinstance(here, Sequence) and isinstance(part, int):
            here = here[part]
    return tuple(path)


def list_faults(error: ValidationError) -> list[ErrorDetails]:
    """What is wrong, unknown keys first: a key that is misspelt also goes missing under its right name.

    Without pydantic's complaint that a list whose entry is wrong has too few right ones.
    """
    faults = [fault for fault in error.errors() if fault["type"] != "too_short" or not fault["input"]]
    return sorted(faults, key=lambda fault: fault["type"] != "extra_forbidden")


def explain(error: ErrorDetails, path: Path, root: type[BaseModel]) -> str:
    """Say what is wrong and what to do: all of a message that comes after the place."""
    kind, value, context = error["type"], show(error["input"]), error.get("ctx", {})
    name = next((part for part in reversed(path) if isinstance(part, str)), "the recipe")
    name = f"{name}.{path[-1]}" if path and isinstance(path[-1], int) else name
    if kind == "extra_forbidden":
        return f"there is no such key. {suggest(str(path[-1]), list_names(root, error['loc'][:-1]))}"
    if kind == "missing":
        return f"{name} is missing. Write it there."
    if kind in _TYPES:
        what, way_out = _TYPES[kind]
        return f"{name} is {what}, got {value}. {way_out}"
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        return f"{name} must be {words} {context[key]:g}; got {value}. Give a number in that range."
    if kind == "value_error":
        return str(context["error"])
    return _explain_rest(error, name, value, context)


def _explain_rest(error: ErrorDetails, name: str, value: str, context: Mapping[str, Any]) -> str:
    kind = error["type"]
    if kind == "literal_error":
        words = context["expected"].replace(" or ", ", ").replace("'", "").split(", ")
        return f"{name} must be one of {', '.join(words)}; got {value}. {suggest(str(error['input']), words)}"
    if kind == "finite_number":
        return f"{name} must be a finite number; got {value}. Give a number such as 0.1."
    if kind == "too_short":
        return f"{name} is an empty list. Give at least {context['min_length']}."
    if kind == "string_too_short":
        return f"{name} is empty. Write something or leave the key out."
    if kind == "string_pattern_mismatch":
        return f"{name} is {value}. Use letters, digits, dots, dashes and underscores: it names a folder."
    if kind == "union_tag_not_found":
        return f"it does not say its source, got {value}. Add source: world, suite or file."
    if kind == "union_tag_invalid":
        words = context["expected_tags"].replace("'", "").split(", ")
        hint = suggest(context["tag"], words)
        return f"source must be one of {', '.join(words)}; got {context['tag']!r}. {hint}"
    return f"{error['msg']}; got {value}."


def suggest(word: str, names: Iterable[str]) -> str:
    """Point at the name that was probably meant, or list all."""
    names = list(names)
    near = difflib.get_close_matches(word, names, n=1)
    return f"Did you mean {near[0]}?" if near else f"Take one of: {', '.join(names) or 'none'}."


def show(value: Any) -> str:
    """A value as a recipe would have it, cut to a readable length."""
    words = {None: "null", True: "true", False: "false"}
    plain = isinstance(value, bool) or value is None
    text = words[value] if plain else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def list_names(root: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """Names of the keys that stand at a path."""
    models = [root]
    for part in path:
        inner = [
            model
            for m in models
            if part in m.model_fields
            for model in _models(m.model_fields[part].annotation)
        ]
        tagged = [
            m for m in models if "source" in m.model_fields and m.model_fields["source"].default == part
        ]
        models = inner or tagged or (models if isinstance(part, int) else [])
    return list(dict.fromkeys(name for model in models for name in model.model_fields))


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Every model that an annotation mentions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models(inner)]
