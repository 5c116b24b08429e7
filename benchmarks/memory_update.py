"""One GRPO update, as gazal does it and with whole logits: what `memory` measures."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, cast

import torch
from accelerate import Accelerator
from common import make_model
from peft import PeftModel
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from gazal.config.adapter import AdapterConfig
from gazal.config.data import WorldSource
from gazal.config.grpo import GRPOConfig
from gazal.config.model import ModelConfig
from gazal.config.sampling import Sampling
from gazal.curate.gather import gather_cases
from gazal.engine.local import LocalEngine
from gazal.model.adapter import add_adapter, list_trainable
from gazal.model.load import load_tokenizer
from gazal.model.memory import Build, estimate_grpo, weigh_adapter
from gazal.model.shape import Shape
from gazal.train.batch import Tokens, collate
from gazal.train.checkpoint import Kept
from gazal.train.grpo import GRPO
from gazal.train.loss import LossInputs, grpo_loss
from gazal.train.optimizer import make_optimizers
from gazal.train.rollouts import Learnable, lay_out, pack_learnable


class Update:
    """A model, replies of one group, and an optimizer step on them in either way."""

    def __init__(self, point: dict[str, Any]) -> None:
        device = "cuda" if point["cuda"] else "cpu"
        self.point, self.device = point, torch.device(device)
        self.config = GRPOConfig(
            cases=(WorldSource(n=1),),  # Is not asked: replies are handed over.
            steps=1,
            passes=2,  # So that old log-probabilities are given, not computed by asking the engine.
            learning_rate=1e-5,
            cases_per_step=1,
            group_size=point["group"],
            micro_rollouts=point["micro"],
            engine_drift=1e9,  # The log-probabilities are made up.
            sampling=Sampling(max_new_tokens=point["length"]),
        )
        self.model = self._make_model().to(self.device)
        self.items = self._make_items()
        self.optimizers = make_optimizers(list_trainable(self.model), self.config)
        self.norm = 0.0
        """Of the gradients at the last step."""

    def _make_model(self) -> PeftModel:
        point = self.point
        context = point["prompt"] + point["length"]
        plain = make_model(point["width"], point["layers"], point["vocabulary"], context)
        self.adapter = AdapterConfig(rank=point["rank"])
        return add_adapter(plain, self.adapter, 0)

    def _make_items(self) -> list[Learnable]:
        """Replies of varied lengths, the first as long as can be."""
        point, rng = self.point, Random(0)
        vocabulary, logp = point["vocabulary"], -torch.log(torch.tensor(point["vocabulary"])).item()
        prompt = tuple(rng.randrange(vocabulary) for _ in range(point["prompt"]))
        lengths = [point["length"]] + [
            rng.randint(max(1, point["length"] // 2), point["length"]) for _ in range(point["group"] - 1)
        ]
        return [
            Learnable(
                tokens=Tokens(prompt=prompt, completion=tuple(rng.randrange(vocabulary) for _ in range(n))),
                advantage=1.0 if k % 2 else -1.0,
                sampled=(logp,) * n,
                old=(logp,) * n,
            )
            for k, n in enumerate(lengths)
        ]

    def make_ready(self, way: str) -> list[Callable[[], Tensor]]:
        """What gives the loss of each micro-batch."""
        self.model.train()
        return self._list_ours() if way == "ours" else self._list_whole()

    def take_step(self, losses: Sequence[Callable[[], Tensor]]) -> float:
        """Forward, backward, AdamW; returns the loss."""
        total = 0.0
        for find in losses:
            loss = find()
            total += loss.item()
            loss.backward()
        self.norm = float(torch.nn.utils.clip_grad_norm_(list_trainable(self.model).values(), 1.0))
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return total

    def _list_ours(self) -> list[Callable[[], Tensor]]:
        """The stage as it is, with the replies put back as after a restart."""
        plain = cast(Any, self.model.get_base_model())
        engine = LocalEngine(plain, load_tokenizer(ModelConfig()), name="none")  # Is not asked.
        grpo = GRPO(self.model, engine, list(gather_cases(self.config.cases, 0)), self.config, 0)
        grpo.restore(Kept(tensors=pack_learnable(self.items)))
        batch = grpo.make_batch(1, Accelerator(cpu=self.device.type == "cpu"))
        return [
            lambda micro=micro: grpo.find_loss(micro, batch.n_tokens, self.device)[0]
            for micro in batch.micros
        ]

    def _list_whole(self) -> list[Callable[[], Tensor]]:
        n = sum(len(item.sampled) for item in self.items)
        ordered = sorted(self.items, key=lambda item: -len(item.sampled))
        size = self.config.micro_rollouts
        parts = [ordered[at : at + size] for at in range(0, len(ordered), size)]
        return [lambda part=part: self._find_whole(part, n) for part in parts]

    def _find_whole(self, items: Sequence[Learnable], n: int) -> Tensor:
        """From logits of all tokens of the micro-batch's replies, padding among them."""
        rows = collate([[item.tokens] for item in items], 0)
        lengths = [len(item.sampled) for item in items]
        ids_BL, longest = rows.input_ids_BL.to(self.device), max(lengths)
        logits_BTV = self.model(input_ids=ids_BL, use_cache=False, logits_to_keep=longest + 1).logits[:, :-1]
        logp_BTV = logits_BTV.float().log_softmax(-1)
        logp_BT = logp_BTV.gather(-1, ids_BL[:, -longest:].unsqueeze(-1)).squeeze(-1)
        old_N = torch.tensor([p for item in items for p in item.sampled], device=self.device)
        mask_BT = lay_out(torch.ones_like(old_N), lengths).bool()
        inputs = LossInputs(
            logp_BT=logp_BT,
            old_logp_BT=lay_out(old_N, lengths),
            advantages_B=torch.tensor([item.advantage for item in items], device=self.device),
            mask_BT=mask_BT,
        )
        clips = {"clip_low": self.config.clip_low, "clip_high": self.config.clip_high}
        return grpo_loss(inputs, kind="dapo", **clips, kl=0.0, n=n).loss

    def find_matrix(self) -> int:
        """Bytes of [tokens x vocabulary] of the largest micro-batch, in float32."""
        lengths = sorted((len(item.sampled) for item in self.items), reverse=True)
        return 4 * sum(lengths[: self.config.micro_rollouts]) * self.point["vocabulary"]

    def estimate(self) -> int:
        """Bytes that `gazal.model.memory` gives, without what is there before the update."""
        config = cast(Any, self.model.get_base_model()).config
        shape = Shape(
            layers=config.num_hidden_layers,
            width=config.hidden_size,
            mlp=config.intermediate_size,
            heads=config.num_attention_heads,
            kv_heads=config.num_key_value_heads,
            head_width=config.head_dim,
            vocabulary=config.vocab_size,
            context=config.max_position_embeddings,
            tied=True,
        )
        build = Build(shape=shape, model=ModelConfig(), adapter=self.adapter)
        parts = dict(estimate_grpo(build, self.config)[1].parts)
        there = parts["base"] + parts["merged"] + weigh_adapter(build) // 4
        return sum(parts.values()) - there  # Of the adapter's 16 bytes a number, 12 come with the update.


class Largest(TorchDispatchMode):
    """Notes the largest tensor that an operation makes; views of what is there do not count."""

    bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run it and look."""
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, tuple | list) else (out,):
            if isinstance(tensor, Tensor) and tensor._base is None:
                self.bytes = max(self.bytes, tensor.numel() * tensor.element_size())
        return out
