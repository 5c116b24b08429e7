"""Checkpoints: what is saved comes back bit for bit, what is torn or foreign is refused."""

import errno
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from gazal.config.optim import OptimConfig
from gazal.errors import TrainingError
from gazal.train import checkpoint
from gazal.train.checkpoint import Kept, Learner, list_checkpoints, load_checkpoint, save_checkpoint
from gazal.train.optimizer import make_optimizers

KEPT = Kept(tensors={"rollouts": torch.tensor([[1, 2], [3, 4]])}, facts={"n": 3})


def make_learner(seed: int = 0, *, steps: int = 0) -> Learner:
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2, bias=False))
    parameters = dict(model.named_parameters())
    optim = OptimConfig(steps=1, learning_rate=0.1, beta2=0.95, optimizer="muon")
    learner = Learner(parameters=parameters, optimizers=make_optimizers(parameters, optim), base="b")
    for _ in range(steps):
        take_step(learner)
    return learner


def take_step(learner: Learner) -> None:
    for parameter in learner.parameters.values():
        parameter.grad = torch.randn(parameter.shape)
    for optimizer in learner.optimizers:
        optimizer.step()


def read(learner: Learner) -> dict[str, torch.Tensor]:
    return {name: parameter.detach().clone() for name, parameter in learner.parameters.items()}


def assert_goes_on_alike(a: Learner, b: Learner, seed_state: torch.Tensor) -> None:
    torch.set_rng_state(seed_state)
    for _ in range(3):
        take_step(a)
    torch.set_rng_state(seed_state)
    for _ in range(3):
        take_step(b)
    assert all(torch.equal(read(a)[name], read(b)[name]) for name in a.parameters)


def test_weights_optimizer_random_state_and_what_the_stage_keeps_come_back(tmp_path):
    learner = make_learner(steps=3)
    random = torch.get_rng_state()
    save_checkpoint(tmp_path, 3, learner, KEPT, "mine")
    torch.randn(7)
    other = make_learner(1)
    step, kept = load_checkpoint(tmp_path, other, "mine")
    assert (
        step == 3
        and kept.facts == {"n": 3}
        and torch.equal(kept.tensors["rollouts"], KEPT.tensors["rollouts"])
    )
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(read(learner)[name], read(other)[name]) for name in learner.parameters)
    names = ({"momentum_buffer"}, {"step", "exp_avg", "exp_avg_sq"})
    for one, another, expected in zip(learner.optimizers, other.optimizers, names, strict=True):
        for mine, theirs in zip(one.state.values(), another.state.values(), strict=True):
            assert mine.keys() == theirs.keys() and expected <= mine.keys()
            assert all(torch.equal(mine[name], theirs[name]) for name in mine)
    assert_goes_on_alike(learner, other, random)


def test_a_learner_that_has_not_stepped_and_keeps_nothing(tmp_path):
    save_checkpoint(tmp_path, 1, make_learner(), Kept(), "mine")
    step, kept = load_checkpoint(tmp_path, make_learner(1), "mine")
    assert (step, kept.tensors, kept.facts) == (1, {}, {})


def test_no_checkpoint_is_step_0(tmp_path):
    learner = make_learner(steps=1)
    before = read(learner)
    assert load_checkpoint(tmp_path, learner, "mine")[0] == 0
    assert all(torch.equal(before[name], read(learner)[name]) for name in before)


def test_only_the_newest_is_kept_and_nothing_is_pickled(tmp_path):
    learner = make_learner(steps=1)
    for step in (9, 10, 100):
        save_checkpoint(tmp_path, step, learner, KEPT, "mine")
    (found,) = list_checkpoints(tmp_path)
    assert found.name == "checkpoint-000100"
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {
        "weights.safetensors",
        "optimizer.safetensors",
        "random.safetensors",
        "kept.safetensors",
        "state.json",
    }


def test_what_a_kill_left_half_written_is_passed_over(tmp_path):
    learner = make_learner(steps=2)
    save_checkpoint(tmp_path, 2, learner, KEPT, "mine")
    torn = tmp_path / "checkpoint-000004.part"
    torn.mkdir()
    (torn / "weights.safetensors").write_bytes(b"half")
    assert load_checkpoint(tmp_path, make_learner(1), "mine")[0] == 2
    save_checkpoint(tmp_path, 4, learner, KEPT, "mine")
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-000004"]
    assert load_checkpoint(tmp_path, make_learner(1), "mine")[0] == 4


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


@pytest.mark.parametrize("name", ["weights", "optimizer", "random", "kept"])
@pytest.mark.parametrize("harm", [truncate, Path.unlink])
def test_a_torn_file_is_an_error_that_says_what_to_do(tmp_path, name, harm):
    save_checkpoint(tmp_path, 2, make_learner(steps=1), KEPT, "mine")
    harm(tmp_path / "checkpoint-000002" / f"{name}.safetensors")
    learner = make_learner(1)
    before = read(learner)
    with pytest.raises(TrainingError, match=rf"checkpoint-000002: cannot be read .* Delete {tmp_path}"):
        load_checkpoint(tmp_path, learner, "mine")
    assert all(torch.equal(before[n], read(learner)[n]) for n in before)


@pytest.mark.parametrize(
    "text", [None, "", '{"step": 2', "{}", "[]", '{"step": null, "fingerprint": "mine"}']
)
def test_a_torn_state_is_an_error_that_says_what_to_do(tmp_path, text):
    save_checkpoint(tmp_path, 2, make_learner(steps=1), KEPT, "mine")
    state = tmp_path / "checkpoint-000002" / "state.json"
    state.unlink() if text is None else state.write_text(text)
    with pytest.raises(TrainingError, match="cannot be read"):
        load_checkpoint(tmp_path, make_learner(1), "mine")


def test_another_run_s_checkpoint_is_refused_and_changes_nothing(tmp_path):
    save_checkpoint(tmp_path, 2, make_learner(steps=1), KEPT, "mine")
    learner = make_learner(1)
    before = read(learner)
    with pytest.raises(TrainingError, match="was made by another recipe, other data or another base"):
        load_checkpoint(tmp_path, learner, "yours")
    assert all(torch.equal(before[name], read(learner)[name]) for name in before)


def test_another_base_is_refused_and_changes_nothing(tmp_path):
    save_checkpoint(tmp_path, 3, make_learner(steps=3), KEPT, "mine")
    other = replace(make_learner(1), base="c")
    before = read(other)
    with pytest.raises(TrainingError, match="have the fingerprint b; those that were loaded have c"):
        load_checkpoint(tmp_path, other, "mine")
    assert all(torch.equal(read(other)[name], before[name]) for name in before)
    assert list_checkpoints(tmp_path)


def test_other_weights_are_refused(tmp_path):
    save_checkpoint(tmp_path, 2, make_learner(steps=1), KEPT, "mine")
    learner = make_learner(1)
    learner.parameters["more"] = nn.Parameter(torch.zeros(1))
    with pytest.raises(TrainingError, match="holds other weights than those that train"):
        load_checkpoint(tmp_path, learner, "mine")


@pytest.mark.parametrize("full_at", range(4))
def test_a_full_disk_leaves_the_checkpoint_before(tmp_path, monkeypatch, full_at):
    learner = make_learner(steps=1)
    save_checkpoint(tmp_path, 2, learner, KEPT, "mine")
    whole, calls = {p: p.read_bytes() for p in tmp_path.rglob("*.safetensors")}, []

    def fill(tensors, path):
        calls.append(path)
        Path(path).write_bytes(b"the beginning")
        if len(calls) > full_at:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", fill)
    with pytest.raises(
        TrainingError, match=r"checkpoint-000004: cannot be written .*No space left.* Make room"
    ):
        save_checkpoint(tmp_path, 4, learner, KEPT, "mine")
    assert len(calls) == full_at + 1 and [p.name for p in tmp_path.iterdir()] == ["checkpoint-000002"]
    assert {p: p.read_bytes() for p in tmp_path.rglob("*.safetensors")} == whole
    assert load_checkpoint(tmp_path, make_learner(1), "mine")[0] == 2


def test_facts_that_json_does_not_know_are_not_written(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        save_checkpoint(tmp_path, 1, make_learner(), Kept(facts={"x": float("nan")}), "mine")
    assert not list_checkpoints(tmp_path)
