"""What keeping freed memory saves: steps of training on a tiny model, with and without, in turn.

Usage: python benchmarks/allocator.py [--rounds 3]
"""

import argparse
import json
import statistics
import subprocess
import sys

CODE = """
import json, resource, sys, time
import torch
from gazal.model.allocator import keep_freed_memory
kept = sys.argv[1] == "keep" and keep_freed_memory()
torch.set_num_threads(int(sys.argv[2]))
from transformers import Qwen3Config, Qwen3ForCausalLM
model = Qwen3ForCausalLM(Qwen3Config(vocab_size=4096, hidden_size=192, num_hidden_layers=4, head_dim=32,
    intermediate_size=576, num_attention_heads=6, num_key_value_heads=3, tie_word_embeddings=True))
ids_BL, best = torch.randint(0, 4096, (14, 256)), 1e9
for _ in range(7):
    start = time.process_time()
    model(input_ids=ids_BL, labels=ids_BL).loss.backward()
    model.zero_grad()
    best = min(best, time.process_time() - start)
print(json.dumps({"kept": kept, "tokens_per_cpu_s": ids_BL.numel() / best,
    "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


def measure(mode: str, threads: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", CODE, mode, str(threads)], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    found: dict[str, list[dict[str, float]]] = {"default": [], "keep": []}
    for _ in range(args.rounds):
        for mode, results in found.items():
            results.append(measure(mode, args.threads))
    for mode, results in found.items():
        rate = statistics.median(r["tokens_per_cpu_s"] for r in results)
        peak = statistics.median(r["peak_mb"] for r in results)
        print(f"{mode:8} {rate:8,.0f} tokens per CPU second, peak {peak:6,.0f} MB")
    pairs = zip(found["keep"], found["default"], strict=True)
    ratio = statistics.median(a["tokens_per_cpu_s"] / b["tokens_per_cpu_s"] for a, b in pairs)
    print(f"keep / default: {ratio:.2f}")


if __name__ == "__main__":
    main()
