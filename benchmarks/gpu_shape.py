"""One SFT and one GRPO update at the shape of a published model, with random weights.

    python benchmarks/gpu_shape.py [--json] [--shape Qwen/Qwen3-32B] [--layers N] [--rank 256]

Both stages are gazal's own, on random tokens: forward, backward, clipping and AdamW, once to warm up and
--repeats times for the median. The model is bfloat16 with gradient checkpointing and a DoRA adapter with
float32 masters. Where the whole model does not fit into the device's memory it gets as many layers as fit by
the estimates of gazal.model.memory; tokens per second of the whole model are then worked out from the layers'
share of the operations, in a column of their own.

    tokens/s     that go through the model in a step, prompts among them
    share        of the measured matrix peak: operations that the step cannot do without, per second, over
                 those of the fastest of several products of square matrices in the same dtype
    peak GB      of allocated memory on a GPU; of live tensors, weights included, on a CPU

A small shape runs on a CPU: --device cpu --width 64 --mlp 128 --heads 4 --kv-heads 2 --head-width 16
--vocabulary 5000 --layers 2 --rank 4 --length 64 --prompt 16 --reply 16 --group 4.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from accelerate import Accelerator
from common import describe_machine, measure_peak, print_table
from shape_stages import Work, count_work, find_layers, make_grpo, make_model, make_sft, with_layers

from gazal.config.adapter import AdapterConfig
from gazal.config.model import ModelConfig
from gazal.model.adapter import list_trainable
from gazal.model.machine import find_memory
from gazal.model.memory import Build
from gazal.model.shape import PUBLISHED, Shape, count_parameters
from gazal.train.grpo import GRPO
from gazal.train.loop import Batch
from gazal.train.optimizer import make_optimizers
from gazal.train.sft import SFT

SIZES = ("width", "mlp", "heads", "kv_heads", "head_width", "vocabulary")
SPARE = 0.9
"""Share of the memory that the estimates may fill."""
HEADINGS = {
    "update": "name",
    "tokens": "tokens",
    "s": "seconds",
    "tokens/s": "tokens_per_s",
    "of the whole model": "whole_tokens_per_s",
    "share": "peak_share",
    "peak GB": "peak_gb",
    "loss": "loss",
    "gradient": "grad_norm",
}


class Update:
    """The optimizer steps of one stage."""

    def __init__(self, stage: SFT | GRPO, number: int, device: torch.device) -> None:
        self.stage, self.device = stage, device
        self.parameters = list_trainable(stage.model)
        self.optimizers = make_optimizers(self.parameters, stage.optim)
        self.batch: Batch = stage.make_batch(number, Accelerator(cpu=device.type == "cpu"))
        self.loss = self.norm = 0.0

    def step(self) -> None:
        """Forward, backward, clipping, AdamW."""
        self.stage.model.train()
        self.loss = 0.0
        for micro in self.batch.micros:
            loss, _ = self.stage.find_loss(micro, self.batch.n_tokens, self.device)
            loss.backward()
            self.loss += loss.item()
        self.norm = float(torch.nn.utils.clip_grad_norm_(self.parameters.values(), 1.0))
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    def list_rows(self) -> list[tuple[int, int]]:
        """(tokens, tokens of the completion) of each example in the step."""
        examples = [e for micro in self.batch.micros for row in micro.rows for e in row]
        return [(e.n, len(e.completion)) for e in examples]


def take_time(work: Callable[[], object], device: torch.device) -> float:
    """Wall seconds, of all that was started."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    began = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def find_peak_rate(dtype: torch.dtype, device: torch.device) -> float:
    """Operations a second of the fastest of several products of square matrices."""
    best = 0.0
    for size in (4096, 8192, 16384) if device.type == "cuda" else (512, 1024):
        a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
        times = [take_time(lambda a=a, b=b: a @ b, device) for _ in range(8)]
        best = max(best, 2.0 * size**3 / min(times[2:]))
    return best


def measure(name: str, update: Update, shape: Shape, args: argparse.Namespace, peak: float) -> dict[str, Any]:
    """Warm up, take times, look at memory."""
    rows, adapter = update.list_rows(), AdapterConfig(rank=args.rank)
    held = sum(p.numel() * p.element_size() for p in update.stage.model.parameters())
    if update.device.type == "cuda":
        held = torch.cuda.memory_allocated()
    peak_bytes = held + measure_peak(update.step, update.device.type)
    first = update.loss
    seconds = statistics.median(take_time(update.step, update.device) for _ in range(args.repeats))
    tokens, work = sum(n for n, _ in rows), count_work(shape, adapter, rows)
    whole = count_work(with_layers(shape, args.of_layers), adapter, rows)
    return {
        "name": name,
        "tokens": tokens,
        "seconds": seconds,
        "tokens_per_s": tokens / seconds,
        "whole_tokens_per_s": tokens / (seconds * whole / work),
        "peak_share": work / seconds / peak,
        "peak_gb": peak_bytes / 1e9,
        "loss": first,
        "grad_norm": update.norm,
    }


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--shape", choices=sorted(PUBLISHED), default="Qwen/Qwen3-32B")
    parser.add_argument("--layers", type=int, help="as many as fit, where it is left out")
    for name in SIZES:
        parser.add_argument(f"--{name.replace('_', '-')}", type=int)
    parser.add_argument("--rank", type=int, default=256)
    parser.add_argument("--rows", type=int, default=4)
    parser.add_argument("--length", type=int, default=2048)
    parser.add_argument("--group", type=int, default=8)
    parser.add_argument("--micro", type=int, default=2)
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--reply", type=int, default=1024)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="bfloat16")
    parser.add_argument(
        "--attention", choices=["sdpa", "eager", "flash_attention_2", "flex_attention"], default="sdpa"
    )
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda")
    return parser.parse_args()


def find_shape(args: argparse.Namespace) -> Shape:
    """The published shape with what the words change."""
    changes = {name: value for name in SIZES if (value := getattr(args, name)) is not None}
    return replace(PUBLISHED[args.shape], **changes)


def main() -> None:
    args = read_arguments()
    if args.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("no CUDA device here. Add --device cpu and a small shape, see --help.")
    device, whole = torch.device(args.device), find_shape(args)
    args.of_layers = whole.layers
    held = ModelConfig(dtype=args.dtype, attention=args.attention, gradient_checkpointing=True)
    build = Build(shape=whole, model=held, adapter=AdapterConfig(rank=args.rank))
    work = Work(**{name: getattr(args, name) for name in Work.__slots__})
    room = torch.cuda.mem_get_info()[0] if args.device == "cuda" else find_memory() or 0
    shape = with_layers(whole, args.layers or find_layers(build, work, int(SPARE * room)))
    about = describe_machine("transformers", "peft")
    print(" ".join(f"{name}: {value};" for name, value in about.items()))
    print(f"{args.shape}: {shape.layers} of {whole.layers} layers, rank {args.rank}, {args.dtype}")
    peak = find_peak_rate(getattr(torch, args.dtype), device)
    print(f"matrix peak {peak / 1e12:.3g} TFLOP/s", flush=True)
    model, rows = make_model(shape, build, device), []
    for name, make in (("sft", make_sft), ("grpo", make_grpo)):
        number = 0 if name == "sft" else 1  # GRPO's second pass: replies are there.
        update = Update(make(model, work, shape.vocabulary), number, device)
        rows.append(measure(name, update, shape, args, peak))
        del update
    print_table(HEADINGS, rows)
    if args.json:
        sizes = {"layers": shape.layers, "of_layers": whole.layers, "parameters": count_parameters(shape)}
        found = {row["name"]: row for row in rows}
        print(json.dumps({**sizes, "matrix_peak_tflops": peak / 1e12, **found, "versions": about}))


if __name__ == "__main__":
    main()
