"""Stage 1: what a step sees, what is left out, and that packing changes nothing."""

import pytest
import torch
from small import CASES, PAIRS, make_sft, make_tokenizer, sft_config, solve

from gazal.core.case import Case
from gazal.errors import DataError
from gazal.train.loop import train
from gazal.train.sft import tokenize_examples


def list_rows(stage, n=4):
    batches = [stage.make_batch(step, None) for step in range(n)]
    return [[tuple(row) for micro in batch.micros for row in micro.rows] for batch in batches]


def test_the_order_depends_on_the_seed_alone():
    rows = list_rows(make_sft(sft_config()))
    assert rows == list_rows(make_sft(sft_config())) != list_rows(make_sft(sft_config(), seed=1))
    # Not on how rows are cut into micro-batches, nor on what was asked before.
    assert rows == list_rows(make_sft(sft_config(micro_rows=1)))
    stage = make_sft(sft_config())
    assert [tuple(r) for m in stage.make_batch(3, None).micros for r in m.rows] == rows[3]


@pytest.mark.parametrize("packing", [True, False])
def test_every_example_comes_once_before_any_comes_twice(packing):
    config = sft_config(packing=packing, steps=40, rows_per_step=1, micro_rows=1, pack_length=400)
    stage = make_sft(config)
    seen = [example for rows in list_rows(stage, 40) for row in rows for example in row]
    n = len(PAIRS)
    assert len(set(seen[:n])) == n == len(set(seen[n : 2 * n])) and seen[:n] != seen[n : 2 * n]


def test_rows_without_packing_hold_one_example():
    rows = list_rows(make_sft(sft_config(packing=False)))
    assert {len(row) for batch in rows for row in batch} == {1}
    assert max(len(row) for batch in list_rows(make_sft(sft_config())) for row in batch) > 1


def test_what_is_too_long_is_left_out_and_the_rest_learnt():
    tokenizer = make_tokenizer()
    long = Case(
        id="small/train/long",
        kind="exam",
        question="What helps? " * 60,
        options={"A": "this", "B": "that"},
        answer="A",
        licence="Apache-2.0",
    )
    pairs = [PAIRS[0], (long, solve(long, "A")), PAIRS[1]]
    kept = tokenize_examples(pairs, tokenizer, sft_config(pack_length=200), True)
    assert kept == tokenize_examples([PAIRS[0], PAIRS[1]], tokenizer, sft_config(), True)
    with pytest.raises(
        DataError, match=r"sft.examples: none of 3 fits into sft.pack_length 20 tokens. Raise"
    ):
        tokenize_examples(pairs, tokenizer, sft_config(pack_length=20), True)


def test_an_example_that_just_fits_is_kept():
    tokenizer = make_tokenizer()
    (one,) = tokenize_examples(PAIRS[:1], tokenizer, sft_config(), True)
    assert len(tokenize_examples(PAIRS[:1], tokenizer, sft_config(pack_length=one.n), True)) == 1
    with pytest.raises(DataError):
        tokenize_examples(PAIRS[:1], tokenizer, sft_config(pack_length=one.n - 1), True)


def test_only_the_reply_is_learnt_with_its_end():
    tokenizer = make_tokenizer()
    (one,) = tokenize_examples(PAIRS[:1], tokenizer, sft_config(), True)
    assert tokenizer.decode(one.completion) == PAIRS[0][1].text + "<|im_end|>"
    assert CASES[0].question in tokenizer.decode(one.prompt)


def test_packed_loss_and_gradients_equal_unpacked():
    """The same examples in one step: side by side in rows, and each in its own."""
    results = []
    for packing in (True, False):
        config = sft_config(packing=packing, rows_per_step=12 if not packing else 99, micro_rows=2)
        stage = make_sft(config)
        batch = stage.make_batch(0, None)
        rows = [row for micro in batch.micros for row in micro.rows]
        if packing:  # One epoch of it.
            rows, seen = [], set()
            for row in stage._rows:
                if not seen.intersection(row):
                    rows.append([stage._examples[n] for n in row])
                    seen.update(row)
            assert max(map(len, rows)) > 1
        assert sorted(e.prompt + e.completion for row in rows for e in row) == sorted(
            e.prompt + e.completion for e in stage._examples
        )
        n = sum(len(e.completion) for row in rows for e in row)
        total = 0.0
        for row in rows:
            loss, _ = stage.find_loss(type(batch.micros[0])(rows=[row]), n, torch.device("cpu"))
            loss.backward()
            total += loss.item()
        results.append((total, {k: p.grad for k, p in stage.model.named_parameters() if p.grad is not None}))
    (packed, packed_grads), (lone, lone_grads) = results
    assert packed == pytest.approx(lone, abs=1e-5)
    for name in lone_grads:
        torch.testing.assert_close(packed_grads[name], lone_grads[name], atol=1e-5, rtol=1e-4)


def test_sft_learns(tmp_path):
    """The letter was a coin's toss; half of the examples say that it is A."""
    right = PAIRS[::2]
    stage = make_sft(sft_config(steps=12, learning_rate=1e-2, rows_per_step=2), taught=True, pairs=right)
    losses = [step.metrics["loss"] for step in train(stage, tmp_path, "mine")]
    assert losses[-1] < 0.5 * losses[0]
