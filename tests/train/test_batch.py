"""Examples in rows: none lost, none split, none starved; and what of a row is learnt."""

from random import Random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gazal.train.batch import WINDOW, Tokens, collate, count_learnt, pack_rows

PAD = 9


def example(n_prompt, n_completion, start=10):
    numbers = iter(range(start, start + n_prompt + n_completion))
    return Tokens(
        prompt=tuple(next(numbers) for _ in range(n_prompt)),
        completion=tuple(next(numbers) for _ in range(n_completion)),
    )


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(1, 40), max_size=200), st.integers(40, 90))
def test_every_example_stands_in_one_row_and_no_row_overflows(lengths, room):
    rows = pack_rows(enumerate(lengths), room)
    assert sorted(n for row in rows for n in row) == list(range(len(lengths)))
    assert all(row and sum(lengths[n] for n in row) <= room for row in rows)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 40), max_size=300), st.integers(40, 90))
def test_none_waits_long(lengths, room):
    """A row opens with the one that waits longest, so each is placed before WINDOW rows more are full."""
    passed_over = {}
    unplaced = set(range(len(lengths)))
    for row in pack_rows(enumerate(lengths), room):
        assert row[0] == min(unplaced)
        unplaced -= set(row)
        for n in unplaced:
            if n < max(row):
                passed_over[n] = passed_over.get(n, 0) + 1
    assert max(passed_over.values(), default=0) < WINDOW


def test_a_short_example_behind_many_long_ones_is_not_left_for_the_end():
    lengths = [(0, 30), *((n, 51) for n in range(1, 200))]
    rows = pack_rows(lengths, 100)
    assert rows[0] == (0, 1)


def test_packing_is_tight():
    rng = Random(5)
    lengths = [rng.randint(20, 200) for _ in range(2000)]
    rows = pack_rows(enumerate(lengths), 512)
    assert sum(lengths) / (512 * len(rows)) > 0.97


def test_packed_rows_start_again_and_only_completions_are_chosen():
    a, b, c = example(3, 2), example(1, 4, 50), example(2, 1, 80)
    rows = collate([[a, b], [c]], PAD)
    assert rows.input_ids_BL.tolist() == [
        [10, 11, 12, 13, 14, 50, 51, 52, 53, 54],
        [80, 81, 82, PAD, PAD, PAD, PAD, PAD, PAD, PAD],
    ]
    assert rows.chosen_BL.nonzero().tolist() == [[0, 3], [0, 4], [0, 6], [0, 7], [0, 8], [0, 9], [1, 2]]
    assert rows.positions_BL.tolist() == [[0, 1, 2, 3, 4, 0, 1, 2, 3, 4], list(range(10))]


def test_padding_of_a_packed_row_is_apart_from_its_last_example():
    rows = collate([[example(1, 1), example(1, 1, 20)], [example(4, 3, 30)]], PAD)
    assert rows.positions_BL[0].tolist() == [0, 1, 0, 1, 0, 0, 0]
    assert not rows.chosen_BL[0, 4:].any()


def test_lone_rows_need_no_positions():
    rows = collate([[example(2, 3)], [example(4, 4, 30)]], PAD)
    assert rows.positions_BL is None and rows.input_ids_BL[0, 5:].tolist() == [PAD] * 3
    assert rows.chosen_BL.sum().item() == 7


def test_the_first_token_of_an_example_without_a_prompt_is_not_chosen():
    rows = collate([[example(0, 3), example(0, 2, 20), example(0, 1, 30)]], PAD)
    assert rows.chosen_BL.tolist() == [[False, True, True, False, True, False]]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)).filter(any), min_size=1, max_size=4),
        min_size=1,
        max_size=5,
    )
)
def test_what_is_counted_is_what_is_chosen(sizes):
    rows = [[example(*size) for size in row] for row in sizes]
    out = collate(rows, PAD)
    assert count_learnt(rows) == out.chosen_BL.sum().item()
    starts = torch.zeros_like(out.chosen_BL)
    for b, row in enumerate(rows):
        at = 0
        for one in row:
            starts[b, at] = True
            at += one.n
        assert not out.chosen_BL[b, at:].any()
    assert not (starts & out.chosen_BL).any()


@pytest.mark.parametrize("n", [1, WINDOW, WINDOW + 1])
def test_rows_that_each_hold_one(n):
    assert pack_rows(((k, 60) for k in range(n)), 100) == [(k,) for k in range(n)]
