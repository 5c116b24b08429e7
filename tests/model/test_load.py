"""Models and tokenizers are loaded whole, from safetensors, or refused in one line that says what to do."""

import json

import pytest
import torch
from huggingface_hub import constants
from tiny_models import hash_weights, make_model, make_tokenizer

from gazal.config.adapter import AdapterConfig
from gazal.config.model import ModelConfig
from gazal.errors import ConfigError, DataError
from gazal.model import load as model_load
from gazal.model import place as model_place
from gazal.model.adapter import add_adapter
from gazal.model.load import load_model, load_tokenizer
from gazal.model.merge import merge_copy
from gazal.model.place import TINY_BASE, find_model
from gazal.model.save import save_adapter, save_model


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "my-model"
    save_model(make_model(), make_tokenizer(), place)
    return place


def config(place, **settings):
    return ModelConfig(path=str(place), **settings)


def refuse(kind, match, place, read=load_model, **settings):
    """Loading is refused in one line."""
    with pytest.raises(kind, match=match) as caught:
        read(config(place, **settings))
    assert "\n" not in str(caught.value)


def test_a_saved_model_loads_as_it_was(folder):
    model, tokenizer = load_model(config(folder)), load_tokenizer(config(folder))
    assert hash_weights(model) == hash_weights(make_model())
    assert not model.training
    assert model.lm_head.weight is model.model.embed_tokens.weight
    assert tokenizer.chat_template == make_tokenizer().chat_template
    assert tokenizer.encode("<think>a</think><|im_end|>") == make_tokenizer().encode(
        "<think>a</think><|im_end|>"
    )
    assert tokenizer.padding_side == "left"


def test_the_settings_of_the_model_count(folder):
    model = load_model(config(folder, dtype="bfloat16", attention="eager", gradient_checkpointing=True))
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    assert model.config._attn_implementation == "eager"
    assert model.is_gradient_checkpointing
    assert load_model(config(folder)).config._attn_implementation == "sdpa"


def test_loading_does_not_move_the_random_state(folder):
    state = torch.get_rng_state()
    load_model(config(folder))
    assert torch.equal(state, torch.get_rng_state())


def test_a_missing_folder_names_its_neighbours(folder):
    wrong = folder.with_name("my-modle")
    for read in (load_model, load_tokenizer):
        refuse(ConfigError, r"model\.path: .*my-modle does not exist\. Did you mean my-model\?", wrong, read)
    refuse(ConfigError, r"does not exist\. Use tiny-base, a folder", folder.with_name("zzz"))
    refuse(ConfigError, r"config\.json is a file\. Give the folder", folder / "config.json")


def test_a_folder_without_a_model_is_refused(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    refuse(DataError, r"empty: has no config\.json", tmp_path / "empty")
    (tmp_path / "empty" / "adapter_config.json").write_text("{}")
    refuse(DataError, "holds an adapter, not a model", tmp_path / "empty")
    (folder / "model.safetensors").unlink()
    refuse(DataError, r"has no model\.safetensors", folder)


def test_pickled_weights_are_never_read(folder):
    """The pickle would make a file if it were read."""
    trap = folder / "read"

    class Trap:
        def __reduce__(self):
            return trap.touch, ()

    torch.save({"lm_head.weight": Trap()}, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    refuse(DataError, r"its weights are pickled \(pytorch_model\.bin\)", folder)
    assert not trap.exists()


@pytest.mark.parametrize("keep", [0, 4, 500, -10])
def test_weights_cut_short_are_refused(folder, keep):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:keep])
    refuse(DataError, r"my-model: its model cannot be read \(.*\)\. Fetch or write it again", folder)


def test_a_missing_shard_is_refused(folder):
    make_model().save_pretrained(folder, max_shard_size="60KB")
    (folder / "model.safetensors").unlink(missing_ok=True)
    assert hash_weights(load_model(config(folder))) == hash_weights(make_model())
    sorted(folder.glob("model-*.safetensors"))[1].unlink()
    refuse(DataError, r"1 of \d files of weights are missing, the first is model-00002", folder)
    (folder / "model.safetensors.index.json").write_text("{}")
    refuse(DataError, "is no index of weights", folder)


def test_weights_that_do_not_fit_are_refused(folder):
    """Transformers fills them with random numbers and prints a warning."""
    settings = json.loads((folder / "config.json").read_text())
    more = settings | {"num_hidden_layers": 3, "layer_types": ["full_attention"] * 3, "max_window_layers": 3}
    (folder / "config.json").write_text(json.dumps(more))
    refuse(DataError, r"lacks 11 of the weights .* the first is model\.layers\.2\.", folder)
    (folder / "config.json").write_text(json.dumps(settings | {"vocab_size": 400}))
    refuse(DataError, r"has another shape of 1 of the weights .* the first is model\.embed_tokens", folder)


def test_broken_files_are_refused(folder):
    (folder / "config.json").write_text("{")
    refuse(DataError, "its model cannot be read", folder)
    (folder / "config.json").write_text('{"model_type": "no-such-model"}')
    refuse(DataError, "its model cannot be read", folder)


def test_code_of_a_checkpoint_is_not_run(folder):
    settings = json.loads((folder / "config.json").read_text())
    settings |= {
        "model_type": "own",
        "auto_map": {"AutoConfig": "own.Own", "AutoModelForCausalLM": "own.Own"},
    }
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "own.py").write_text(f"open({str(folder / 'run')!r}, 'w')\nclass Own: pass\n")
    refuse(ConfigError, "needs code of its own, which is never run", folder)
    assert not (folder / "run").exists()


def test_a_broken_tokenizer_is_refused(folder):
    (folder / "tokenizer.json").write_text("{")
    refuse(DataError, "its tokenizer cannot be read", folder, load_tokenizer)


def test_attention_that_cannot_run_here_is_refused(folder):
    if torch.cuda.is_available():
        pytest.skip("may be able to run here")
    refuse(
        ConfigError,
        r"model\.attention: flash_attention_2 cannot run here",
        folder,
        attention="flash_attention_2",
    )


def test_flex_attention_is_refused_where_it_cannot_train(folder, monkeypatch):
    wanted = {"attention": "flex_attention"}
    monkeypatch.setattr(model_load, "find_device", lambda: torch.device("cpu"))
    refuse(ConfigError, r"flex_attention has no backward pass on a CPU\. Set it to sdpa", folder, **wanted)


def test_a_hub_id_without_a_network_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    for read in (load_model, load_tokenizer):
        refuse(
            ConfigError,
            r"no folder nobody/no-such-model here, and its \w+ could not be fetched .* set model\.path",
            "nobody/no-such-model",
            read,
        )


def test_what_a_path_means(folder, monkeypatch):
    monkeypatch.chdir(folder.parent.parent)
    assert find_model("Qwen/Qwen3-8B") == "Qwen/Qwen3-8B"
    assert str(find_model(f"{folder.parent.name}/my-model")) == f"{folder.parent.name}/my-model"
    with pytest.raises(ConfigError, match=r"does not exist\. Did you mean my-model"):
        find_model(f"{folder.parent.name}/my-modell")  # Not the hub: its parent is a folder here.
    for path in ("./Qwen/x", "a/b/c", "model"):
        with pytest.raises(ConfigError, match="does not exist"):
            find_model(path)


def test_the_shipped_base_is_found_or_missed():
    try:
        place = find_model(TINY_BASE)
    except ConfigError as error:
        assert "gazal pretrain recipes/tiny-base.yaml" in str(error)
    else:
        assert (place / "config.json").is_file()


def test_an_adapters_files_name_the_base_as_the_recipe_does(folder, tmp_path, monkeypatch):
    """And not by where this machine keeps it: the same run writes the same bytes everywhere."""
    monkeypatch.setattr(model_place, "find_tiny_base", lambda: folder)
    adapted = add_adapter(load_model(config(TINY_BASE)), AdapterConfig(rank=2), seed=1)
    save_adapter(adapted, tmp_path / "adapter")
    text = (tmp_path / "adapter" / "adapter_config.json").read_text()
    assert json.loads(text)["base_model_name_or_path"] == TINY_BASE
    assert str(folder.parent) not in text
    save_model(merge_copy(adapted), load_tokenizer(config(TINY_BASE)), tmp_path / "merged")
    for file in (tmp_path / "merged").glob("*.json"):
        assert str(folder.parent) not in file.read_text(), file.name


def test_padding_never_hides_the_end_of_a_reply(folder):
    """With the end of turn as padding, a loss that leaves padding out never teaches a model to stop."""
    tokenizer = make_tokenizer()
    tokenizer.pad_token = tokenizer.eos_token
    tokenizer.save_pretrained(folder)
    assert load_tokenizer(config(folder)).pad_token in ("<|endoftext|>", "<|im_start|>")
    tokenizer = make_tokenizer()
    tokenizer.eos_token, tokenizer.pad_token = "<|endoftext|>", None
    tokenizer.save_pretrained(folder)
    assert load_tokenizer(config(folder)).pad_token == "<|endoftext|>"
    make_tokenizer().save_pretrained(folder)
    assert load_tokenizer(config(folder)).pad_token == "<|endoftext|>"
