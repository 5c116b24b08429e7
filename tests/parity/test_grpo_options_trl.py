"""Advantages per component and masked replies against TRL's own trainer."""

import copy

import pytest
import torch
from accelerate import Accelerator
from test_grpo_loss import CLIP_HIGH, CLIP_LOW, COMPLETIONS, EOS, GROUP, PROMPTS, make_model, make_trainer

from gazal.config.adapter import AdapterConfig
from gazal.config.grpo import GRPOConfig
from gazal.core.case import Case
from gazal.core.trace import Trace
from gazal.engine.base import Rollout
from gazal.engine.scripted import ScriptedEngine
from gazal.model.adapter import add_adapter, list_trainable
from gazal.train.advantage import Advantages, compute_component_advantages
from gazal.train.checkpoint import Kept
from gazal.train.grpo import GRPO
from gazal.train.rollouts import collect_learnable, pack_learnable, with_old

WEIGHTS = {"answer": 1.0, "format": 0.2, "grounding": 0.5}
MIXED = [
    {"answer": 0.75, "format": 1.0, "grounding": 0.3},
    {"answer": -0.25, "format": 1.0, "grounding": -0.2},
    {"answer": 0.75, "format": -1.0, "grounding": 0.31},
    {"answer": -0.75, "format": 0.5, "grounding": 0.0},
]
ALIKE = [{"answer": 0.75, "format": 1.0, "grounding": 0.3}] * 4
NEARLY = [{"answer": 0.75, "format": 1.0, "grounding": 0.3 + k / 1000} for k in range(4)]
UNSCORED = [MIXED[0], {}, MIXED[2], MIXED[3]]


@pytest.mark.parametrize("groups", [[MIXED, ALIKE], [NEARLY, MIXED], [UNSCORED, NEARLY], [ALIKE, ALIKE]])
def test_advantages_per_component_equal_trl(tmp_path, groups):
    trainer = make_trainer(
        make_model(),
        tmp_path,
        columns=[[c.get(name) for group in groups for c in group] for name in WEIGHTS],
        multi_objective_aggregation="normalize_then_sum",
        reward_weights=list(WEIGHTS.values()),
    )
    batch = [{"prompt": "w5 w6 w7"}] * GROUP + [{"prompt": "w8"}] * GROUP
    expected = trainer._generate_and_score_completions(batch)["advantages"]
    ours = compute_component_advantages(groups, WEIGHTS)
    flat = torch.tensor([value for group in ours.values_PG for value in group])
    torch.testing.assert_close(flat, expected, atol=2e-4, rtol=1e-3)
    for group, values in zip(groups, ours.values_PG, strict=True):
        assert any(values) == (group is not ALIKE)
    if groups != [ALIKE, ALIKE]:
        assert max(map(abs, flat)) > 1.0


LONGEST = 16
KINDS = {
    "dapo": {"loss_type": "dapo"},
    "dr_grpo": {"loss_type": "dr_grpo", "max_completion_length": LONGEST},
    "gspo": {
        "loss_type": "grpo",
        "importance_sampling_level": "sequence",
        "epsilon": 0.03,
        "epsilon_high": 0.03,
    },
    "cispo": {"loss_type": "cispo", "epsilon_high": 1.0 + CLIP_HIGH},
}
REWARDS = [0.9, -1.1, -0.4, 0.6]


def record(model, seed: int) -> list[list[float]]:
    """Log-probabilities of the completions under a policy that is a little away, without padding."""
    rng = torch.Generator().manual_seed(seed)
    found = []
    for prompt, completion in zip(PROMPTS, COMPLETIONS, strict=True):
        with torch.no_grad():
            logp = model(torch.tensor([prompt + completion])).logits[0, :-1].log_softmax(-1)
        kept = logp[len(prompt) - 1 :].gather(1, torch.tensor(completion)[:, None])[:, 0]
        found.append((kept + 0.3 * torch.randn(len(kept), generator=rng)).tolist())
    return found


def make_stage(adapted, tokenizer, old, **changes) -> GRPO:
    """Our stage with recorded rollouts in its second pass, so that old log-probabilities count."""
    config = GRPOConfig.model_validate(
        {
            "cases": [{"source": "world", "n": 1}],
            "steps": 1,
            "learning_rate": 1e-3,
            "cases_per_step": 1,
            "group_size": len(PROMPTS),
            "passes": 2,
            "micro_rollouts": 2,
            "clip_low": CLIP_LOW,
            "clip_high": CLIP_HIGH,
            "engine_drift": 1e9,
            "sampling": {"max_new_tokens": LONGEST},
            **changes,
        }
    )
    case = Case(id="t/t/1", kind="exam", question="?", options={"A": "a"}, answer="A", licence="MIT")
    stage = GRPO(adapted, ScriptedEngine({}, tokenizer), [case], config, 0)
    rollouts = [
        Rollout(
            trace=Trace(case_id=case.id, text="", stop="end" if completion[-1] == EOS else "length"),
            prompt_tokens=tuple(prompt),
            tokens=tuple(completion),
            logprobs=tuple(logprobs),
        )
        for prompt, completion, logprobs in zip(PROMPTS, COMPLETIONS, old, strict=True)
    ]
    masked = [config.mask_truncated and r.trace.stop == "length" for r in rollouts]
    advantages = Advantages(values_PG=(tuple(find_advantages()),), frac_zero_std=0.0, mean_abs=1.0)
    items = collect_learnable(rollouts, advantages, [()] * len(rollouts), masked)
    olds = [() if out else logprobs for out, logprobs in zip(masked, old, strict=True)]
    stage.restore(Kept(tensors=pack_learnable(with_old(items, olds))))
    return stage


def find_advantages() -> list[float]:
    return [reward - sum(REWARDS) / len(REWARDS) for reward in REWARDS]


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_replies_that_are_cut_off_are_masked_as_trl_masks_them(tmp_path, monkeypatch, kind, masked):
    """The whole way of both: which rollouts enter, what the loss is divided by, and the gradients."""
    ours = add_adapter(make_model(), AdapterConfig(rank=4, alpha=4, dropout=0.0), 0)
    with torch.no_grad():
        for name, p in ours.named_parameters():
            if "lora_B" in name:
                p.normal_(0.0, 0.1, generator=torch.Generator().manual_seed(5))
    old = record(ours, 1)
    settings = KINDS[kind] | {"mask_truncated_completions": masked, "scale_rewards": "none", "beta": 0.0}
    theirs = copy.deepcopy(ours)
    trainer = make_trainer(theirs, tmp_path, REWARDS, **settings)
    told = (PROMPTS, COMPLETIONS, None, ["."] * GROUP, None, {}, None, None)
    monkeypatch.setattr(trainer, "_generate", lambda prompts: told)
    inputs = trainer._generate_and_score_completions([{"prompt": "w5"}] * GROUP)
    rows = [torch.tensor(row) for row in old]
    inputs["old_per_token_logps"] = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    expected = trainer.compute_loss(trainer.model, inputs)
    expected.backward()

    clips = {"clip_low": 0.03, "clip_high": 0.03} if kind == "gspo" else {}
    stage = make_stage(ours, trainer.processing_class, old, loss=kind, mask_truncated=masked, **clips)
    batch = stage.make_batch(1, Accelerator())
    total, clipped = torch.zeros(()), 0.0
    for micro in batch.micros:
        loss, seen = stage.find_loss(micro, batch.n_tokens, torch.device("cpu"))
        loss.backward()
        total += loss.detach()
        clipped += (seen["policy/clip_high"] or 0.0) + (seen["policy/clip_low"] or 0.0)
    torch.testing.assert_close(total, expected.detach(), atol=1e-6, rtol=1e-5)
    others = dict(theirs.named_parameters())
    for name, p in list_trainable(ours).items():
        torch.testing.assert_close(p.grad, others[name].grad, atol=1e-6, rtol=1e-4, msg=name)
    assert max(p.grad.abs().max() for p in list_trainable(ours).values()) > 1e-3
    cut = [k for k, completion in enumerate(COMPLETIONS) if completion[-1] != EOS]
    assert cut == [2] and clipped > 0.0
    entered = sorted(k for micro in batch.micros for k in micro.numbers)
    assert entered == ([0, 1, 3] if masked else [0, 1, 2, 3])
    assert batch.n_tokens == sum(len(COMPLETIONS[k]) for k in entered)
