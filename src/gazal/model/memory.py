"""How much memory the stages of a recipe take: estimates from sizes, without torch.

What is written down here follows the code that runs: which tensors the layers keep for the backward pass,
how many logits are held at once, what the engine keeps for each reply. Holes in the heap come on top. All
sizes are in bytes; s is the size of one number in ``model.dtype``.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gazal.config.adapter import AdapterConfig
from gazal.config.grpo import GRPOConfig
from gazal.config.model import ModelConfig
from gazal.config.pretrain import PretrainConfig
from gazal.config.sampling import Sampling
from gazal.config.sft import SFTConfig
from gazal.model.shape import Shape, count_adapter, count_parameters, from_pretraining, list_linears

SIZES = {"float32": 4, "bfloat16": 2, "float16": 2}
LOGITS_AT_ONCE = 2**26
"""Logits that `gazal.model.logprobs` holds at a time."""
PROMPT = 512
"""Tokens that a prompt is taken to have, as no tokenizer is loaded: abstracts take some 500, cases half."""
PROGRAM = 520_000_000
"""Python with torch, transformers and PEFT, as measured on Linux."""
SPARSE = ("flash_attention_2", "flex_attention")
"""Ways of attention that keep packed examples apart without a dense mask."""
_STREAMS = {"q_proj": 0, "k_proj": 0, "v_proj": 0, "gate_proj": 1, "up_proj": 1, "down_proj": 2}
"""Layers with one number read the same tensor. ``o_proj`` reads what attention keeps anyway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """What is in memory at once in one part of a stage."""

    name: str
    parts: Mapping[str, int]
    """What it is for to bytes, as estimated."""

    @property
    def total(self) -> int:
        """Bytes in all, with the program itself."""
        return PROGRAM + sum(self.parts.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """Tokens that go through the model at once, forward and backward."""

    rows: int
    length: int
    packed: bool
    """Several examples in a row, kept apart by a mask."""
    scored: int | None = None
    """Tokens of a row whose logits are needed at most; None is all."""

    @property
    def tokens(self) -> int:
        """In all rows."""
        return self.rows * self.length


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """The model that is taught, and how it is held."""

    shape: Shape
    model: ModelConfig
    adapter: AdapterConfig | None
    """None: all weights train."""

    @property
    def size(self) -> int:
        """Bytes of one number of the base."""
        return SIZES[self.model.dtype]

    @property
    def weights(self) -> int:
        """Bytes of the base."""
        return count_parameters(self.shape) * self.size

    @property
    def n_trained(self) -> int:
        """Numbers that the optimizer steps."""
        return count_adapter(self.shape, self.adapter) if self.adapter else count_parameters(self.shape)


def estimate_pretraining(config: PretrainConfig) -> list[Phase]:
    """Float32 weights with gradients and AdamW's two moments, activations, logits."""
    shape = from_pretraining(config.shape)
    build = Build(shape=shape, model=ModelConfig(), adapter=None)
    work = Pass(rows=min(config.micro_rows, config.rows_per_step), length=config.pack_length, packed=True)
    parts = {"base": build.weights, "gradients, moments": 3 * build.weights, **_weigh_learning(build, work)}
    return [Phase(name="pretrain", parts=parts)]


def estimate_sft(build: Build, config: SFTConfig) -> list[Phase]:
    """Learning, and the merged copy that is made once that is done."""
    rows = min(config.micro_rows, config.rows_per_step)
    work = Pass(rows=rows, length=config.pack_length, packed=config.packing)
    held = {"base": build.weights, "adapter": weigh_adapter(build)}
    return [
        Phase(name="sft: learning", parts={**held, **_weigh_learning(build, work)}),
        Phase(name="sft: merging", parts={**held, "merged": build.weights, "work": _weigh_product(build)}),
    ]


def estimate_grpo(build: Build, config: GRPOConfig) -> list[Phase]:
    """Writing rollouts and learning from them; base, adapter and any merged copy are there all the time."""
    rollouts = config.cases_per_step * config.group_size
    length = guess_prompt(build.shape, config.sampling) + config.sampling.max_new_tokens
    rows, scored = min(config.micro_rollouts, rollouts), config.sampling.max_new_tokens
    work = Pass(rows=rows, length=length, packed=False, scored=scored)
    batch = min(config.sampling.batch_size, rollouts)
    merged = {} if config.engine.kind == "shared" else {"merged": build.weights}
    held = {"base": build.weights, **merged, "adapter": weigh_adapter(build)}
    prompts = -(-batch // config.group_size)
    return [
        Phase(name="grpo: writing", parts={**held, **_weigh_writing(build, config.sampling, batch, prompts)}),
        Phase(name="grpo: learning", parts={**held, **_weigh_learning(build, work)}),
    ]


def estimate_evaluation(build: Build, sampling: Sampling, n_models: int) -> list[Phase]:
    """One model replies; while the next is loaded the one before is still there."""
    held = {"base": build.weights, **({"merged": build.weights} if n_models > 1 else {})}
    writing = _weigh_writing(build, sampling, sampling.batch_size, sampling.batch_size)
    return [Phase(name="evaluate", parts={**held, **writing})]


def weigh_adapter(build: Build) -> int:
    """Float32 masters, gradients and AdamW's two moments: 16 bytes for each number that trains."""
    return 16 * build.n_trained


def weigh_checkpoint(build: Build) -> int:
    """What one checkpoint takes on disk: masters and two moments in float32."""
    return 12 * build.n_trained


def weigh_cache(build: Build, tokens: int, rows: int) -> int:
    """Keys and values of replies: 2 x layers x kv_heads x head_width x tokens x rows x s."""
    shape = build.shape
    return 2 * shape.layers * shape.kv_heads * shape.head_width * tokens * rows * build.size


def weigh_activations(build: Build, work: Pass) -> int:
    """What forward and backward hold besides weights.

    tokens x (layers + 1) x the bytes of `weigh_layer`, one layer more standing for the gradients on their way
    back. With gradient checkpointing tokens x (layers x width x s + 2 x `weigh_layer`): only what enters a
    layer is kept, and one layer at a time is computed again.
    """
    layer, shape = weigh_layer(build, work), build.shape
    if build.model.gradient_checkpointing:
        return work.tokens * (shape.layers * shape.width * build.size + 2 * layer)
    return work.tokens * (shape.layers + 1) * layer


def weigh_layer(build: Build, work: Pass) -> int:
    """Bytes that one layer keeps of one token for the backward pass.

    With D width, M mlp, Q = heads x head_width, K = kv_heads x head_width:

    - what the norms read, in float32: 8 D, and 4 (Q + K) where heads are normalised
    - query, attention's result: 2 s Q; key and value: 2 s K, or 2 s Q where a mask has them repeated
    - gate, its activation, up: 3 s M
    - where all weights train, what linear layers and norms read: s (4 D + M), and s (Q + K) for head norms
    - else what adapters read, s x inputs for each tensor that some of them read; s x rank for each layer, in
      float32 only where tokens are fewer than inputs; for DoRA s x outputs where nobody else keeps those
    - with dropout, and for LoRA in 16 bits, PEFT's way instead: 4 (inputs + rank) for each layer, and for
      DoRA (s + 4) x outputs
    - the mask of packed rows: s x length; with eager attention instead its weights: heads x length x 4, or 6
      in 16 bits
    """
    shape, s = build.shape, build.size
    queries, keys = shape.heads * shape.head_width, shape.kv_heads * shape.head_width
    eager = build.model.attention == "eager"
    masked = work.packed and build.model.attention not in SPARSE
    normed = queries + keys if shape.head_norms else 0
    kept = 8 * shape.width + 4 * normed + 2 * s * queries + 3 * s * shape.mlp
    kept += 2 * s * (queries if _repeats_keys(build, work) else keys)
    kept += s * work.length if masked and not eager else 0
    kept += shape.heads * work.length * (4 if s == 4 else 6) if eager else 0
    if build.adapter is None:
        return kept + s * (4 * shape.width + shape.mlp + normed)
    return kept + _weigh_adapted(build, work, build.adapter)


def weigh_logits(build: Build, tokens: int) -> int:
    """Logits of the tokens that are scored at once, and their gradients, in the model's dtype and in float32.

    min(tokens x vocabulary, `LOGITS_AT_ONCE`) x (8 + 2 s).
    """
    return min(tokens * build.shape.vocabulary, LOGITS_AT_ONCE) * (8 + 2 * build.size)


def guess_prompt(shape: Shape, sampling: Sampling) -> int:
    """Tokens that a prompt is taken to have: `PROMPT`, or the room that the context leaves."""
    return max(0, min(PROMPT, shape.context - sampling.max_new_tokens))


def _weigh_learning(build: Build, work: Pass) -> dict[str, int]:
    parts = {
        "activations": weigh_activations(build, work),
        "logits": weigh_logits(build, work.rows * (work.scored or work.length)),
    }
    adapter = build.adapter
    return {**parts, "work": _weigh_norms(build, adapter)} if adapter and adapter.dora else parts


def _weigh_writing(build: Build, sampling: Sampling, rows: int, prompts: int) -> dict[str, int]:
    """Cache, the reading of prompts, and the draw of a token: 20 + s bytes for each logit."""
    shape, given = build.shape, guess_prompt(build.shape, sampling)
    return {
        "cache": weigh_cache(build, given + sampling.max_new_tokens, rows),
        "activations": prompts * given * build.size * (3 * shape.mlp + 4 * shape.width),
        "logits": rows * shape.vocabulary * (20 + build.size),
    }


def _weigh_product(build: Build) -> int:
    """The largest layer's B A, its sum with the weight, and two more of that size: 16 x inputs x outputs."""
    return 16 * max(n_in * n_out for n_in, n_out in list_linears(build.shape).values())


def _weigh_norms(build: Build, adapter: AdapterConfig) -> int:
    """For the norms of the largest layer: 12 x outputs x rank, and 1,024 rows of its weight in float32."""
    linears = list_linears(build.shape).values()
    return max(4 * (3 * n_out * adapter.rank + 1024 * n_in) for n_in, n_out in linears)


def _weigh_adapted(build: Build, work: Pass, adapter: AdapterConfig) -> int:
    linears, s = list_linears(build.shape), build.size
    if adapter.targets != "all-linear":
        leaves = {target.rpartition(".")[2] for target in adapter.targets}
        linears = {leaf: sizes for leaf, sizes in linears.items() if leaf in leaves}
    if adapter.dropout or not (adapter.dora or s == 4):  # As PEFT computes it.
        kept = sum(4 * (n_in + adapter.rank) for n_in, _ in linears.values())
        return kept + (sum((s + 4) * n_out for _, n_out in linears.values()) if adapter.dora else 0)
    read = {_STREAMS[leaf]: n_in for leaf, (n_in, _) in linears.items() if leaf in _STREAMS}
    low_rank = [leaf for leaf, (n_in, _) in linears.items() if s != 4 or work.tokens < n_in]
    kept = s * (sum(read.values()) + adapter.rank * len(low_rank))
    alone = {"o_proj", "down_proj"} if adapter.dora else set[str]()
    if adapter.dora and (s != 4 or not build.shape.head_norms):
        alone |= {"q_proj", "k_proj"}
    if adapter.dora and _repeats_keys(build, work):
        alone |= {"v_proj"}
    return kept + sum(s * n_out for leaf, (_, n_out) in linears.items() if leaf in alone)


def _repeats_keys(build: Build, work: Pass) -> bool:
    """Whether attention makes its own keys and values, repeated for the heads that share them."""
    masked = work.packed and build.model.attention not in SPARSE
    return masked or build.model.attention == "eager"
