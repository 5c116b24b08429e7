"""What DoRA costs over LoRA: steps of one adapted linear layer, with LoRA, PEFT's DoRA and ours in turn.

    python benchmarks/dora.py [--json] [--widths 512 1024 2048 4096] [--ranks 16 64 256 384]

A step is one pass over TOKENS tokens after the weights have changed; an accumulated step eight passes. Times
are medians of CPU seconds on one thread (on a GPU: of wall seconds), taken in turn. Beside each ratio stands
its limit: the exact norm takes the product of the base's weight with A, timed in the same run, and may take a
fifth more. Memory is the peak of live tensors in a step, weights included. The first row, and what --json
prints of it in one line, is width 1024 at rank 256.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any, cast

import peft
import torch
from common import measure_peak
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn

from gazal.model.allocator import keep_freed_memory
from gazal.model.linear import use_fast

MICRO_BATCHES = 8
SHARE = 1.2
"""Of the product for the norm: what ours may cost over LoRA."""
NAMES = ("lora", "peft", "ours")


class Layer:
    """One adapted layer and how its step is measured."""

    def __init__(self, name: str, width: int, rank: int, dtype: torch.dtype, device: str) -> None:
        torch.manual_seed(0)
        settings = LoraConfig(
            r=rank, lora_alpha=32, use_rslora=True, use_dora=name != "lora", target_modules=["0"]
        )
        base = nn.Sequential(nn.Linear(width, width, bias=False)).to(device, dtype)
        self.model = get_peft_model(cast(Any, base), settings)
        self.trained = [p for p in self.model.parameters() if p.requires_grad]
        with torch.no_grad():
            for parameter in self.trained:
                parameter.add_(0.01 * torch.randn_like(parameter))
        if name == "ours":
            use_fast(self.model)

    def run(self, x: Tensor, grad: Tensor, n: int) -> None:
        """Forward and backward passes of some micro-batches."""
        for _ in range(n):
            x.grad = None
            self.model(x).backward(grad)

    def clear(self, x: Tensor) -> None:
        """As an optimiser's step would leave it: weights changed, gradients gone."""
        x.grad = None
        self.model.zero_grad()
        with torch.no_grad():
            for parameter in self.trained:
                parameter.mul_(1.0)

    def peak(self, x: Tensor, grad: Tensor) -> int:
        """Bytes of live tensors at most, with weights, input and gradients."""
        self.clear(x)
        held = sum(p.numel() * p.element_size() for p in (*self.model.parameters(), x, grad))
        return held + measure_peak(lambda: self.run(x, grad, 1), "cuda" if x.is_cuda else "cpu")


def take_time(work: Callable[[], object], device: str) -> float:
    if device == "cuda":
        torch.cuda.synchronize()
        began = time.perf_counter()
        work()
        torch.cuda.synchronize()
        return time.perf_counter() - began
    began = time.process_time()
    work()
    return time.process_time() - began


def compare(theirs: Layer, ours: Layer, x: Tensor, grad: Tensor) -> float:
    """The largest relative difference of output and gradients."""
    found: list[list[Tensor]] = []
    for layer in (theirs, ours):
        layer.clear(x)
        y = layer.model(x)
        y.backward(grad)
        found.append([y.detach(), *(cast(Tensor, p.grad).clone() for p in (x, *layer.trained))])
        layer.clear(x)
    return max(float((a - b).norm() / a.norm()) for a, b in zip(*found, strict=True))


def measure(
    width: int, rank: int, tokens: int, repeats: int, dtype: torch.dtype, device: str
) -> dict[str, Any]:
    layers = {name: Layer(name, width, rank, dtype, device) for name in NAMES}
    x = torch.randn(tokens, width, dtype=dtype, device=device, requires_grad=True)
    grad = torch.randn(tokens, width, dtype=dtype, device=device)
    weight_OI = torch.randn(width, width, dtype=dtype, device=device)
    weight_A_RI = torch.randn(rank, width, dtype=dtype, device=device)
    times: dict[Any, list[float]] = {}
    for repeat in range(repeats + 1):
        for n in (1, MICRO_BATCHES):
            for name, layer in layers.items():
                layer.clear(x)
                spent = take_time(lambda layer=layer, n=n: layer.run(x, grad, n), device)
                times.setdefault((name, n), []).append(spent)
        times.setdefault("gemm", []).append(take_time(lambda: weight_OI @ weight_A_RI.T, device))
        if repeat == 0:  # To warm up.
            times.clear()
    t = {key: statistics.median(values) for key, values in times.items()}
    peaks = {name: layer.peak(x, grad) for name, layer in layers.items()}
    lora, many, gemm = t["lora", 1], t["lora", MICRO_BATCHES], t["gemm"]
    return {
        "width": width,
        "rank": rank,
        "tokens": tokens,
        "lora_ms": 1000 * lora,
        "norm_gemm_share": gemm / lora,
        "ours_over_lora": t["ours", 1] / lora,
        "limit": 1 + SHARE * gemm / lora,
        "extra_over_gemm": (t["ours", 1] - lora) / gemm,
        "peft_over_ours": t["peft", 1] / t["ours", 1],
        "ours_over_lora_accumulated": t["ours", MICRO_BATCHES] / many,
        "limit_accumulated": 1 + SHARE * gemm / many,
        "peft_over_ours_accumulated": t["peft", MICRO_BATCHES] / t["ours", MICRO_BATCHES],
        "memory_over_lora": peaks["ours"] / peaks["lora"],
        "peft_memory_over_lora": peaks["peft"] / peaks["lora"],
        "difference": compare(layers["peft"], layers["ours"], x, grad),
    }


COLUMNS = {  # Heading to key.
    "LoRA ms": "lora_ms",
    "ours/LoRA": "ours_over_lora",
    "limit": "limit",
    "PEFT/ours": "peft_over_ours",
    "8x ours/LoRA": "ours_over_lora_accumulated",
    "8x limit": "limit_accumulated",
    "8x PEFT/ours": "peft_over_ours_accumulated",
    "memory ours/LoRA": "memory_over_lora",
    "PEFT/LoRA": "peft_memory_over_lora",
}


def print_row(row: dict[str, Any]) -> None:
    cells = (f"{row[key]:{len(heading)}.{1 if key == 'lora_ms' else 3}f}" for heading, key in COLUMNS.items())
    print(f"{row['width']:5} {row['rank']:4}  {'  '.join(cells)}  {row['difference']:.0e}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--widths", type=int, nargs="*", default=[512, 1024, 2048, 4096])
    parser.add_argument("--ranks", type=int, nargs="*", default=[16, 64, 256, 384])
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    place = torch.cuda.get_device_name() if args.device == "cuda" else "one thread"
    print(f"torch {torch.__version__}, peft {peft.__version__}, {args.dtype}, {args.tokens} tokens, {place}")
    print("width rank  " + "  ".join(COLUMNS) + "  difference")
    sizes = [
        (1024, 256),
        *((w, r) for w in args.widths for r in args.ranks if r < w and (w, r) != (1024, 256)),
    ]
    rows = []
    for width, rank in sizes:
        repeats = max(3, args.repeats * 2 if len(rows) == 0 else args.repeats * 1024 // max(1024, width))
        rows.append(measure(width, rank, args.tokens, repeats, getattr(torch, args.dtype), args.device))
        print_row(rows[-1])
    if args.json:
        print(json.dumps({**rows[0], "rows": rows}))


if __name__ == "__main__":
    main()
