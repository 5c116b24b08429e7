"""What is exported is what was trained: stock transformers and stock PEFT give the trainer's logits."""

import json
import re
import shutil

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer
from typer.testing import CliRunner

from gazal.cli.main import app
from gazal.config.model import ModelConfig
from gazal.errors import ConfigError, DataError
from gazal.model.load import load_model, load_tokenizer
from gazal.model.place import find_tiny_base
from gazal.serve.export import export


@pytest.fixture(scope="module")
def exported(finished, tmp_path_factory):
    out = tmp_path_factory.mktemp("taken") / "mine"
    done = CliRunner().invoke(app, ["export", str(finished), "--out", str(out)])
    assert done.exit_code == 0, done.output
    for command in ("vllm serve", "transformers serve", "llama-server"):
        assert command in done.output
    return out


@torch.inference_mode()
def find_logits(model, folder):
    ids = AutoTokenizer.from_pretrained(folder)(
        "A 71-year-old woman has a cough.", return_tensors="pt"
    ).input_ids
    return model.eval()(input_ids=ids).logits


def test_stock_transformers_gives_the_trainers_logits(finished, exported):
    trained = load_model(ModelConfig(path=str(finished / "grpo" / "merged"), dtype="float32"))
    wanted = find_logits(trained, finished / "grpo" / "merged")
    stock = AutoModelForCausalLM.from_pretrained(exported / "merged", dtype="auto")
    assert stock.dtype == torch.float32 and torch.equal(find_logits(stock, exported / "merged"), wanted)
    rounded = AutoModelForCausalLM.from_pretrained(exported / "merged-bf16", dtype="auto")
    assert rounded.dtype == torch.bfloat16
    for name, weight in stock.state_dict().items():
        assert torch.equal(rounded.state_dict()[name], weight.to(torch.bfloat16)), name
    base = AutoModelForCausalLM.from_pretrained(find_tiny_base(), dtype=torch.float32)
    assert not torch.allclose(find_logits(base, exported / "merged"), wanted, atol=1e-2)


def test_stock_peft_gives_them_too_one_adapter_after_the_other(exported):
    model = AutoModelForCausalLM.from_pretrained(find_tiny_base(), dtype=torch.float32)
    for name in ("1-sft", "2-grpo"):
        model = PeftModel.from_pretrained(model, exported / "adapters" / name).merge_and_unload()
    merged = AutoModelForCausalLM.from_pretrained(exported / "merged", dtype=torch.float32)
    assert torch.allclose(
        find_logits(model, exported / "merged"), find_logits(merged, exported / "merged"), atol=1e-4
    )
    settings = json.loads((exported / "adapters" / "2-grpo" / "adapter_config.json").read_text())
    assert settings["base_model_name_or_path"] == "tiny-base with sft merged in"


def test_it_has_its_tokenizer_template_and_generation_settings(finished, exported):
    for name in ("merged", "merged-bf16"):
        ours = load_tokenizer(ModelConfig(path=str(finished / "grpo" / "merged")))
        theirs = AutoTokenizer.from_pretrained(exported / name)
        turns = [{"role": "user", "content": "Which?"}]
        assert theirs.apply_chat_template(turns, tokenize=False) == ours.apply_chat_template(
            turns, tokenize=False
        )
        assert (exported / name / "generation_config.json").is_file()


def test_the_card_has_no_empty_field(finished, exported):
    card = (exported / "README.md").read_text()
    assert not re.search(r"\{\w*\}|None|nan\b|\|\s*\|\s*\n|TODO", card.partition("```yaml")[0])
    head = dict(re.findall(r"^(\w+): (.+)$", card.split("---")[1], re.MULTILINE))
    assert head["license"] == "apache-2.0" and head["base_model"] == "tiny-base" and len(head) >= 6
    results = json.loads((finished / "evaluate" / "results.json").read_text())
    (models,) = results["evaluation"].values()
    for name, found in models.items():
        assert f"| {name} | {found['n']} | {100 * found['accuracy']:.1f} % |" in card
    for stage in ("sft", "grpo"):
        manifest = json.loads((finished / stage / "manifest.json").read_text())
        assert manifest["fingerprint"] in card and f"weights after {stage} | " in card
    assert "not a medical device" in card and "24 cases of gazal's clinical world" in card
    assert card == (exported / "merged" / "README.md").read_text()


def test_wrong_use_is_told_and_nothing_is_left(finished, exported, tmp_path):
    with pytest.raises(ConfigError, match="is there already"):
        list(export(finished, exported))
    with pytest.raises(DataError, match="no run"):
        list(export(tmp_path, tmp_path / "x"))
    only = tmp_path / "only-sft"
    shutil.copytree(finished, only, ignore=shutil.ignore_patterns("grpo", "evaluate"))
    with pytest.raises(ConfigError, match=r"'grpo' was not trained\. Trained: sft"):
        list(export(only, tmp_path / "x", "grpo"))
    *_, last = export(only, tmp_path / "x")
    assert (
        last == str(tmp_path / "x") and "It was not evaluated" in (tmp_path / "x" / "README.md").read_text()
    )


def test_an_adapter_that_is_not_the_models_is_noticed(finished, tmp_path):
    wrong = tmp_path / "wrong"
    shutil.copytree(finished, wrong)
    shutil.rmtree(wrong / "grpo" / "adapter")
    shutil.copytree(wrong / "sft" / "adapter", wrong / "grpo" / "adapter")
    with pytest.raises(DataError, match="PEFT gives other logits"):
        list(export(wrong, tmp_path / "x"))
    assert not (tmp_path / "x").exists()
