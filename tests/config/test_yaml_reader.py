"""YAML as recipes are written in it."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gazal.config.reader import read_yaml, write_yaml


@pytest.mark.parametrize(
    "text, value",
    [
        ("3e-4", 3e-4),
        ("3E-4", 3e-4),
        ("1e5", 1e5),
        ("-2.5e+3", -2500.0),
        (".5", 0.5),
        ("3.", 3.0),
        ("3", 3),
        ("+3", 3),
        ("007", 7),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("no", "no"),
        ("on", "on"),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("2026-01-01", "2026-01-01"),
        ("'3e-4'", "3e-4"),
        ("0x10", "0x10"),
        ("e5", "e5"),
        ("1.2.3", "1.2.3"),
        ("[1, 2.0, x]", [1, 2.0, "x"]),
        ("{on: 1, 3: 2}", {"on": 1, "3": 2}),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text, value):
    read = read_yaml(text)
    assert read == value and type(read) is type(value)


def test_infinity_and_nan_are_read_as_numbers():
    # So that the settings can refuse them as numbers that are not finite, instead of as texts.
    assert (
        read_yaml("-.inf") == -math.inf and math.isnan(read_yaml(".nan")) and read_yaml("1e999") == math.inf
    )


@pytest.mark.parametrize(
    "text, said",
    [
        ("a: 1\nb: 2\na: 3", r"line 3, column 1: the key a stands twice"),
        ("x:\n  - {k: 1, k: 1}", r"line 2, column 12: the key k stands twice"),
        ("a: [", r"line 1, column 5"),
        ("a:\n\t- 3", r"line 2, column 1"),
        ("a: &x 1\nb: *x", r"line 2, column 4: an alias"),
        ("&x [*x]", r"an alias"),
        ("!!python/object/apply:os.system [echo]", r"tag .*python.* is not taken"),
        ("!!set {a, b}", r"tag .*set is not taken"),
        ("!!timestamp 2026-01-01", r"is not taken"),
        ("!!int x", r"'x' is not a number"),
        ("!!bool 3", r"'3' is not true or false"),
        ("!!str [a]", r"is not taken here"),
        ("!!map [a]", r"expected a map"),
        ("!!seq {a: 1}", r"expected a list"),
        ("[a]: 1", r"a key must be a word"),
        ("a: 1\n---\nb: 2", r"line 2"),
        ("9" * 5000, r"is not a number"),
        ("\x00", r"not allowed"),
        ("[" * 5000, r"nested too deep"),
    ],
)
def test_what_is_not_taken_is_named_with_its_place(text, said):
    with pytest.raises(ValueError, match=said) as caught:
        read_yaml(text)
    assert "\n" not in str(caught.value)


def test_nothing_is_run(tmp_path):
    mark = tmp_path / "run"
    with pytest.raises(ValueError):
        read_yaml(f"!!python/object/apply:os.mkdir ['{mark}']")
    assert not mark.exists()


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"))
    | st.sampled_from(
        ["3e-4", "no", "null", "~", "", "1:30", "- a", "{", "#x", "3.", "+1", "1e5", "=", "<<"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abé: #'\n3", min_size=1), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(VALUES)
@example("a\x85b\u2028\u2029\ufeff")
def test_what_is_written_reads_back(value):
    read = read_yaml(write_yaml(value))
    assert read == value and repr(read) == repr(value)
