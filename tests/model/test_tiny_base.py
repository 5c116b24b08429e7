"""The shipped base: small, of this knowledge, knowing and yet untaught."""

import json
from pathlib import Path

import gazal.model
from gazal.config.model import ModelConfig
from gazal.config.sampling import Sampling
from gazal.core.chat import write_prompt
from gazal.engine.base import Request
from gazal.engine.local import LocalEngine
from gazal.model.likelihood import choose_options
from gazal.model.load import load_model, load_tokenizer
from gazal.score.format import judge_format
from gazal.world.generate import make_cases
from gazal.world.knowledge import load_knowledge

FOLDER = Path(gazal.model.__file__).parent / "tiny_base"


def test_it_was_trained_on_the_knowledge_that_is_shipped():
    manifest = json.loads((FOLDER / "manifest.json").read_text())
    assert manifest["settings"]["knowledge"] == load_knowledge().version, (
        "the knowledge has changed since: train the base again, `gazal pretrain recipes/tiny-base.yaml`"
    )
    assert load_knowledge().version in (FOLDER / "README.md").read_text()


def test_it_is_small_and_holds_nothing_but_what_it_needs():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 10 * 2**20
    assert {path.name for path in FOLDER.iterdir()} == {
        "README.md",
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "manifest.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert load_model(ModelConfig()).num_parameters() <= 5_000_000


def test_it_knows_the_facts_in_wordings_that_it_never_saw():
    config = ModelConfig()
    model, tokenizer = load_model(config), load_tokenizer(config)
    cases = list(make_cases(["recall"], n=250, seed=77, split="train"))
    right = [
        choice.right for choice in choose_options(model, tokenizer, cases, enable_thinking=True, listed=False)
    ]
    assert sum(right) / len(right) >= 0.6


def test_it_neither_reasons_in_steps_nor_keeps_the_format():
    config = ModelConfig()
    engine = LocalEngine(load_model(config), load_tokenizer(config), name="base")
    cases = list(make_cases(n=40, seed=78, split="test"))
    asked = [Request(case_id=case.id, sample=0, prompt=write_prompt(case)) for case in cases]
    rollouts = engine.generate(asked, Sampling(temperature=0.0, max_new_tokens=120), 0)
    kept = [judge_format(case, r.trace).value == 1.0 for case, r in zip(cases, rollouts, strict=True)]
    assert not any(kept)
    assert sum(len(rollout.trace.steps) >= 2 for rollout in rollouts) <= 2
