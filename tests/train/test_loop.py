"""The loop: rates, accumulation, what it writes down, and going on as if never stopped."""

import json
import math

import pytest
import torch
from small import assert_same, grpo_config, make_grpo, make_sft, read_weights, sft_config

from gazal.config.optim import OptimConfig
from gazal.errors import TrainingError
from gazal.train.checkpoint import list_checkpoints
from gazal.train.loop import find_rate, train
from gazal.train.step import STEPS, append_lines, cut_lines


def optim(**changes):
    return OptimConfig(steps=100, learning_rate=1e-2, **changes)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", {20: 1.0, 60: 1.0, 99: 1.0}),
        ("linear", {20: 1.0, 60: 0.6, 99: 0.2 + 0.8 * (1 - 79 / 80)}),
        ("cosine", {20: 1.0, 60: 0.6, 40: 0.2 + 0.4 * (1 + math.cos(math.pi / 4))}),
    ],
)
def test_the_learning_rate(schedule, expected):
    config = optim(warmup=0.2, schedule=schedule, final_learning_rate=0.2)
    for step, share in expected.items():
        assert find_rate(config, step, 100) == pytest.approx(1e-2 * share), step


def test_the_warm_up_rises_in_equal_parts_to_the_peak_and_never_starts_at_0():
    rates = [find_rate(optim(warmup=0.05), step, 100) for step in range(6)]
    assert rates == pytest.approx([0.002, 0.004, 0.006, 0.008, 0.01, 0.01])
    assert find_rate(optim(warmup=0.0), 0, 100) == pytest.approx(1e-2)
    assert find_rate(optim(warmup=0.5), 0, 1) == pytest.approx(1e-2)


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
def test_a_restart_is_a_shorter_run_and_another_after_it(schedule):
    def rates(n, **changes):
        config = OptimConfig(steps=n, learning_rate=1e-2, schedule=schedule, warmup=0.1, **changes)
        return [find_rate(config, step, n) for step in range(n)]

    assert rates(100, restart_at=60) == rates(60) + rates(40)


def run(stage, folder, n=None):
    """Some steps of it, then stop as a person would who closes the program."""
    steps = train(stage, folder, "mine")
    found = [step for _, step in zip(range(n if n is not None else 10**9), steps, strict=False)]
    steps.close()
    return found


def read_steps(folder):
    records = [json.loads(line) for line in (folder / STEPS).read_text().splitlines()]
    return [{k: v for k, v in record.items() if not k.startswith("time/")} for record in records]


@pytest.mark.parametrize("packing", [True, False])
def test_micro_batches_of_ragged_rows_add_up(tmp_path, packing):
    weights, losses = [], []
    for micro in (1, 8):
        # Plain gradient size, no clipping: what differs is only how rows are cut into micro-batches.
        config = sft_config(
            steps=3, micro_rows=micro, rows_per_step=7, packing=packing, pack_length=420, max_grad_norm=1e6
        )
        stage = make_sft(config)
        folder = tmp_path / str(micro)
        folder.mkdir()
        losses.append([step.metrics["loss"] for step in run(stage, folder)])
        weights.append(read_weights(stage))
        assert {len(b.micros) for b in [stage.make_batch(0, None)]} == {7 if micro == 1 else 1}
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)
    start = read_weights(make_sft(sft_config()))
    for name in start:
        torch.testing.assert_close(weights[0][name], weights[1][name], atol=2e-5, rtol=0)
    assert any((weights[0][name] - start[name]).abs().max() > 1e-3 for name in start)


def test_gradients_of_micro_batches_add_up_to_1e_6():
    gradients = []
    for micro in (1, 8):
        stage = make_sft(sft_config(micro_rows=micro, rows_per_step=8, pack_length=420))
        batch = stage.make_batch(0, None)
        for part in batch.micros:
            stage.find_loss(part, batch.n_tokens, torch.device("cpu"))[0].backward()
        gradients.append({n: p.grad for n, p in stage.model.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for name in gradients[0]:
        torch.testing.assert_close(gradients[0][name], gradients[1][name], atol=1e-6, rtol=1e-6)
    assert max(g.abs().max() for g in gradients[0].values()) > 1e-3


def test_a_loss_that_is_no_number_stops_the_run_and_the_checkpoint_stays(tmp_path):
    stage = make_sft(sft_config(steps=6))
    find_loss, calls = stage.find_loss, []

    def spoil(micro, n_tokens, device):
        loss, metrics = find_loss(micro, n_tokens, device)
        calls.append(loss)
        return (loss * math.nan if len(calls) > 6 else loss), metrics

    stage.find_loss = spoil
    with pytest.raises(TrainingError, match=r"step 4: loss nan, .* lower it"):
        run(stage, tmp_path)
    assert [path.name for path in list_checkpoints(tmp_path)] == ["checkpoint-000002"]
    assert all(torch.isfinite(p).all() for p in read_weights(stage).values())
    again = make_sft(sft_config(steps=6))
    assert [step.step for step in run(again, tmp_path)] == [3, 4, 5, 6]
    whole = make_sft(sft_config(steps=6))
    (tmp_path / "whole").mkdir()
    run(whole, tmp_path / "whole")
    assert_same(read_weights(again), read_weights(whole))


def test_a_gradient_that_is_no_number_stops_the_run(tmp_path):
    stage = make_sft(sft_config())
    find_loss = stage.find_loss

    def spoil(micro, n_tokens, device):
        loss, metrics = find_loss(micro, n_tokens, device)
        nothing = sum(p.sum() for p in stage.model.parameters() if p.requires_grad) * 0
        return loss + torch.sqrt(
            nothing
        ), metrics  # The slope of a root at 0 is infinite, and times 0 no number.

    stage.find_loss = spoil
    before = read_weights(stage)
    with pytest.raises(TrainingError, match="gradient norm nan"):
        run(stage, tmp_path)
    assert_same(before, read_weights(stage))


def test_what_was_written_after_the_checkpoint_is_cut_and_written_again(tmp_path):
    config = sft_config(steps=6, checkpoint_every=3)
    assert len(run(make_sft(config), tmp_path, 5)) == 5
    with (tmp_path / STEPS).open("a") as file:
        file.write('{"step": 6, "lo')
    assert [step.step for step in run(make_sft(config), tmp_path)] == [4, 5, 6]
    whole = tmp_path / "whole"
    whole.mkdir()
    run(make_sft(config), whole)
    assert read_steps(tmp_path) == read_steps(whole)
    assert [record["step"] for record in read_steps(whole)] == [1, 2, 3, 4, 5, 6]


def test_cutting_keeps_the_file_when_the_disk_is_full(tmp_path, monkeypatch):
    path = tmp_path / STEPS
    append_lines(path, [{"step": n} for n in (1, 2, 3)])
    before = path.read_bytes()

    def fail(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(path), "write_bytes", fail)
    cut_lines(path, 3)
    with pytest.raises(TrainingError, match=r"No space left on device.* Make room"):
        cut_lines(path, 2)
    assert path.read_bytes() == before


def test_a_folder_that_is_gone_is_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(TrainingError, match=r"steps.jsonl: cannot be written .* Make room"):
        append_lines(tmp_path / "gone" / STEPS, [{"step": 1}])


def test_a_finished_run_takes_no_step_again(tmp_path):
    stage = make_sft(sft_config(steps=3))
    run(stage, tmp_path)
    again = make_sft(sft_config(steps=3))
    assert run(again, tmp_path) == []
    assert_same(read_weights(stage), read_weights(again))


@pytest.mark.parametrize("stops", [(1,), (3, 2)])
def test_sft_goes_on_as_if_never_stopped(tmp_path, stops):
    config = sft_config(steps=6, checkpoint_every=2)
    results = {}
    for name, pauses in (("whole", ()), ("stopped", stops)):
        folder = tmp_path / name
        folder.mkdir()
        torch.manual_seed(0)
        for n in pauses:
            run(make_sft(config, dropout=0.3), folder, n)
            # A fresh process has seen no random number; only before the first checkpoint is this ours to set.
            torch.manual_seed(0 if not list_checkpoints(folder) else 99)
        stage = make_sft(config, dropout=0.3)
        run(stage, folder)
        results[name] = read_weights(stage), read_steps(folder)
    assert_same(results["whole"][0], results["stopped"][0])
    assert results["whole"][1] == results["stopped"][1]


@pytest.mark.parametrize("stops", [(3,), (5, 4)])
def test_grpo_goes_on_with_half_used_rollouts_as_if_never_stopped(tmp_path, stops):
    config = grpo_config(steps=2, passes=2, minibatches=2, checkpoint_every=3)
    results = {}
    for name, pauses in (("whole", ()), ("stopped", stops)):
        folder = tmp_path / name
        folder.mkdir()
        torch.manual_seed(0)
        for n in pauses:
            run(make_grpo(config, dropout=0.2), folder, n)
            torch.manual_seed(99)
        stage = make_grpo(config, dropout=0.2)
        steps = run(stage, folder)
        results[name] = read_weights(stage), read_steps(folder), (folder / "rollouts.jsonl").read_bytes()
        assert steps[-1].of == 8
    assert_same(results["whole"][0], results["stopped"][0])
    assert results["whole"][1:] == results["stopped"][1:]
    # The second pass is off-policy: half-used rollouts were learnt from with their old log-probabilities.
    assert max(record.get("policy/drift") or 0.0 for record in results["whole"][1]) > 0.0


def test_a_run_goes_on_over_its_own_base_only(tmp_path):
    config = sft_config(steps=6, checkpoint_every=2)
    for step in train(make_sft(config), tmp_path, "mine"):
        if step.step == 3:
            break
    other = make_sft(config)
    with torch.no_grad():
        other.model.get_base_model().model.norm.weight[0] += 0.01
    with pytest.raises(TrainingError, match="made over a base whose weights have the fingerprint"):
        next(train(other, tmp_path, "mine"))
    assert [step.step for step in train(make_sft(config), tmp_path, "mine")] == [3, 4, 5, 6]
