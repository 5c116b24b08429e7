"""Tokens per second of rollouts: our local engine, transformers' two ways, PEFT's DoRA unmerged, in turn.

    python benchmarks/rollout.py [--json] [--widths 256 1024] [--repeats 5]

All write replies to the same prompts (cases of the world in the tiny base's template), a group to each, with
random models of the Qwen3 architecture. Where each reply ends is forced from one table of varied lengths,
whose mean is some 40 % of the limit: all write the same number of tokens. Sampling is plain: temperature 1.

    ours         gazal's LocalEngine, on merged weights; it also returns the log-probability of each token
    generate     transformers' model.generate on the same weights (sdpa, dynamic cache)
    continuous   transformers' continuous batching on the same weights (sdpa, shared prompts, set up once)
    peft dora    model.generate of the model with PEFT's DoRA, not merged

The peers run with the fastest of some settings (rows at a time, pages), each tried once before; the output
says which. Ours writes all replies at once, untuned.

``merge`` is what bringing an adapter's weights into the copy costs, which all but the last need once for each
batch of rollouts. Times are medians of CPU seconds (and of wall seconds) on one thread, taken in turn. vLLM
is not measured here.
"""

import argparse
import json
import logging
import statistics
import time
from random import Random
from typing import Any, cast

import torch
from common import describe_machine, make_model, print_table
from peft import LoraConfig, PeftModel, get_peft_model
from rollout_ways import Asked, Continuous, Generate, Ours, Way
from transformers import (
    PreTrainedModel,
)

from gazal.config.data import WorldSource
from gazal.config.model import ModelConfig
from gazal.core.chat import write_prompt
from gazal.curate.gather import gather_cases
from gazal.engine.base import Request
from gazal.model.allocator import keep_freed_memory
from gazal.model.chat import write_prompt_tokens
from gazal.model.load import be_quiet, load_tokenizer
from gazal.model.merge import merge_copy


def ask(n_prompts: int, group: int, limit: int) -> Asked:
    tokenizer = load_tokenizer(ModelConfig())
    cases = list(gather_cases([WorldSource(n=n_prompts, seed=0)], 0))
    requests = [
        Request(case_id=case.id, sample=g, prompt=write_prompt(case)) for case in cases for g in range(group)
    ]
    # A beta distribution with mean 0.4: some replies are short, a few come near the limit.
    rng = Random(0)
    return Asked(
        requests=requests,
        prompts=[write_prompt_tokens(tokenizer, request.prompt, True) for request in requests],
        lengths=[max(1, round(limit * rng.betavariate(1.6, 2.4))) for _ in requests],
        limit=limit,
    )


def make_models(width: int, layers: int, vocabulary: int, rank: int) -> tuple[PreTrainedModel, PeftModel]:
    """A random model with PEFT's DoRA, moved away from its start, and the merged copy of it."""
    plain = make_model(width, layers, vocabulary, 4096)
    settings = LoraConfig(
        r=rank,
        lora_alpha=32,
        use_rslora=True,
        use_dora=True,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    adapted = cast(PeftModel, get_peft_model(plain, settings)).eval()
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.01)
    return merge_copy(adapted), adapted


def list_ways(merged: PreTrainedModel, adapted: PeftModel, asked: Asked) -> dict[str, dict[str, Way]]:
    """Name to settings to how it is run."""
    rows = {f"{n} rows": n for n in (8, 16, 32, 64)}
    pages = {
        f"{n} rows, {tokens} tokens a batch, pages of {page}": (page, tokens, n)
        for page, tokens, n in ((16, 128, 16), (32, 256, 16), (32, 256, 32), (32, 256, 64))
    }
    return {
        "ours": {"all rows": Ours(merged, asked)},
        "generate": {name: Generate(merged, asked, n) for name, n in rows.items()},
        "continuous": {name: Continuous(merged, asked, *sizes) for name, sizes in pages.items()},
        "peft dora": {name: Generate(adapted, asked, n) for name, n in rows.items()},
    }


def take_time(way: Way, asked: Asked) -> tuple[float, float]:
    """CPU and wall seconds; the replies must have the lengths that are asked for."""
    began, wall = time.process_time(), time.perf_counter()
    lengths = way.write()
    spent = time.process_time() - began, time.perf_counter() - wall
    if lengths != list(asked.lengths):
        raise RuntimeError(f"{type(way).__name__}: replies of {lengths}, not {list(asked.lengths)} tokens")
    return spent


def measure(width: int, args: argparse.Namespace) -> dict[str, Any]:
    asked = ask(args.prompts, args.group, args.limit)
    merged, adapted = make_models(width, args.layers, args.vocabulary, args.rank)
    ways: dict[str, Way] = {}
    settings: dict[str, str] = {}
    for name, candidates in list_ways(merged, adapted, asked).items():
        tried = {setting: take_time(way, asked)[0] for setting, way in candidates.items()}
        settings[name] = min(tried, key=tried.__getitem__)
        ways[name] = candidates[settings[name]]
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in (*ways, "merge")}
    for _ in range(args.repeats):
        for name, way in ways.items():
            spent[name].append(take_time(way, asked))
        began, wall = time.process_time(), time.perf_counter()
        merge_copy(adapted, into=merged)
        spent["merge"].append((time.process_time() - began, time.perf_counter() - wall))
    cpu, wall = ({n: statistics.median(t[k] for t in times) for n, times in spent.items()} for k in (0, 1))
    tokens = sum(asked.lengths)
    row: dict[str, Any] = {
        "width": width,
        "replies": len(asked.lengths),
        "limit": args.limit,
        "tokens": tokens,
    }
    row |= {"mean_length": tokens / len(asked.lengths), "settings": settings, "merge_cpu_s": cpu["merge"]}
    for name in ways:
        key = name.replace(" ", "_")
        row |= {f"{key}_cpu_s": cpu[name], f"{key}_wall_s": wall[name]}
        row |= {f"{key}_tokens_per_cpu_s": tokens / cpu[name], f"{key}_over_ours": cpu[name] / cpu["ours"]}
    return row


def show_row(row: dict[str, Any]) -> None:
    print(
        f"\nwidth {row['width']}: {row['replies']} replies of {row['mean_length']:.0f} tokens on average, "
        f"at most {row['limit']}; merge {row['merge_cpu_s']:.2f} CPU s"
    )
    lines = []
    for name, setting in row["settings"].items():
        key = name.replace(" ", "_")
        rates = {part: row[f"{key}_{part}"] for part in ("cpu_s", "wall_s", "tokens_per_cpu_s", "over_ours")}
        wall_rate = row["tokens"] / rates["wall_s"]
        lines.append({"name": name, "setting": setting, "wall_rate": wall_rate, **rates})
    headings = {"": "name", "CPU s": "cpu_s", "wall s": "wall_s", "tokens/CPU s": "tokens_per_cpu_s"}
    headings |= {"tokens/wall s": "wall_rate", "CPU s/ours": "over_ours", "settings": "setting"}
    print_table(headings, lines)


def main() -> None:
    args = parse_arguments()
    torch.set_num_threads(1)
    keep_freed_memory()
    logging.getLogger("ContinuousBatchingLogger").setLevel(logging.ERROR)
    about = describe_machine("transformers", "peft")
    print(", ".join(f"{name} {value}" for name, value in about.items()) + ", float32, one thread", flush=True)
    rows = []
    with be_quiet():
        for width in args.widths:
            rows.append(measure(width, args))
            show_row(rows[-1])
    if args.json:
        print(json.dumps({**rows[0], "versions": about, "rows": rows}))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--widths", type=int, nargs="+", default=[256, 1024])
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--vocabulary", type=int, default=4096, help="4096 at least, as the tokenizer has")
    parser.add_argument("--rank", type=int, default=32)
    parser.add_argument("--prompts", type=int, default=8)
    parser.add_argument("--group", type=int, default=8, help="replies to each prompt")
    parser.add_argument("--limit", type=int, default=96, help="tokens of a reply at most")
    parser.add_argument("--repeats", type=int, default=5)
    return parser.parse_args()


if __name__ == "__main__":
    main()
