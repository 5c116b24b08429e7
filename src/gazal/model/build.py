"""Make a small Qwen3 and its tokenizer from nothing, to be pretrained."""

from collections.abc import Iterator
from importlib import resources
from typing import cast

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM, set_seed

from gazal.config.pretrain import TinyShape
from gazal.core.case import LETTERS
from gazal.model.heads import start_heads

END_OF_TEXT, TURN, END_OF_TURN = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
SPECIAL = (END_OF_TEXT, TURN, END_OF_TURN)
MARKS = ("<think>", "</think>")
"""Ordinary tokens of their own, as in Qwen3: decoding keeps them."""
CAPITAL = r"\p{Lu}(?![\p{L}\p{M}])"
SPLIT = (
    rf"[^\r\n\p{{L}}\p{{N}}](?={CAPITAL})|(?<![\p{{L}}\p{{M}}]){CAPITAL}|"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""Where a word ends. Every digit stands alone, as in Qwen3, and every lone capital: the letter of an option
is the same token wherever it stands."""


def train_tokenizer(texts: Iterator[str], vocabulary: int, context: int) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE tokenizer with a chat template in the style of Qwen3.

    Args:
        texts: What to learn the merges from.
        vocabulary: Number of tokens, with the special ones.
        context: Longest text in tokens that the model will take.
    """
    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(SPLIT), behavior="isolated")
    bytes_ = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, bytes_])  # pyright: ignore[reportAttributeAccessIssue]
    tokenizer.decoder = decoders.ByteLevel()  # pyright: ignore[reportAttributeAccessIssue]
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - len(SPECIAL) - len(MARKS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in MARKS])
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END_OF_TURN,
        pad_token=END_OF_TEXT,
        model_max_length=context,
        clean_up_tokenization_spaces=False,
    )
    template = resources.files("gazal.model") / "chat_template.jinja"
    wrapped.chat_template = template.read_text("utf-8").rstrip("\n")
    return wrapped


def build_model(shape: TinyShape, tokenizer: PreTrainedTokenizerFast, seed: int) -> Qwen3ForCausalLM:
    """Build a Qwen3 for a tokenizer, with weights to start from; same seed, same weights.

    Args:
        shape: Its sizes.
        tokenizer: Its vocabulary and special tokens.
        seed: Of the weights.
    """
    set_seed(seed)
    config = Qwen3Config(
        vocab_size=shape.vocabulary,
        hidden_size=shape.width,
        num_hidden_layers=shape.layers,
        intermediate_size=shape.mlp,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_width,
        max_position_embeddings=shape.context,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6},
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=cast(int, tokenizer.eos_token_id),
        pad_token_id=cast(int, tokenizer.pad_token_id),
    )
    model = Qwen3ForCausalLM(config)
    letters = [token for token in map(tokenizer.convert_tokens_to_ids, LETTERS) if isinstance(token, int)]
    start_heads(model, letters, seed)
    return model
