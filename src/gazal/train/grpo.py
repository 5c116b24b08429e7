"""Stage 2: group-relative policy optimisation on cases whose answers are known."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, cast

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from peft import PeftModel
from torch import Tensor

from gazal.config.grpo import GRPOConfig
from gazal.config.sampling import Sampling
from gazal.core.case import Case
from gazal.engine.base import RenewableEngine, Request, Rollout
from gazal.errors import DataError, TrainingError
from gazal.model.continued import arrange, can_share, continued_logprobs
from gazal.model.grouped import grouped_logprobs, has_flex
from gazal.model.logprobs import token_logprobs
from gazal.train.asking import CaseStream, ask, find_advantages, is_masked, shuffle_cases
from gazal.train.batch import collate, count_learnt, move_rows, split_groups
from gazal.train.checkpoint import Kept
from gazal.train.computations import add_credits
from gazal.train.loop import Batch, Metrics, Micro
from gazal.train.loss import LossInputs, grpo_loss
from gazal.train.monitor import Alarm, find_new_alarms, name_rollouts
from gazal.train.rollouts import (
    Learnable,
    collect_learnable,
    lay_out,
    pack_learnable,
    unpack_learnable,
    with_old,
)
from gazal.train.seen import describe, write_records
from gazal.train.truth import be_greedy, check_pairs, list_requests, measure_truth


class GRPO:
    """Batches of rollouts, each learnt from in one or more optimizer steps.

    Rollouts come from an engine that merges nothing into the weights that train, so these are never written
    to by anything but the optimizer.
    """

    def __init__(
        self,
        model: PeftModel,
        engine: RenewableEngine,
        cases: Sequence[Case],
        config: GRPOConfig,
        seed: int,
    ):
        """Look at everything; the first rollouts come with the first step.

        Args:
            model: The base of this stage with a fresh adapter.
            engine: What writes the rollouts; it gets the weights of ``model`` before each batch.
            cases: What to ask.
            config: Groups, clipping, reward.
            seed: Decides order of cases, draws of tokens and minibatches.
        """
        self.model, self.optim = model, config
        self._learning_rate, self._updates = config.learning_rate, config.passes * config.minibatches
        self.n_steps = config.steps * self._updates
        self.n_checkpoints = 3 if config.alarms.can_roll_back else 1
        self._config, self._cases, self._seed = config, cases, seed
        self._held_out: Sequence[Case] = ()
        self._records = list[dict[str, Any]]()
        self._engine, self._pad = engine, cast(int, engine.tokenizer.pad_token_id)
        self._stream = CaseStream(cases, seed)
        self._learnable: list[Learnable] = []
        self._n, self._n_useful, self._n_useful_tokens, self._divisor = 1, 1, 1, 1
        """Tokens of the minibatch, or with GSPO its rollouts; those of them that carry an advantage; the
        tokens of these; and what the loss is divided by."""
        if problem := config.object_to_cases(len(cases)):
            raise DataError(f"grpo.cases: {problem}")

    def make_batch(self, step: int, accelerator: Accelerator) -> Batch:
        """The next minibatch of the rollouts at hand, or of new ones."""
        number, update = divmod(step, self._updates)
        metrics, records = self._roll(number, step, accelerator) if update == 0 else ({}, [])
        self._records = records or self._records
        epoch, part = divmod(update, self._config.minibatches)
        order = list(range(len(self._learnable)))
        Random(f"minibatch|{self._seed}|{number}|{epoch}").shuffle(order)
        chosen = order[part :: self._config.minibatches]
        n_tokens = count_learnt([[self._learnable[k].tokens] for k in chosen])
        # A rollout without an advantage adds nothing to the gradient; it counts in n_tokens all the same.
        useful = [k for k in chosen if self._learnable[k].tokens.completion and self._matters(k)]
        self._count(chosen, useful)
        parts = split_groups([(k, self._learnable[k].tokens) for k in useful], self._config.micro_rollouts)
        micros = [Micro(rows=[[self._learnable[k].tokens] for k in ks], numbers=ks) for ks in parts]
        return Batch(micros=micros, n_tokens=max(n_tokens, 1), metrics=metrics, records=records)

    def find_loss(self, micro: Micro, n_tokens: float, device: torch.device) -> tuple[Tensor, Metrics]:
        """Clipped policy gradient over the tokens of some rollouts."""
        items, config = [self._learnable[k] for k in micro.numbers], self._config
        logp_N = self._find_logprobs(items, device)
        sampled_N = torch.tensor([p for item in items for p in item.sampled], device=device)
        lengths = [len(item.tokens.completion) for item in items]
        olds = [item.old for item in items]
        old_N = torch.tensor([p for old in olds for p in old or ()], device=device)
        reference_N = self._find_reference(items, device) if config.kl else None
        inputs = LossInputs(
            logp_BT=lay_out(logp_N, lengths),
            old_logp_BT=lay_out(logp_N.detach() if olds[0] is None else old_N, lengths),
            advantages_B=torch.tensor([item.advantage for item in items], device=device),
            credit_BT=self._lay_out_credit(items, lengths, device),
            mask_BT=lay_out(torch.ones_like(logp_N), lengths).bool(),
            ref_logp_BT=None if reference_N is None else lay_out(reference_N, lengths),
            divide_by=self._divisor,
        )
        apart_N = (logp_N.detach() if olds[0] is None else old_N) - sampled_N
        self._check_engine(apart_N)
        clips = {"clip_low": config.clip_low, "clip_high": config.clip_high}
        out = grpo_loss(inputs, kind=config.loss, **clips, kl=config.kl, n=self._n)
        part = self._n / self._n_useful  # Shares are of what was looked at.
        metrics: Metrics = {
            "policy/clip_high": out.clip_high * part,
            "policy/clip_low": out.clip_low * part,
            "policy/drift": out.drift * part,
            "policy/engine_gap": apart_N.abs().sum().item() / self._n_useful_tokens,
            "policy/engine_drift": _drift(apart_N).sum().item() / self._n_useful_tokens,
        }
        if out.kl is not None:
            metrics["policy/kl"] = out.kl * part
        return out.loss, metrics

    def keep(self) -> Kept:
        """The rollouts, which may be half used, and with dynamic sampling the place in the cases."""
        return Kept(
            tensors=pack_learnable(self._learnable) if self._updates > 1 else {},
            facts=self._stream.keep() if self._config.dynamic_sampling else {},
        )

    def restore(self, kept: Kept) -> None:
        """Take up half-used rollouts, and the cases where they were left."""
        self._learnable = unpack_learnable(kept.tensors) if kept.tensors else []
        if kept.facts:
            self._stream.restore(kept.facts)

    def hold_out(self, cases: Sequence[Case]) -> None:
        """Ask these counterfactual pairs, too, as the truth channel.

        Raises:
            DataError: No two of them are a pair.
        """
        check_pairs(cases)
        self._held_out = cases

    def watch(self, history: Sequence[Mapping[str, Any]]) -> list[Alarm]:
        """What the newest step raises, with the rollouts that show it."""
        found = find_new_alarms(history, self._config.alarms)
        return [name_rollouts(alarm, self._records) for alarm in found]

    def apply_remedy(self, n: int) -> None:
        """Train as the recipe says after ``n`` roll-backs."""
        remedy = self._config.alarms.remedy
        rate = self._learning_rate * remedy.learning_rate**n
        kl = remedy.kl if n and remedy.kl is not None else self._config.kl
        self.optim = self._config = self._config.model_copy(update={"learning_rate": rate, "kl": kl})

    def _roll(self, number: int, step: int, accelerator: Accelerator) -> tuple[Metrics, list[dict[str, Any]]]:
        """Ask, judge and compare: batch ``number`` of rollouts."""
        config = self._config
        self._engine.renew(self.model)
        truth = self._ask_held_out(number, accelerator)
        asked = ask(
            self._stream.draw if config.dynamic_sampling else lambda n, besides: self._draw_cases(number),
            lambda requests: self._generate(requests, number, accelerator),
            config,
        )
        sampled = [rollout for group in (*asked.groups, *asked.discarded) for rollout in group.rollouts]
        if all(rollout.trace.stop == "error" for rollout in sampled):
            raise TrainingError(
                f"step {step + 1}: none of {len(sampled)} rollouts could be written. Where prompts leave no "
                "room in the model's context, lower grpo.sampling.max_new_tokens "
                f"({config.sampling.max_new_tokens})."
            )
        advantages = find_advantages(asked.groups, config)
        rollouts = [rollout for group in asked.groups for rollout in group.rollouts]
        masked = [is_masked(rollout, config) for rollout in rollouts]
        credits = add_credits(asked.groups, config, self._engine.tokenizer)
        self._learnable = collect_learnable(rollouts, advantages, credits, masked)
        if self._updates > 1:
            self._learnable = with_old(self._learnable, self._find_old(accelerator.device))
        seen = describe(asked, advantages, config) | truth
        return seen, write_records(step + 1, asked, advantages, config)

    def _ask_held_out(self, number: int, accelerator: Accelerator) -> Metrics:
        """What the policy makes of the truth channel, where this batch of rollouts is due for it."""
        channel = self._config.truth_channel
        if channel is None or not self._held_out:
            return {}
        if number % channel.every and number != self._config.steps - 1:
            return {}
        greedy = be_greedy(self._config.sampling)
        replies = self._generate(list_requests(self._held_out), number, accelerator, greedy)
        return measure_truth(self._held_out, replies)

    def _generate(
        self,
        asked: Sequence[Request],
        number: int,
        accelerator: Accelerator,
        sampling: Sampling | None = None,
    ) -> list[Rollout]:
        """Each process writes its share; draws depend on case and sample, not on who writes."""
        seed, n = self._seed + 1_000_003 * (number + 1), accelerator.num_processes
        how = sampling or self._config.sampling
        mine = self._engine.generate(asked[accelerator.process_index :: n], how, seed)
        if n == 1:
            return mine
        found = {(r.trace.case_id, r.trace.sample): r for r in gather_object(mine)}
        return [found[request.case_id, request.sample] for request in asked]

    def _draw_cases(self, number: int) -> list[Case]:
        """Whole batches of one shuffle, then another shuffle: no batch holds a case twice."""
        size = self._config.cases_per_step
        epoch, place = divmod(number, len(self._cases) // size)
        order = shuffle_cases(len(self._cases), self._seed, epoch)
        return [self._cases[k] for k in order[place * size : (place + 1) * size]]

    def _check_engine(self, apart_N: Tensor) -> None:
        """Stop where the policy that wrote is not the one that was handed over.

        Raises:
            TrainingError: They are further apart than ``grpo.engine_drift``.
        """
        drift, limit = _drift(apart_N).mean().item(), self._config.engine_drift
        if not drift <= limit:
            raise TrainingError(
                "the engine writes from another policy than the one that trains: they are "
                f"{drift:.3g} nats a token apart, and grpo.engine_drift is {limit:g}. Its weights were not "
                "renewed, or model.dtype is too coarse; raise the limit only if you know why."
            )

    def _count(self, chosen: Sequence[int], useful: Sequence[int]) -> None:
        """Set what means are taken over, and what the loss of this minibatch is divided by."""

        def count_tokens(numbers: Sequence[int]) -> int:
            return count_learnt([[self._learnable[k].tokens] for k in numbers])

        by_rollout = self._config.loss == "gspo"
        self._n, self._n_useful = (
            max(1, len(numbers) if by_rollout else count_tokens(numbers)) for numbers in (chosen, useful)
        )
        self._n_useful_tokens, self._divisor = max(1, count_tokens(useful)), self._n
        if self._config.loss == "dr_grpo":
            self._divisor = len(chosen) * self._config.sampling.max_new_tokens

    def _matters(self, k: int) -> bool:
        item = self._learnable[k]
        return bool(self._config.kl) or item.advantage != 0.0 or any(item.credit)

    def _lay_out_credit(
        self, items: Sequence[Learnable], lengths: Sequence[int], device: torch.device
    ) -> Tensor | None:
        if not (self._config.step_credit or self._config.computation_credit):
            return None
        return lay_out(torch.tensor([c for item in items for c in item.credit], device=device), lengths)

    @torch.no_grad()
    def _find_old(self, device: torch.device) -> list[list[float]]:
        """Log-probabilities in the trainer, of all rollouts, a micro-batch at a time."""
        self.model.eval()
        found: list[list[float]] = [[] for _ in self._learnable]
        written = [(k, item.tokens) for k, item in enumerate(self._learnable) if item.tokens.completion]
        for numbers in split_groups(written, self._config.micro_rollouts):
            items = [self._learnable[k] for k in numbers]
            logp_N = self._find_logprobs(items, device)
            lengths = [len(item.tokens.completion) for item in items]
            for k, part in zip(numbers, logp_N.split(lengths), strict=True):
                found[k] = part.tolist()
        return found

    @torch.no_grad()
    def _find_reference(self, items: Sequence[Learnable], device: torch.device) -> Tensor:
        with self.model.disable_adapter():
            return self._find_logprobs(items, device)

    def _find_logprobs(self, items: Sequence[Learnable], device: torch.device) -> Tensor:
        """Of the completions' tokens, one after the other; each prompt is read once if it can be."""
        flex = has_flex(self.model)
        if flex or can_share(self.model):
            pairs = [(item.tokens.prompt, item.tokens.completion) for item in items]
            find = grouped_logprobs if flex else continued_logprobs
            return find(self.model, arrange(pairs, self._pad).to(device)).logprobs_N
        rows = move_rows(collate([[item.tokens] for item in items], self._pad), device)
        return token_logprobs(self.model, rows).logprobs_N


def _drift(log_ratio_N: Tensor) -> Tensor:
    """Of each token, ratio - log ratio - 1: an estimate (nats) of how far one policy is from another."""
    log_ratio_N = log_ratio_N.double()
    return log_ratio_N.expm1() - log_ratio_N
