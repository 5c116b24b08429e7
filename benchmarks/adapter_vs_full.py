"""What adapters cost and buy beside full fine-tuning: SFT of the tiny base on the world, in several ways.

    python benchmarks/adapter_vs_full.py [--json] [--arms full@3e-4 lora:8 rslora:8 dora:8 dora+rs:8 ...]

An arm is KIND[:RANK][@RATE]; kinds are full, lora, rslora, dora and dora+rs. Each learns from the same
examples in the same order (the SFT stage of recipes/demo.yaml, cut short), and is asked the same cases of the
test split; differences are paired with the first arm. What is kept of the base's knowledge is told by two
things that the examples do not hold: passages of the kind that the base was pretrained on (nats a token, less
the base's own), and facts of the test split, chosen by likelihood from the listed options.

An arm that is done is kept in --out and not made again, so arms can be added by later commands, and one that
was stopped goes on. Time is CPU seconds on one thread: of the training, and of one step of each arm in turn
(medians). Memory is the peak of live tensors in a step: weights, optimiser, gradients, activations.
"""

import argparse
import hashlib
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from accelerate import Accelerator
from adapter_work import BASE, RATE, Work, ask_for_the_base, configure, gather
from common import describe_machine, measure_peak, print_table
from transformers import PreTrainedModel

from gazal.config.adapter import AdapterConfig
from gazal.config.sampling import Sampling
from gazal.core.chat import write_prompt
from gazal.engine.base import Request
from gazal.engine.local import LocalEngine
from gazal.evaluate.compare import compare_paired
from gazal.evaluate.results import weigh_replies
from gazal.model.adapter import add_adapter, list_trainable
from gazal.model.allocator import keep_freed_memory
from gazal.model.load import load_model
from gazal.model.merge import merge_copy
from gazal.train.loop import train
from gazal.train.optimizer import make_optimizers
from gazal.train.sft import SFT

ALPHA, FULL_RATE = 32.0, 1e-3
"""The demo's scale for adapters; a rate for all weights."""
KINDS = {"lora": (False, False), "rslora": (False, True), "dora": (True, False), "dora+rs": (True, True)}
"""Kind to (DoRA, rank-stabilised)."""
ARMS = (
    "full@3e-4",
    "full@1e-3",
    *(f"{kind}:{rank}" for rank in (8, 64) for kind in KINDS),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One way to train."""

    name: str
    adapter: AdapterConfig | None
    """None: all weights."""
    rate: float


def read_arm(text: str) -> Arm:
    """Make sense of ``dora+rs:8@1e-3``."""
    whole, _, rate = text.partition("@")
    kind, _, rank = whole.partition(":")
    if kind == "full":
        return Arm(name=text, adapter=None, rate=float(rate or FULL_RATE))
    dora, stable = KINDS[kind]
    adapter = AdapterConfig(rank=int(rank or 32), alpha=ALPHA, rank_stable=stable, dora=dora)
    return Arm(name=text, adapter=adapter, rate=float(rate or RATE))


def start(arm: Arm, work: Work) -> tuple[SFT, PreTrainedModel]:
    """The stage, and the plain model inside it."""
    torch.manual_seed(work.seed)
    plain = load_model(BASE)
    model = add_adapter(plain, arm.adapter, work.seed) if arm.adapter else plain
    pad = cast(int, work.tokenizer.pad_token_id)
    return SFT(model, work.examples, pad, configure(work.steps, work.rows, arm.rate), work.seed), plain


def run_arm(arm: Arm, work: Work, folder: Path, fingerprint: str) -> dict[str, Any]:
    """Train, then ask."""
    stage, plain = start(arm, work)
    folder.mkdir(parents=True, exist_ok=True)
    steps = train_on(stage, folder, arm.name, fingerprint)
    trainable = sum(p.numel() for p in list_trainable(stage.model).values())
    model = merge_copy(cast(Any, stage.model)) if arm.adapter else plain.requires_grad_(False).eval()
    asked = [Request(case_id=case.id, sample=0, prompt=write_prompt(case)) for case in work.cases]
    sampling = Sampling(temperature=0.0, max_new_tokens=384, batch_size=100)
    engine = LocalEngine(model, work.tokenizer, name=arm.name)
    result, right = weigh_replies(work.cases, [r.trace for r in engine.generate(asked, sampling, work.seed)])
    scores = {key: asdict(result)[key] for key in ("accuracy", "ci95", "format_ok", "steps_supported")}
    return {
        **{"arm": arm.name, "trainable": trainable, "rate": arm.rate, "last_loss": steps[-1]["loss"]},
        **{key: sum(step[key] for step in steps) for key in ("cpu_s", "wall_s")},
        **scores,
        "right": dict(right),
        **ask_for_the_base(model, work),
    }


def train_on(stage: SFT, folder: Path, name: str, fingerprint: str) -> list[dict[str, Any]]:
    """Train to the end; what each step took, also of those before a stop."""
    ledger = folder / "spent.jsonl"
    began, wall = time.process_time(), time.perf_counter()
    for step in train(stage, folder, fingerprint):
        spent = {"cpu_s": time.process_time() - began, "wall_s": time.perf_counter() - wall}
        with ledger.open("a") as file:
            file.write(json.dumps({"step": step.step, "loss": step.metrics["loss"], **spent}) + "\n")
        print(f"\r{name}: step {step.step} of {step.of}, loss {step.metrics['loss']:.3f}", end="", flush=True)
        began, wall = time.process_time(), time.perf_counter()
    print()
    lines = [json.loads(line) for line in ledger.read_text().splitlines()]
    return list({line["step"]: line for line in lines}.values())  # A step that was made again counts once.


def measure_steps(arms: Sequence[Arm], work: Work, repeats: int) -> dict[str, dict[str, float]]:
    """CPU seconds of one step on one micro-batch, in turn, and the peak of live tensors in it."""
    accelerator, learners = Accelerator(), {}
    for arm in arms:
        stage, plain = start(arm, work)
        learners[arm.name] = stage, plain, make_optimizers(list_trainable(stage.model), stage.optim)
        stage.model.train()

    def take_step(name: str, number: int) -> None:
        stage, _, optimizers = learners[name]
        micro = stage.make_batch(number, accelerator).micros[0]
        loss, _ = stage.find_loss(micro, 1000.0, accelerator.device)
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    times: dict[str, list[float]] = {name: [] for name in learners}
    for _ in range(repeats + 1):  # The first warms up.
        for name, spent in times.items():
            began = time.process_time()
            take_step(name, 0)
            spent.append(time.process_time() - began)
    found = {}
    for name, (stage, _, _) in learners.items():
        trained = sum(p.numel() * 4 for p in list_trainable(stage.model).values())
        weights = sum(p.numel() * p.element_size() for p in stage.model.parameters())
        held = weights + 2 * trained  # AdamW's two moments.
        peak = held + measure_peak(partial(take_step, name, 0))
        found[name] = {"step_cpu_s": statistics.median(times[name][1:]), "peak_mb": peak / 1e6}
    return found


def compare(rows: Sequence[dict[str, Any]], base: dict[str, Any]) -> None:
    """Add paired differences: of accuracy with the first arm, of facts with the base."""
    first = rows[0]
    for row in rows:
        row["loss_over_base"] = row["passage_loss"] - base["passage_loss"]
        facts = compare_paired("base", row["arm"], base["known"], row["known"], "facts")
        row |= {"facts_delta": facts.delta, "facts_delta_ci95": facts.ci95}
        if row is not first:
            paired = compare_paired(first["arm"], row["arm"], first["right"], row["right"], "world")
            row |= {"delta": paired.delta, "delta_ci95": paired.ci95, "p": paired.p}


def show_rows(rows: Sequence[dict[str, Any]], base: dict[str, Any]) -> None:
    def percent(value: float | None, interval: Sequence[float] | None = None, sign: str = "") -> str:
        if value is None:
            return "-"
        text = f"{100 * value:{sign}.1f}"
        return (
            text
            if interval is None
            else f"{text} ({100 * interval[0]:{sign}.1f} to {100 * interval[1]:{sign}.1f})"
        )

    lines = [
        {
            **row,
            "right %": percent(row["accuracy"], row["ci95"]),
            "minus first": percent(row.get("delta"), row.get("delta_ci95"), "+"),
            "format": percent(row["format_ok"]),
            "known": percent(row["facts"]),
            "minus base": percent(row["facts_delta"], row["facts_delta_ci95"], "+"),
            "nats": f"{row['loss_over_base']:+.3f}",
        }
        for row in rows
    ]
    headings = {"arm": "arm", "trained": "trainable", "right %": "right %", "minus first": "minus first"}
    headings |= {
        "format %": "format",
        "nats over base": "nats",
        "facts %": "known",
        "minus base": "minus base",
    }
    headings |= {"step CPU s": "step_cpu_s", "peak MB": "peak_mb", "training CPU s": "cpu_s"}
    print_table(headings, lines)
    low, high = base["facts_ci95"]
    print(
        f"base: {base['passage_loss']:.3f} nats a token on passages, facts {percent(base['facts'])} % "
        f"({100 * low:.1f} to {100 * high:.1f})"
    )


def main() -> None:
    args = parse_arguments()
    torch.set_num_threads(1)
    keep_freed_memory()
    about = describe_machine("transformers", "peft")
    print(", ".join(f"{name} {value}" for name, value in about.items()), "- one thread")
    work, arms = gather(args), [read_arm(text) for text in args.arms]
    sizes = {
        name: getattr(args, name)
        for name in ("steps", "rows", "examples", "cases", "facts", "passages", "seed")
    }
    fingerprint = hashlib.sha256(json.dumps(sizes).encode()).hexdigest()[:12]
    folder = args.out / fingerprint
    print(f"{sizes}, kept in {folder}", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    base_file = folder / "base.json"
    if not base_file.exists():
        base_file.write_text(json.dumps(ask_for_the_base(load_model(BASE), work)))
    base, rows = json.loads(base_file.read_text()), []
    for arm in arms:
        path = folder / f"{arm.name}.json"
        if not path.exists():
            path.write_text(json.dumps(run_arm(arm, work, folder / arm.name, f"{fingerprint}{arm}")))
        rows.append(json.loads(path.read_text()))
    steps = measure_steps(arms, work, args.repeats)
    for row in rows:
        row |= steps[row["arm"]]
    compare(rows, base)
    show_rows(rows, base)
    if args.json:
        kept = [{k: v for k, v in row.items() if k not in ("right", "known")} for row in rows]
        facts = {key: value for key, value in base.items() if key != "known"}
        print(json.dumps({"sizes": sizes, "versions": about, "base": facts, "rows": kept}))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--arms", nargs="+", default=list(ARMS))
    parser.add_argument("--steps", type=int, default=110)
    parser.add_argument("--rows", type=int, default=8, help="examples of a step")
    parser.add_argument("--examples", type=int, default=880)
    parser.add_argument("--cases", type=int, default=200, help="unseen cases that are asked")
    parser.add_argument("--facts", type=int, default=150, help="recall cases, by likelihood")
    parser.add_argument("--passages", type=int, default=300, help="of pretraining's kind")
    parser.add_argument("--repeats", type=int, default=5, help="steps of each arm, timed in turn")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/adapter_vs_full"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
