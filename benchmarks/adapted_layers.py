"""Forward and backward pass of one adapted layer: PEFT's own way, and ours.

Ours takes one dense product where that is less work (`gazal.model.dense`); elsewhere both are the same.

Usage: python benchmarks/adapted_layers.py [--repeats 15]
"""

import argparse
import time

import peft
import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn

from gazal.model.allocator import keep_freed_memory
from gazal.model.dense import use_dense

SIZES = (  # inputs, outputs, rank, tokens; the first three are those of the demo
    (192, 192, 32, 1900),
    (192, 576, 32, 1900),
    (576, 192, 32, 1900),
    (512, 512, 32, 2048),
    (1024, 1024, 64, 2048),
    (1024, 1024, 256, 256),
    (1024, 1024, 256, 2048),
)


def make_layer(inputs: int, outputs: int, rank: int) -> nn.Module:
    torch.manual_seed(0)
    config = LoraConfig(r=rank, use_dora=True, target_modules=["0"], init_lora_weights=False)
    return get_peft_model(nn.Sequential(nn.Linear(inputs, outputs, bias=False)), config)  # pyright: ignore


def time_step(model: nn.Module, x: Tensor, grad: Tensor) -> float:
    began = time.perf_counter()
    model(x).backward(grad)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    keep_freed_memory()
    print(f"torch {torch.__version__}, peft {peft.__version__}, {torch.get_num_threads()} threads; median ms")
    print("inputs outputs rank tokens    peft    ours  peft / ours")
    for inputs, outputs, rank, tokens in SIZES:
        theirs, ours = (make_layer(inputs, outputs, rank) for _ in range(2))
        use_dense(ours)
        x, grad = torch.randn(tokens, inputs, requires_grad=True), torch.randn(tokens, outputs)
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(repeats):  # In turns, so that both meet the same noise.
            for model, spent in zip((theirs, ours), times, strict=True):
                spent.append(time_step(model, x, grad))
        a, b = (1000 * sorted(spent)[repeats // 2] for spent in times)
        print(f"{inputs:6} {outputs:7} {rank:4} {tokens:6} {a:7.2f} {b:7.2f} {a / b:12.2f}")


if __name__ == "__main__":
    main()
