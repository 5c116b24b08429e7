"""Loss and advantages against TRL's own trainer, on one ragged batch that clips on both sides."""

import copy
import sys

import pytest
import torch

from gazal.train.advantage import compute_advantages
from gazal.train.loss import LossInputs, grpo_loss

trl = pytest.importorskip("trl")

EOS, PAD, VOCABULARY = 1, 0, 61
CLIP_LOW, CLIP_HIGH, GROUP = 0.2, 0.28, 4
PROMPTS = [[5, 6, 7], [8, 9, 10, 11, 12, 13], [14], [15, 16, 17, 18]]
COMPLETIONS = [
    [20, 21, 22, 23, 24, 25, 26, 27, EOS],
    [30, EOS],
    [31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42],  # Cut off: no end token.
    [43, 44, 45, 46, EOS],
]
ADVANTAGES = [0.9, -1.1, -0.4, 0.6]


def make_model():
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        initializer_range=0.2,  # Predictions far from uniform.
        eos_token_id=EOS,
        pad_token_id=PAD,
    )
    return Qwen3ForCausalLM(config)


def make_trainer(model, folder, rewards=(), columns=(), **settings):
    """A real GRPOTrainer; only its data and rewards are small: one column of them, or several."""
    from datasets import Dataset
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({f"w{i}": i for i in range(VOCABULARY)}, unk_token="w2"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, eos_token=f"w{EOS}", pad_token=f"w{PAD}", unk_token="w2", padding_side="left"
    )
    known = {
        "max_completion_length": 4,
        "loss_type": "dapo",
        "epsilon": CLIP_LOW,
        "epsilon_high": CLIP_HIGH,
        "use_bias_correction_kl": False,
    }
    args = trl.GRPOConfig(
        output_dir=str(folder),
        report_to=[],
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        per_device_train_batch_size=GROUP,
        num_generations=GROUP,
        **known | settings,
    )
    trainer = trl.GRPOTrainer(
        model=model,
        reward_funcs=[
            lambda completions, column=column, **_: list(column) for column in columns or [rewards]
        ],
        args=args,
        train_dataset=Dataset.from_list([{"prompt": "w5 w6"}]),
        processing_class=tokenizer,
    )
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = args.gradient_accumulation_steps
    return trainer


def pad(rows, left):
    longest = max(map(len, rows))
    gaps = [longest - len(row) for row in rows]
    ids = [[PAD] * gap + row if left else row + [PAD] * gap for row, gap in zip(rows, gaps, strict=True)]
    real = [[1] * len(row) for row in rows]
    mask = [[0] * gap + row if left else row + [0] * gap for row, gap in zip(real, gaps, strict=True)]
    return torch.tensor(ids), torch.tensor(mask)


def find_logps(model, rows):
    """Log-probabilities of the completions, each row alone and without padding: shares no code with TRL."""
    completions, mask = pad([COMPLETIONS[row] for row in rows], left=False)
    logps = []
    for row in rows:
        ids = torch.tensor([PROMPTS[row] + COMPLETIONS[row]])
        logp = model(ids).logits[0, :-1].log_softmax(-1)
        kept = logp.gather(1, ids[0, 1:, None])[len(PROMPTS[row]) - 1 :, 0]
        logps.append(torch.nn.functional.pad(kept, (0, completions.shape[1] - len(kept))))
    return torch.stack(logps), mask.bool()


def nudge(model, seed, size):
    """A policy some optimizer steps away."""
    moved, rng = copy.deepcopy(model), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in moved.parameters():
            p.add_(size * torch.randn(p.shape, generator=rng))
    return moved


def trl_inputs(rows, old=None, ref=None, n_tokens=None):
    prompt_ids, prompt_mask = pad([PROMPTS[row] for row in rows], left=True)
    completion_ids, completion_mask = pad([COMPLETIONS[row] for row in rows], left=False)
    longest = completion_ids.shape[1]
    return {
        "prompt_ids": prompt_ids,
        "prompt_mask": prompt_mask,
        "completion_ids": completion_ids,
        "completion_mask": completion_mask,
        "advantages": torch.tensor(ADVANTAGES)[rows],
        "num_items_in_batch": torch.tensor(n_tokens or int(completion_mask.sum())),
        **({} if old is None else {"old_per_token_logps": old[rows][:, :longest]}),
        **({} if ref is None else {"ref_per_token_logps": ref[rows][:, :longest]}),
    }


def our_loss(model, rows, old=None, ref=None, kl=0.0, n_tokens=None, **settings):
    logp, mask = find_logps(model, rows)
    inputs = LossInputs(
        logp_BT=logp,
        old_logp_BT=logp.detach() if old is None else old[rows][:, : logp.shape[1]],
        advantages_B=torch.tensor(ADVANTAGES)[rows],
        mask_BT=mask,
        ref_logp_BT=None if ref is None else ref[rows][:, : logp.shape[1]],
        divide_by=settings.pop("divide_by", None),
    )
    settings = {"clip_low": CLIP_LOW, "clip_high": CLIP_HIGH} | settings
    return grpo_loss(inputs, kl=kl, n=n_tokens, **settings)


def assert_equal_gradients(ours, theirs):
    names = [name for name, p in ours.named_parameters() if p.grad is not None]
    assert len(names) == len(list(ours.named_parameters()))
    others = dict(theirs.named_parameters())
    for name, p in ours.named_parameters():
        torch.testing.assert_close(p.grad, others[name].grad, atol=1e-6, rtol=1e-4, msg=name)
    assert max(p.grad.abs().max() for p in ours.parameters()) > 1e-2


ALL = [0, 1, 2, 3]


def recorded():
    """The sampling policy's log-probabilities and the reference's."""
    model = make_model()
    with torch.no_grad():
        return model, find_logps(nudge(model, 1, 0.02), ALL)[0], find_logps(nudge(model, 2, 0.02), ALL)[0]


def test_the_batch_exercises_what_is_compared():
    model, old, _ = recorded()
    assert len({*map(len, PROMPTS)}) == len({*map(len, COMPLETIONS)}) == 4
    logp, mask = find_logps(model, ALL)
    ratio, up = (logp - old).exp(), torch.tensor(ADVANTAGES)[:, None] > 0
    n = {
        "held high": int((mask & up & (ratio > 1 + CLIP_HIGH)).sum()),
        "held low": int((mask & ~up & (ratio < 1 - CLIP_LOW)).sum()),
        "between the two limits": int((mask & up & (ratio > 1 + CLIP_LOW) & (ratio < 1 + CLIP_HIGH)).sum()),
        "free": int((mask & (ratio > 1 - CLIP_LOW) & (ratio < 1 + CLIP_LOW)).sum()),
        "outside, not held": int((mask & ~up & (ratio > 1 + CLIP_HIGH)).sum()),
    }
    assert all(n.values()), n
    out = our_loss(model, ALL, old)
    assert out.clip_high == pytest.approx(n["held high"] / mask.sum().item())
    assert out.clip_low == pytest.approx(n["held low"] / mask.sum().item())


@pytest.mark.parametrize("kl", [0.0, 0.1])
@pytest.mark.parametrize("off_policy", [False, True])
def test_loss_gradients_and_statistics_equal_trl(tmp_path, off_policy, kl):
    ours, old, ref = recorded()
    old, ref = old if off_policy else None, ref if kl else None
    trainer = make_trainer(copy.deepcopy(ours), tmp_path)
    trainer.beta = kl  # Set afterwards: the trainer would load a reference model from disk.
    expected = trainer.compute_loss(trainer.model, trl_inputs(ALL, old, ref))
    expected.backward()
    out = our_loss(ours, ALL, old, ref, kl)
    out.loss.backward()
    torch.testing.assert_close(out.loss, expected, atol=1e-6, rtol=1e-5)
    assert_equal_gradients(ours, trainer.model)
    metrics = {name: values[-1] for name, values in trainer._metrics["train"].items()}
    assert out.clip_high == pytest.approx(metrics["clip_ratio/high_mean"])
    assert out.clip_low == pytest.approx(metrics["clip_ratio/low_mean"])
    assert (min(out.clip_high, out.clip_low) > 0.0) == off_policy
    assert out.kl == (pytest.approx(metrics["kl"], rel=1e-4) if kl else None)


LONGEST = 16
"""TRL's ``max_completion_length`` here: no completion is as long."""
KINDS = {
    "dapo": ({"loss_type": "dapo"}, {}),
    "dr_grpo": (
        {"loss_type": "dr_grpo", "max_completion_length": LONGEST},
        {"divide_by": len(PROMPTS) * LONGEST},
    ),
    # A mean over rollouts, whose ratios lie nearer to 1 than those of tokens.
    "gspo": (
        {"loss_type": "grpo", "importance_sampling_level": "sequence", "epsilon": 0.03, "epsilon_high": 0.2},
        {"clip_low": 0.03, "clip_high": 0.2},
    ),
    # TRL's limit is of the ratio, ours of what it may have above 1.
    "cispo": ({"loss_type": "cispo", "epsilon_high": 1.0 + CLIP_HIGH}, {}),
}


@pytest.mark.parametrize("kl", [0.0, 0.1])
@pytest.mark.parametrize("off_policy", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_loss_equals_trl(tmp_path, monkeypatch, kind, off_policy, kl):
    if kind == "gspo":  # As they are, no whole rollout is clipped.
        monkeypatch.setattr(sys.modules[__name__], "ADVANTAGES", [-value for value in ADVANTAGES])
    ours, old, ref = recorded()
    old, ref = old if off_policy else None, ref if kl else None
    theirs, settings = KINDS[kind]
    trainer = make_trainer(copy.deepcopy(ours), tmp_path, **theirs)
    trainer.beta = kl
    expected = trainer.compute_loss(trainer.model, trl_inputs(ALL, old, ref))
    expected.backward()
    out = our_loss(ours, ALL, old, ref, kl, kind=kind, **settings)
    out.loss.backward()
    torch.testing.assert_close(out.loss, expected, atol=1e-6, rtol=1e-5)
    assert_equal_gradients(ours, trainer.model)
    assert (out.clip_high > 0.0) == off_policy
    if kind == "cispo":
        metrics = {name: values[-1] for name, values in trainer._metrics["train"].items()}
        assert out.clip_low == 0.0 and out.clip_high == pytest.approx(metrics["cispo_clip_ratio"])
    else:
        assert (out.clip_low > 0.0) == off_policy


def test_ragged_micro_batches_equal_trl_s_accumulation(tmp_path):
    ours, old, _ = recorded()
    trainer = make_trainer(copy.deepcopy(ours), tmp_path, gradient_accumulation_steps=2)
    n = sum(map(len, COMPLETIONS))
    for rows in ([0, 1], [2, 3]):
        expected = trainer.compute_loss(trainer.model, trl_inputs(rows, old, n_tokens=n))
        expected.backward()
        out = our_loss(ours, rows, old, n_tokens=n)
        out.loss.backward()
        torch.testing.assert_close(out.loss, expected, atol=1e-6, rtol=1e-5)
    assert_equal_gradients(ours, trainer.model)
    whole = make_model()
    our_loss(whole, ALL, old).loss.backward()
    assert_equal_gradients(ours, whole)


@pytest.mark.parametrize("scale", [False, True])
@pytest.mark.parametrize(
    "groups",
    [
        [[0.7, -0.4, 0.1, 0.25], [0.3, 0.3, 0.3, 0.3]],
        [[1.0, None, -1.0, 0.2], [0.0, 0.001, 0.0, 0.002]],
        [[0.5, 0.5, 0.5, 0.5], [0.1, 0.1, 0.1, 0.1]],
    ],
)
def test_advantages_equal_trl(tmp_path, groups, scale):
    rewards = [reward for group in groups for reward in group]
    trainer = make_trainer(make_model(), tmp_path, rewards, scale_rewards="group" if scale else "none")
    batch = [{"prompt": "w5 w6 w7"}] * GROUP + [{"prompt": "w8"}] * GROUP
    expected = trainer._generate_and_score_completions(batch)["advantages"]
    ours = compute_advantages(groups, scale_advantages=scale)
    flat = [value for group in ours.values_PG for value in group]
    torch.testing.assert_close(torch.tensor(flat), expected, atol=1e-5, rtol=1e-4)
    assert ours.frac_zero_std == trainer._metrics["train"]["frac_reward_zero_std"][-1]
