"""Fresh tiny models and tokenizers for tests: random, seconds to run, the architecture of the real ones."""

import hashlib
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

QWEN3_TEMPLATE = (Path(__file__).parent / "data" / "qwen3_chat_template.jinja").read_text(encoding="utf-8")
VOCABULARY = 300


def make_model(*, tied: bool = True, dtype: torch.dtype = torch.float32, **changes) -> Qwen3ForCausalLM:
    """A Qwen3 with two layers and weights large enough that its outputs differ from place to place."""
    settings = {
        "vocab_size": VOCABULARY,
        "hidden_size": 48,
        "intermediate_size": 80,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "max_position_embeddings": 256,
        "initializer_range": 0.15,
        "tie_word_embeddings": tied,
        "bos_token_id": None,
        "eos_token_id": 258,
        "pad_token_id": 256,
        "attn_implementation": "sdpa",
    } | changes
    with torch.random.fork_rng():
        torch.manual_seed(7)
        model = Qwen3ForCausalLM(Qwen3Config(**settings))
    return model.to(dtype).eval()


def make_tokenizer(template: str | None = QWEN3_TEMPLATE) -> PreTrainedTokenizerFast:
    """One token a byte, with the tokens of Qwen3 that its template writes."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE(vocab={letter: n for n, letter in enumerate(alphabet)}, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens([AddedToken(t) for t in ("<|endoftext|>", "<|im_start|>", "<|im_end|>")])
    inner.add_tokens([AddedToken(t, special=False, normalized=False) for t in ("<think>", "</think>")])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        extra_special_tokens=["<|im_start|>"],
    )
    tokenizer.chat_template = template
    return tokenizer


def stir(adapted, scale: float = 0.3) -> None:
    """Move every trainable weight away from its start, as training would."""
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if parameter.requires_grad:
                noise = torch.randn(parameter.shape, generator=generator)
                parameter.add_(scale * noise * (0.5 if "magnitude" in name else 0.2))


def hash_weights(model) -> str:
    """One hash over all tensors of a model, names and bytes."""
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
