"""Dynamic sampling, masked replies and advantages per component in real runs of the small model."""

import json

import pytest
import torch
from accelerate import Accelerator
from small import assert_same, grpo_config, make_case, make_grpo, read_weights

from gazal.errors import DataError
from gazal.score.compose import list_weights, place_bands
from gazal.train.advantage import compute_advantages, compute_component_advantages
from gazal.train.checkpoint import list_checkpoints
from gazal.train.loop import train

ANSWER_ONLY = {"format": 0.0, "length": 0.0, "repetition": 0.0, "grounding": 0.0}
"""Pairs of replies are then alike as often as not."""
MANY = [make_case(number) for number in range(11)]


def dynamic(**changes):
    known = {"group_size": 2, "dynamic_sampling": 2, "reward": ANSWER_ONLY, "cases_per_step": 3, "steps": 4}
    return grpo_config(**known | changes)


def run(stage, folder, n=None):
    """Some steps of it, then stop as a person would who closes the program."""
    folder.mkdir(exist_ok=True)
    steps = train(stage, folder, "mine")
    found = [step for _, step in zip(range(n if n is not None else 10**9), steps, strict=False)]
    steps.close()
    return found


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def read_steps(folder):
    return [
        {k: v for k, v in row.items() if not k.startswith("time/")} for row in read(folder / "steps.jsonl")
    ]


def test_every_step_s_accounts_can_be_counted_again_from_its_rollouts(tmp_path):
    run(make_grpo(dynamic(), cases=MANY), tmp_path)
    steps, rollouts = read_steps(tmp_path), read(tmp_path / "rollouts.jsonl")
    assert sum(step["sampling/discarded_groups"] for step in steps) > 2
    for step in steps:
        mine = [row for row in rollouts if row["step"] == step["step"]]
        groups = {row["case_id"]: [r for r in mine if r["case_id"] == row["case_id"]] for row in mine}
        assert all(len(group) == 2 for group in groups.values()), "no case twice in a step"
        kept = [group for group in groups.values() if group[0]["kept"]]
        away = [group for group in groups.values() if not group[0]["kept"]]
        alike = [g for g in groups.values() if g[0]["total"] == g[1]["total"]]
        assert len(kept) == 3 and all(g in alike for g in away)
        assert step["sampling/fillers"] == sum(g in alike for g in kept)
        assert step["sampling/sampled_groups"] == len(groups)
        assert step["sampling/discarded_tokens"] == sum(r["n_tokens"] for g in away for r in g)
        assert step["sampling/sampled_tokens"] == sum(r["n_tokens"] for r in mine)
        right = [all(r["why"]["answer"] == "right" for r in g) for g in away]
        assert [step[f"sampling/discarded_{kind}"] for kind in ("right", "wrong", "other")] == [
            right.count(True),
            right.count(False),
            0,
        ]
        assert step["reward/total"] == pytest.approx(sum(r["total"] for r in mine) / len(mine))
        assert step["kept/reward"] == pytest.approx(sum(r["total"] for g in kept for r in g) / 6)
        # All that is learnt from counts in what the loss is divided by, fillers as well.
        assert step["tokens"] == sum(r["n_tokens"] for g in kept for r in g)


@pytest.mark.parametrize("passes", [1, 2])
@pytest.mark.parametrize("stops", [(1,), (3, 1, 2)])
def test_a_run_that_is_stopped_goes_on_with_the_same_cases(tmp_path, stops, passes):
    config = dynamic(steps=5, passes=passes, checkpoint_every=2)
    results = {}
    for name, pauses in (("whole", ()), ("stopped", stops)):
        folder = tmp_path / name
        torch.manual_seed(0)
        for n in pauses:
            run(make_grpo(config, cases=MANY, dropout=0.2), folder, n)
            # Only before the first checkpoint is this ours to set.
            torch.manual_seed(0 if not list_checkpoints(folder) else 99)
        stage = make_grpo(config, cases=MANY, dropout=0.2)
        run(stage, folder)
        results[name] = read_weights(stage), read_steps(folder), (folder / "rollouts.jsonl").read_bytes()
    assert_same(results["whole"][0], results["stopped"][0])
    assert results["whole"][1:] == results["stopped"][1:]
    rows = [row for row in results["whole"][1] if "sampling/rounds" in row]
    assert len(rows) == 5 and len({row["sampling/sampled_groups"] for row in rows}) > 1


def test_where_every_group_has_a_signal_it_changes_nothing(tmp_path):
    """Six cases, two a step: both ways of drawing go through the same shuffles."""
    weights, seen = [], []
    for rounds in (0, 3):
        config = grpo_config(steps=4, group_size=8, dynamic_sampling=rounds)
        stage = make_grpo(config)
        run(stage, tmp_path / str(rounds))
        weights.append(read_weights(stage))
        seen.append(read_steps(tmp_path / str(rounds)))
    assert all(row["sampling/rounds"] == 1 and row["sampling/fillers"] == 0 for row in seen[1])
    assert_same(*weights)
    assert seen[0] == [
        {k: v for k, v in row.items() if not k.startswith(("sampling/", "kept/"))} for row in seen[1]
    ]


def test_cases_that_leave_nothing_to_choose_from_are_refused():
    with pytest.raises(DataError, match=r"6 cases, and grpo.cases_per_step asks all .* set it to 0"):
        make_grpo(dynamic(cases_per_step=6))
    make_grpo(dynamic(cases_per_step=5))
    make_grpo(dynamic(cases_per_step=6, dynamic_sampling=0))


def cut_some(**changes):
    """Replies have 20 to 40 tokens: some are cut off, some are not."""
    known = {"steps": 1, "group_size": 8, "sampling": {"max_new_tokens": 46}}
    return grpo_config(**known | changes)


@pytest.mark.parametrize("kind", ["dapo", "gspo"])
def test_masked_replies_have_no_part_in_the_gradient_nor_their_tokens_in_the_count(kind):
    gradients, counts = [], []
    for masked in (True, False):
        stage = make_grpo(cut_some(mask_truncated=masked, loss=kind))
        batch = stage.make_batch(0, Accelerator())
        cut = [k for k, row in enumerate(batch.records) if row["stop"] == "length"]
        assert 0 < len(cut) < 16 and any(batch.records[k]["advantage"] for k in cut)
        entered = sorted(k for micro in batch.micros for k in micro.numbers)
        assert bool(set(entered) & set(cut)) == (not masked)
        tokens = [row["n_tokens"] for k, row in enumerate(batch.records) if not (masked and k in cut)]
        assert batch.n_tokens == sum(tokens)
        for micro in batch.micros:
            stage.find_loss(micro, batch.n_tokens, torch.device("cpu"))[0].backward()
        gradients.append({n: p.grad for n, p in stage.model.named_parameters() if p.grad is not None})
        counts.append([row["advantage"] for row in batch.records])
    assert counts[0] == counts[1], "what they earn counts in their group all the same"
    assert any(not torch.allclose(gradients[0][n], gradients[1][n], atol=1e-4) for n in gradients[0])


def test_masked_replies_survive_a_checkpoint(tmp_path):
    config = cut_some(mask_truncated=True, passes=3, checkpoint_every=1)
    results = []
    for name, pauses in (("whole", ()), ("stopped", (1, 1))):
        for n in pauses:
            run(make_grpo(config), tmp_path / name, n)
        stage = make_grpo(config)
        run(stage, tmp_path / name)
        results.append((read_weights(stage), read_steps(tmp_path / name)))
    assert_same(results[0][0], results[1][0])
    assert results[0][1] == results[1][1] and len(results[0][1]) == 3


def test_a_step_in_which_every_reply_is_cut_off_and_masked_changes_no_weight(tmp_path):
    stage = make_grpo(grpo_config(steps=1, mask_truncated=True, sampling={"max_new_tokens": 6}))
    before = read_weights(stage)
    (step,) = run(stage, tmp_path)
    assert step.metrics["rollout/truncated"] == 1.0 and step.metrics["grad_norm"] == 0.0
    assert_same(before, read_weights(stage))


def test_advantages_per_component_are_what_is_learnt_from(tmp_path):
    config = grpo_config(steps=3, group_size=8, advantage="per_component")
    stage = make_grpo(config)
    before = read_weights(stage)
    steps = run(stage, tmp_path)
    assert any(not torch.equal(before[n], p) for n, p in read_weights(stage).items())
    rows = [row for row in read(tmp_path / "rollouts.jsonl") if row["step"] == 1]
    reach, weights = place_bands(config.reward.abstain_at).reach, list_weights(config.reward)
    units = {name: 1.0 if name == "answer" else reach * weight for name, weight in weights.items()}
    groups = [[{n: row["parts"][n] / u for n, u in units.items()} for row in rows[k : k + 8]] for k in (0, 8)]
    expected = compute_component_advantages(groups, weights).values_PG
    values = [row["advantage"] for row in rows]
    assert values == pytest.approx([value for group in expected for value in group])
    by_sum = compute_advantages([[row["total"] for row in rows[k : k + 8]] for k in (0, 8)]).values_PG
    shares = [a / b for a, b in zip(values, [v for group in by_sum for v in group], strict=True)]
    assert max(shares) > 1.05 * min(shares), "not the same but for a factor"
    assert all(0.0 <= (step.metrics["advantage/inversions"] or 0.0) <= 1.0 for step in steps)
