"""YAML as recipes are written in it: the types of YAML 1.2, no key twice, no aliases, no objects.

PyYAML reads YAML 1.1, in which ``3e-4`` is a text, ``no`` is false and ``1:30`` is 90.
"""

import re
from typing import Any

import yaml
from yaml.constructor import ConstructorError

_MAP, _LIST, _TEXT = "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:str"
_NULL, _BOOL = "tag:yaml.org,2002:null", "tag:yaml.org,2002:bool"
_INT, _FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"
_NUMBER = r"(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
_RESOLVERS = (
    (_NULL, re.compile(r"(~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    (_BOOL, re.compile(r"(true|True|TRUE|false|False|FALSE)$"), list("tTfF")),
    (_INT, re.compile(r"[-+]?[0-9]+$"), list("-+0123456789")),
    (
        _FLOAT,
        re.compile(rf"([-+]?{_NUMBER}|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$"),
        list("-+.0123456789"),
    ),
)


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's own way to say it
    yaml_constructors = {}  # noqa: RUF012

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise ConstructorError(None, None, "an alias (*name) is not taken: write the value out", mark)
        return super().compose_node(parent, index)


class _Dumper(yaml.SafeDumper):
    yaml_implicit_resolvers = {}  # noqa: RUF012

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def write_text(self, text: str) -> yaml.ScalarNode:
        # PyYAML folds these into plain line breaks unless they are escaped, which only double quotes do.
        style = '"' if any(mark in text for mark in "\x85\u2028\u2029\ufeff") else None
        return self.represent_scalar(_TEXT, text, style=style)


def _read_map(loader: _Loader, node: yaml.Node) -> dict[str, Any]:
    if not isinstance(node, yaml.MappingNode):
        raise ConstructorError(None, None, "expected a map of keys", node.start_mark)
    read: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise ConstructorError(None, None, "a key must be a word", key.start_mark)
        if key.value in read:
            raise ConstructorError(None, None, f"the key {key.value} stands twice: keep one", key.start_mark)
        read[key.value] = loader.construct_object(value, deep=True)
    return read


def _read_list(loader: _Loader, node: yaml.Node) -> list[Any]:
    if not isinstance(node, yaml.SequenceNode):
        raise ConstructorError(None, None, "expected a list", node.start_mark)
    return [loader.construct_object(inner, deep=True) for inner in node.value]


def _read_text(loader: _Loader, node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise ConstructorError(
            None, None, f"the tag {node.tag} is not taken here: remove it", node.start_mark
        )
    return node.value


def _read_bool(loader: _Loader, node: yaml.Node) -> bool:
    text = _read_text(loader, node).lower()
    if text not in ("true", "false"):
        raise ConstructorError(None, None, f"{text[:40]!r} is not true or false", node.start_mark)
    return text == "true"


def _read_number(loader: _Loader, node: yaml.Node) -> int | float:
    text = _read_text(loader, node).lower()
    try:
        if node.tag == _INT:
            return int(text)
        return float(text.replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:
        raise ConstructorError(None, None, f"{text[:40]!r} is not a number", node.start_mark) from None


def _refuse(loader: _Loader, node: yaml.Node) -> Any:
    raise ConstructorError(None, None, f"the tag {node.tag} is not taken: remove it", node.start_mark)


for _tag, _pattern, _first in _RESOLVERS:
    _Loader.add_implicit_resolver(_tag, _pattern, _first)
    _Dumper.add_implicit_resolver(_tag, _pattern, _first)
_Dumper.add_representer(str, _Dumper.write_text)
_Loader.add_constructor(_MAP, _read_map)
_Loader.add_constructor(_LIST, _read_list)
_Loader.add_constructor(_TEXT, _read_text)
_Loader.add_constructor(_NULL, lambda loader, node: None)
_Loader.add_constructor(_BOOL, _read_bool)
_Loader.add_constructor(_INT, _read_number)
_Loader.add_constructor(_FLOAT, _read_number)
_Loader.add_constructor(None, _refuse)  # pyright: ignore[reportArgumentType] - None is any other tag


def read_yaml(text: str) -> Any:
    """The one document in a text.

    Raises:
        ValueError: If the text is not YAML or not what recipes are written in; says line and column.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark, problem = error.problem_mark or error.context_mark, error.problem or error.context
        at = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ValueError(f"{at}{problem}") from None
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def write_yaml(value: Any) -> str:
    """The text from which `read_yaml` reads the value back."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
