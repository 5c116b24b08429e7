"""Which tokens a base has read, from which follows which were never in its text."""

from gazal.config.model import ModelConfig
from gazal.config.pretrain import PretrainConfig
from gazal.model.load import load_model, load_tokenizer
from gazal.train.pretrain import Pretraining
from gazal.world.corpus import write_passages

STEPS = 12
CONFIG = PretrainConfig(passages=60, pack_length=64, rows_per_step=2, steps=STEPS, learning_rate=1e-3)


def start() -> Pretraining:
    return Pretraining(load_model(ModelConfig()), load_tokenizer(ModelConfig()), CONFIG, 5)


def test_what_was_read_is_every_token_of_the_passages_and_none_besides():
    pretraining = start()
    assert pretraining.seen == set()
    pretraining.make_batch(0, None)
    tokenizer, learnt = load_tokenizer(ModelConfig()), set()
    for passage in write_passages(CONFIG.passages, 5):
        for text in [passage] if isinstance(passage, str) else passage:
            learnt |= set(tokenizer(text, add_special_tokens=False)["input_ids"])
    assert len(learnt) > 100
    assert learnt <= pretraining.seen  # With what a chat's template adds.
    more = tokenizer.decode(sorted(pretraining.seen - learnt))
    assert len(pretraining.seen - learnt) < 12 and "<|endoftext|>" in more, more


def test_it_is_the_same_after_a_restart_also_where_no_step_is_left(monkeypatch):
    monkeypatch.setattr("gazal.train.pretrain.BLOCK", 12)
    straight, resumed, done = start(), start(), start()
    straight.make_batch(0, None)
    first = set(straight.seen)
    for step in range(1, STEPS):
        straight.make_batch(step, None)
    assert first < straight.seen
    resumed.make_batch(STEPS - 1, None)
    done.restore(straight.keep())
    assert resumed.seen == done.seen == straight.seen
