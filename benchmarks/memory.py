"""Memory of one GRPO update against vocabulary, length and group size: ours, and with whole logits.

    python benchmarks/memory.py [--json] [--vocabularies 4096 32768 151936] [--lengths ...] [--groups ...]

Each point is one update (forward, backward, AdamW) of a random Qwen3 with a DoRA adapter on one recorded
group of replies, in a process of its own: the peak of resident memory less what the process held when all was
made ready (on a GPU: of allocated memory). Freed memory goes back to the system here, so the peak is that of
live tensors, and some 10 MB of code that is called for the first time.

    ours      gazal's GRPO, --micro replies at a time: logits by chunks of at most 2^26 numbers, the prompt of
              a group read once
    whole     the same model, adapter and loss, as trainers usually do it: transformers' logits of all reply
              tokens of the micro-batch, log_softmax of the whole matrix, each reply with its own prompt
    estimate  what gazal.model.memory says of ours; it takes each reply to bring its own prompt

``matrix`` is [tokens x vocabulary] of one micro-batch in float32, ``largest`` the largest tensor that any
operation of ours gave. CPU seconds, on one thread, are those of the update, the first of its process.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from common import describe_machine, print_table
from memory_update import Largest, Update

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
AXES = {"vocabularies": "vocabulary", "lengths": "length", "groups": "group"}
WAYS = ("ours", "whole")
HEADINGS = {
    "vocabulary": "vocabulary",
    "length": "length",
    "group": "group",
    "matrix MB": "matrix_mb",
    "largest MB": "largest_mb",
    "ours MB": "ours_mb",
    "estimate MB": "estimate_mb",
    "whole MB": "whole_mb",
    "whole/ours": "whole_over_ours",
    "ours CPU s": "ours_cpu_s",
    "whole CPU s": "whole_cpu_s",
}


class Meter:
    """Memory of this process from now on."""

    def __init__(self, cuda: bool) -> None:
        self.cuda = cuda
        if cuda:
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
            self.before = torch.cuda.memory_allocated()
        else:
            CLEAR.write_text("5")  # The peak starts anew.
            self.before = _look("VmRSS")

    def read(self) -> int:
        """Bytes at most, less those at the start."""
        if self.cuda:
            torch.cuda.synchronize()
            return torch.cuda.max_memory_allocated() - self.before
        return _look("VmHWM") - self.before


def _look(name: str) -> int:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


def measure(point: dict[str, Any]) -> dict[str, Any]:
    """In a process of its own: load, update once, say what it took."""
    update = Update(point)
    losses = update.make_ready(point["way"])
    meter = Meter(point["cuda"])
    began = time.process_time()
    loss = update.take_step(losses)
    spent, peak = time.process_time() - began, meter.read()
    found = {"mb": peak / 1e6, "cpu_s": spent, "loss": loss, "norm": update.norm}
    found |= {"matrix_mb": update.find_matrix() / 1e6, "estimate_mb": update.estimate() / 1e6}
    if point["way"] == "ours":
        with Largest() as largest:
            update.take_step(losses)
        found["largest_mb"] = largest.bytes / 1e6
    return found


def run_child(point: dict[str, Any]) -> dict[str, Any]:
    words = [sys.executable, str(Path(__file__).resolve()), "--child", json.dumps(point)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{point}: exit status {done.returncode}\n{done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def list_points(args: argparse.Namespace) -> list[dict[str, int]]:
    """Along each axis, the others where they stand."""
    middle = {one: getattr(args, one) for one in AXES.values()}
    points = [{**middle, one: value} for many, one in AXES.items() for value in getattr(args, many)]
    return [point for k, point in enumerate(points) if point not in points[:k]]


def measure_point(fixed: dict[str, Any], point: dict[str, int]) -> dict[str, Any]:
    found = {way: run_child({**fixed, **point, "way": way}) for way in WAYS}
    ours, whole = found["ours"], found["whole"]
    return {
        **point,
        **{key: ours[key] for key in ("matrix_mb", "largest_mb", "estimate_mb")},
        **{f"{way}_{key}": found[way][key] for way in WAYS for key in ("mb", "cpu_s", "loss")},
        "whole_over_ours": whole["mb"] / ours["mb"],
        "gradient_difference": abs(ours["norm"] / whole["norm"] - 1),
    }


def main() -> None:
    args = parse_arguments()
    torch.set_num_threads(1)
    if args.child:
        print(json.dumps(measure(json.loads(args.child))))
        return
    if not args.cuda and not CLEAR.exists():
        sys.exit("benchmarks/memory.py: peaks are read from /proc, so this needs Linux, or --cuda.")
    about = describe_machine("transformers", "peft")
    fixed = {name: getattr(args, name) for name in ("width", "layers", "prompt", "micro", "rank", "cuda")}
    for facts in (about, fixed):
        print(", ".join(f"{name} {value}" for name, value in facts.items()), flush=True)
    rows = []
    for point in list_points(args):
        rows.append(measure_point(fixed, point))
        print(
            f"{point}: ours {rows[-1]['ours_mb']:,.0f} MB, whole {rows[-1]['whole_mb']:,.0f} MB", flush=True
        )
    print_table(HEADINGS, rows)
    worst = max(row["gradient_difference"] for row in rows)
    print(f"norms of the gradients of the two ways differ by {worst:.0e} at most")
    if args.json:
        print(json.dumps({"versions": about, "fixed": fixed, "rows": rows}))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--vocabularies", type=int, nargs="*", default=[4096, 32768, 151936])
    parser.add_argument("--lengths", type=int, nargs="*", default=[128, 256, 512, 1024], help="of a reply")
    parser.add_argument("--groups", type=int, nargs="*", default=[4, 8, 16, 32])
    parser.add_argument("--vocabulary", type=int, default=32768, help="where another axis is varied")
    parser.add_argument("--length", type=int, default=256, help="where another axis is varied")
    parser.add_argument("--group", type=int, default=8, help="where another axis is varied")
    parser.add_argument("--prompt", type=int, default=200, help="tokens of the prompt")
    parser.add_argument("--micro", type=int, default=16, help="replies at a time, in both ways")
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--rank", type=int, default=32)
    parser.add_argument("--cuda", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
