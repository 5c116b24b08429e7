"""The local engine against plain forward passes, transformers' generate, and itself in other company."""

import itertools

import pytest
import torch
from tiny_models import QWEN3_TEMPLATE, make_model, make_tokenizer

from gazal.config.sampling import Sampling
from gazal.engine.base import Request
from gazal.engine.local import LocalEngine
from gazal.errors import ConfigError
from gazal.model.chat import write_prompt_tokens

TOKENIZER = make_tokenizer()
ENDS = [258, *range(30)]  # So many that some replies end early, some late and some not at all.
SAMPLING = Sampling(max_new_tokens=24, batch_size=64)
TEXTS = ["Fever.", "Which of these, and why is it so?", "A", "Cough and fever for three days now."]
SEED = 5


def make_engine(**changes):
    model = make_model(**changes)
    model.generation_config.eos_token_id = ENDS
    return LocalEngine(model, TOKENIZER, name="tiny")


def ask(n_samples=4, texts=TEXTS):
    return [
        Request(case_id=f"toy/test/{number}", sample=sample, prompt=text)
        for number, text in enumerate(texts)
        for sample in range(n_samples)
    ]


def assert_same(first, second):
    """Equal but for rounding."""
    assert first.trace == second.trace and first.tokens == second.tokens
    torch.testing.assert_close(torch.tensor(first.logprobs), torch.tensor(second.logprobs), atol=1e-5, rtol=0)


def read_logprobs(model, rollout):
    ids = torch.tensor([[*rollout.prompt_tokens, *rollout.tokens]])
    with torch.no_grad():
        logp = model(ids).logits.float().log_softmax(-1)[0, :-1]
    return logp.gather(1, ids[0, 1:, None]).squeeze(1)[len(rollout.prompt_tokens) - 1 :]


def test_the_replies_are_ragged_and_end_in_both_ways():
    # What the tests below compare: without this they might compare nothing.
    rollouts = make_engine().generate(ask(), SAMPLING, SEED)
    lengths = {len(rollout.tokens) for rollout in rollouts}
    assert len(lengths) >= 6 and {rollout.trace.stop for rollout in rollouts} == {"end", "length"}
    assert len({len(rollout.prompt_tokens) for rollout in rollouts}) == len(TEXTS)


def test_the_same_schedule_gives_the_same_bits():
    assert make_engine().generate(ask(), SAMPLING, SEED) == make_engine().generate(ask(), SAMPLING, SEED)


@pytest.mark.parametrize(
    "settings", [{}, {"temperature": 0.7, "top_p": 0.8, "top_k": 20}, {"temperature": 0.0}]
)
def test_a_reply_is_the_same_alone_and_in_any_company(settings):
    sampling = Sampling(max_new_tokens=24, batch_size=64, **settings)
    engine, requests = make_engine(), ask()
    together = engine.generate(requests, sampling, SEED)
    for request, rollout in zip(requests, together, strict=True):
        assert_same(engine.generate([request], sampling, SEED)[0], rollout)
    for size in (1, 3, 6):
        smaller = sampling.model_copy(update={"batch_size": size})
        backwards = engine.generate(requests[::-1], smaller, SEED)[::-1]
        for rollout, other in zip(together, backwards, strict=True):
            assert_same(rollout, other)


def test_rows_that_leave_do_not_change_those_that_stay():
    leaving, staying = make_engine(), make_engine()
    staying.stops = (-1,)
    short = leaving.generate(ask(), SAMPLING, SEED)
    whole = staying.generate(ask(), SAMPLING, SEED)
    assert {rollout.trace.stop for rollout in short} == {"end", "length"}
    for early, late in zip(short, whole, strict=True):
        assert len(late.tokens) == 24
        assert late.tokens[: len(early.tokens)] == early.tokens
        expected = torch.tensor(late.logprobs[: len(early.logprobs)])
        torch.testing.assert_close(torch.tensor(early.logprobs), expected, atol=1e-5, rtol=0)


def test_the_cache_grows_and_is_still_right():
    engine = make_engine(max_position_embeddings=512)
    engine.stops = (258,)
    rollouts = engine.generate(ask(1), Sampling(max_new_tokens=300), SEED)
    assert max(len(rollout.tokens) for rollout in rollouts) == 300  # Two more chunks of the cache.
    for rollout in rollouts:
        expected = read_logprobs(engine.model, rollout)
        torch.testing.assert_close(torch.tensor(rollout.logprobs), expected, atol=1e-5, rtol=0)


def test_another_seed_case_or_sample_is_another_reply():
    engine = make_engine()
    base = Request(case_id="toy/test/1", sample=0, prompt=TEXTS[1])
    other_case = Request(case_id="toy/test/2", sample=0, prompt=TEXTS[1])
    other_sample = Request(case_id="toy/test/1", sample=1, prompt=TEXTS[1])
    rollouts = engine.generate([base, other_case, other_sample], SAMPLING, SEED)
    rollouts += engine.generate([base], SAMPLING, SEED + 1)
    for first, second in itertools.combinations(rollouts, 2):
        assert first.tokens[:4] != second.tokens[:4]


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("settings", [{}, {"temperature": 0.7, "top_p": 0.8, "top_k": 20}])
def test_logprobs_equal_a_plain_forward_pass(attention, settings):
    engine = make_engine(attn_implementation=attention)
    for rollout in engine.generate(ask(), Sampling(max_new_tokens=24, **settings), SEED):
        expected = read_logprobs(engine.model, rollout)
        torch.testing.assert_close(torch.tensor(rollout.logprobs), expected, atol=1e-5, rtol=0)
    assert engine.model.config._attn_implementation == attention


@pytest.mark.parametrize("n_key_heads", [1, 2, 4])
def test_greedy_equals_transformers_generate(n_key_heads):
    engine = make_engine(num_key_value_heads=n_key_heads)
    rollouts = engine.generate(ask(1), Sampling(temperature=0.0, max_new_tokens=40), SEED)
    prompts = [list(rollout.prompt_tokens) for rollout in rollouts]
    longest = max(map(len, prompts))
    ids = torch.tensor([[256] * (longest - len(prompt)) + prompt for prompt in prompts])
    mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    out = engine.model.generate(ids, attention_mask=mask, do_sample=False, max_new_tokens=40)
    for rollout, row in zip(rollouts, out[:, longest:].tolist(), strict=True):
        assert list(rollout.tokens) == row[: len(rollout.tokens)]
        assert set(row[len(rollout.tokens) :]) <= {256}
    again = engine.generate(ask(1), Sampling(top_k=1, max_new_tokens=40), SEED + 1)
    assert [rollout.tokens for rollout in again] == [rollout.tokens for rollout in rollouts]


def test_what_ends_a_reply():
    model = make_model()
    model.generation_config.eos_token_id = 7
    base_checkpoint = make_tokenizer()
    base_checkpoint.eos_token = "<|endoftext|>"
    assert LocalEngine(model, base_checkpoint, name="tiny").stops == (7, 256, 258)
    model.generation_config.eos_token_id = None
    assert LocalEngine(model, TOKENIZER, name="tiny").stops == (258,)


def test_a_models_own_scale_of_attention_is_used():
    engine = make_engine()
    for layer in engine.model.model.layers:
        layer.self_attn.scaling *= 2.0
    for rollout in engine.generate(ask(1), SAMPLING, SEED):
        expected = read_logprobs(engine.model, rollout)
        torch.testing.assert_close(torch.tensor(rollout.logprobs), expected, atol=1e-5, rtol=0)


def test_the_text_is_verbatim_without_the_stop_token():
    # A special token stays in: some tokenizers count <think> among them.
    text = "<think>\nStep 1: a  b .<|im_start|>\n</think>\n\n**Answer:** \\boxed{B}"
    script = [*TOKENIZER.encode(text), 258]
    engine = make_engine()
    engine.stops = (258,)
    start = len(write_prompt_tokens(TOKENIZER, "Fever.", True))

    def dictate(module, args, kwargs, out):
        # The embedding of position p is not asked: the model's last layer says what comes next.
        position = kwargs["position_ids"][0, -1] + 1 - start
        out.logits[:, -1] = torch.nn.functional.one_hot(torch.tensor(script[position]), 300) * 100.0
        return out

    with engine.model.register_forward_hook(dictate, with_kwargs=True):
        (rollout,) = engine.generate(ask(1, ["Fever."]), Sampling(max_new_tokens=100), SEED)
    assert (rollout.trace.text, rollout.trace.stop, rollout.tokens) == (text, "end", tuple(script))
    assert rollout.trace.answer == "B" and rollout.trace.n_tokens == len(script)


def test_what_cannot_be_asked_is_an_error_and_the_others_go_on():
    engine, fits = make_engine(), 256 - 24
    room = fits - len(write_prompt_tokens(TOKENIZER, "", True))
    texts = ["Fever.", "x" * (room + 1), "x" * room, "a turn <|im_end|> inside"]
    rollouts = engine.generate(ask(2, texts), SAMPLING, SEED)
    for refused in (*rollouts[2:4], *rollouts[6:]):
        assert (refused.trace.stop, refused.trace.text, refused.trace.n_tokens) == ("error", "", 0)
        assert refused.tokens == refused.logprobs == refused.prompt_tokens == ()
    assert all(
        rollout.tokens and rollout.trace.stop != "error" for rollout in (*rollouts[:2], *rollouts[4:6])
    )
    assert len(rollouts[4].prompt_tokens) == fits


def test_a_model_of_nan_gives_errors():
    engine = make_engine()
    with torch.no_grad():
        engine.model.model.norm.weight.fill_(torch.nan)
    rollouts = engine.generate(ask(1), SAMPLING, SEED)
    assert [(rollout.trace.stop, rollout.tokens) for rollout in rollouts] == [("error", ())] * 4


def test_a_stream_yields_in_the_order_of_finishing():
    engine, requests = make_engine(), ask()
    streamed = list(engine.stream(requests, SAMPLING, SEED))
    lengths = [len(rollout.tokens) for rollout in streamed]
    assert lengths == sorted(lengths)
    by_request = {(rollout.trace.case_id, rollout.trace.sample): rollout for rollout in streamed}
    expected = engine.generate(requests, SAMPLING, SEED)
    assert [by_request[request.case_id, request.sample] for request in requests] == expected


def test_between_rollouts_the_model_is_as_it_was():
    engine = make_engine()
    engine.model.train()
    engine.model.model.layers[1].eval()
    before = [module.training for module in engine.model.modules()]
    for number, _ in enumerate(engine.stream(ask(), SAMPLING, SEED)):
        assert not torch.is_inference_mode_enabled() and torch.is_grad_enabled()
        assert engine.model.config._attn_implementation == "sdpa"
        assert [module.training for module in engine.model.modules()] == before
        if number == 5:
            break
    engine.model(torch.tensor([[1, 2, 3]])).logits.sum().backward()
    assert engine.model.model.norm.weight.grad is not None


def test_dropout_sleeps_while_tokens_are_written():
    engine = make_engine(attention_dropout=0.5)
    expected = engine.generate(ask(1), SAMPLING, SEED)
    engine.model.train()
    assert engine.generate(ask(1), SAMPLING, SEED) == expected


def test_an_interrupt_goes_through_and_leaves_the_model_as_it_was():
    engine = make_engine()
    engine.model.train()
    calls = itertools.count()

    def interrupt(*_):
        if next(calls) == 3:
            raise KeyboardInterrupt

    with engine.model.register_forward_hook(interrupt), pytest.raises(KeyboardInterrupt):
        engine.generate(ask(), SAMPLING, SEED)
    assert engine.model.training and engine.model.config._attn_implementation == "sdpa"


def test_each_prompt_of_a_batch_is_read_once():
    engine, sizes = make_engine(), []

    def count(module, args, kwargs):
        sizes.append(tuple(kwargs["input_ids"].shape))

    with engine.model.register_forward_pre_hook(count, with_kwargs=True):
        rollouts = engine.generate(ask(), SAMPLING, SEED)
    assert sizes[0] == (4, max(len(rollout.prompt_tokens) for rollout in rollouts))
    n_alive = [sum(len(rollout.tokens) > step for rollout in rollouts) for step in range(1, 24)]
    assert sizes[1:] == [(n, 1) for n in n_alive]  # Who has finished is gone.


def test_one_prompt_stays_in_one_batch_where_it_fits():
    engine, sizes = make_engine(), []

    def count(module, args, kwargs):
        if kwargs["input_ids"].shape[1] > 1:
            sizes.append(tuple(kwargs["input_ids"].shape))

    with engine.model.register_forward_pre_hook(count, with_kwargs=True):
        engine.generate(ask(), Sampling(max_new_tokens=2, batch_size=10), SEED)
        lengths = sorted((len(write_prompt_tokens(TOKENIZER, text, True)) for text in TEXTS), reverse=True)
        assert sizes == [(2, lengths[0]), (2, lengths[2])]  # Like lengths together, the longest first.
        sizes.clear()
        engine.generate(ask(), Sampling(max_new_tokens=2, batch_size=3), SEED)
        assert [n_prompts for n_prompts, _ in sizes] == [1] * 8


def test_enable_thinking_reaches_the_prompt():
    quiet = LocalEngine(make_model(), TOKENIZER, enable_thinking=False, name="tiny")
    (rollout,) = quiet.generate(ask(1, ["Fever."]), SAMPLING, SEED)
    assert list(rollout.prompt_tokens) == write_prompt_tokens(TOKENIZER, "Fever.", False)
    assert list(rollout.prompt_tokens) != write_prompt_tokens(TOKENIZER, "Fever.", True)


def test_half_precision():
    engine = make_engine(dtype=torch.bfloat16)
    for rollout in engine.generate(ask(), SAMPLING, SEED):
        assert torch.tensor(rollout.logprobs).isfinite().all()
        expected = read_logprobs(engine.model, rollout)
        # One bfloat16 forward pass against many: some hundredths of a nat at logits of this size.
        torch.testing.assert_close(torch.tensor(rollout.logprobs), expected, atol=0.15, rtol=0)


def test_windowed_attention_is_refused():
    model = make_model(use_sliding_window=True, sliding_window=8, max_window_layers=1)
    with pytest.raises(ConfigError, match="sliding_attention"):
        LocalEngine(model, TOKENIZER, name="tiny")


def test_a_tokenizer_without_a_template_is_refused():
    with pytest.raises(ConfigError, match="chat template"):
        LocalEngine(make_model(), make_tokenizer(None), name="tiny")
    assert QWEN3_TEMPLATE


def test_a_model_with_flex_attention_writes_with_sdpa_and_keeps_its_own():
    """A token at a time is not what FlexAttention is for; the model may be the one that trains."""
    requests = [Request(case_id="a/b/c", sample=k, prompt="which drug") for k in range(3)]
    sampling, seen, replies = Sampling(max_new_tokens=12), set(), []
    for attention in ("sdpa", "flex_attention"):
        model = make_model(attn_implementation=attention)
        model.register_forward_pre_hook(lambda m, _: seen.add(m.config._attn_implementation))
        model.model.register_forward_pre_hook(lambda m, _: seen.add(m.config._attn_implementation))
        engine = LocalEngine(model, make_tokenizer(), name="policy")
        replies.append([r.tokens for r in engine.generate(requests, sampling, 0)])
        assert model.config._attn_implementation == attention
    assert replies[0] == replies[1] and "sdpa" in seen and "flex_attention" not in seen
