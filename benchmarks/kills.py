"""Does a run that is killed again and again end as if nothing had happened?

    python benchmarks/kills.py [KILLS] [SEED]

Makes a very small base, runs SFT and GRPO on it once without a break and once killed (SIGKILL) KILLS times
in each stage (10 by default) at random moments, and compares weights, checkpoints, steps (but for times) and
rollouts bit by bit. Two minutes or so on one core; exit status 1 where anything differs.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any, Protocol

BASE = """
name: base
pretrain:
  passages: 200
  shape: {layers: 2, width: 32, mlp: 64, heads: 2, kv_heads: 1, head_width: 16, vocabulary: 600}
  steps: 4
  learning_rate: 1e-3
  pack_length: 256
  rows_per_step: 4
  micro_rows: 2
"""
RUN = """
name: killed
model: {path: %s}
adapter: {rank: 4, alpha: 4, dropout: 0.1}
sft:
  examples: [{source: world, n: 24}]
  steps: %d
  learning_rate: 1e-2
  pack_length: 1024
  rows_per_step: 2
  micro_rows: 1
  checkpoint_every: 3
grpo:
  cases: [{source: world, n: 6, seed: 1, kinds: [recall, treatment]}]
  steps: %d
  passes: 2
  minibatches: 2
  learning_rate: 1e-2
  cases_per_step: 2
  group_size: 4
  micro_rollouts: 3
  kl: 0.05
  dynamic_sampling: 1
  checkpoint_every: 3
  sampling: {max_new_tokens: 16}
evaluate:
  cases: [{source: world, n: 4, split: test, kinds: [recall]}]
  sampling: {temperature: 0, max_new_tokens: 8}
"""
STAGES = ("sft", "grpo")
LONG_S = 300.0


class Running(Protocol):
    """A verb at work in another process."""

    pid: int

    def poll(self) -> int | None:
        """Its exit status; None while it runs."""
        ...

    def wait(self) -> int:
        """Its exit status, once it has one."""
        ...


Launch = Callable[[Sequence[str]], Running]
"""Starts ``gazal`` with some words."""


def write_recipes(folder: Path, kills: int) -> tuple[Path, Path]:
    """Write the recipe of a base, to be made in ``folder/made``, and of a run on it, long enough to kill."""
    base, run = folder / "base.yaml", folder / "run.yaml"
    base.write_text(BASE)
    run.write_text(RUN % (folder / "made" / "base", 5 * kills + 5, -(-(5 * kills + 5) // 4)))
    return base, run


def finish(launch: Launch, *words: str) -> None:
    """Run a verb to its end."""
    if status := launch(words).wait():
        raise SystemExit(f"gazal {' '.join(words)}: exit status {status}")


def kill_often(launch: Launch, recipe: Path, out: Path, stage: str, kills: int, rng: Random) -> int:
    """Run up to a stage, killed at random moments of it; returns how many kills it took."""
    done = 0
    while done < kills:
        running = launch((stage, str(recipe), "--out", str(out)))
        wanted = count_steps(out, stage) + rng.randint(0, 4)
        started = time.monotonic()
        while running.poll() is None and count_steps(out, stage) < wanted:
            if time.monotonic() - started > LONG_S:
                raise SystemExit(f"{stage}: no step in {LONG_S:.0f} s")
            time.sleep(0.002)
        time.sleep(rng.random() * 0.15)
        if running.poll() is not None:
            break
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
        done += 1
    finish(launch, stage, str(recipe), "--out", str(out))
    return done


def count_steps(out: Path, stage: str) -> int:
    """Steps that are written down."""
    path = out / f"{stage}.part" / "steps.jsonl"
    try:
        return path.read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def find_differences(one: Path, other: Path) -> list[str]:
    """Files of two folders of a stage that differ; times and memory are not compared."""
    names = {p.relative_to(folder) for folder in (one, other) for p in folder.rglob("*") if p.is_file()}
    return [str(name) for name in sorted(names) if _read(one / name) != _read(other / name)]


def _read(path: Path) -> Any:
    if not path.exists():
        return None
    if path.name == "steps.jsonl":
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        return [{key: value for key, value in row.items() if not key.startswith("time/")} for row in rows]
    if path.name == "manifest.json":
        return {k: v for k, v in json.loads(path.read_text()).items() if k not in ("seconds", "peak_rss_mb")}
    return path.read_bytes()


def main() -> None:
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    rng = Random(int(sys.argv[2]) if len(sys.argv) > 2 else time.time_ns())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def launch(words: Sequence[str]) -> subprocess.Popen[bytes]:
            gazal = Path(sys.executable).with_name("gazal")
            log = (folder / "log.txt").open("ab")
            return subprocess.Popen([str(gazal), *words], stdout=log, stderr=log)

        base, run = write_recipes(folder, kills)
        finish(launch, "pretrain", str(base), "--out", str(folder / "made"))
        finish(launch, "grpo", str(run), "--out", str(folder / "whole"))
        print(f"{'stage':6} {'steps':>5} {'kills':>5}  identical", flush=True)
        wrong = False
        for stage in STAGES:
            done = kill_often(launch, run, folder / "killed", stage, kills, rng)
            found = find_differences(folder / "whole" / stage, folder / "killed" / stage)
            steps = (folder / "whole" / stage / "steps.jsonl").read_text().count("\n")
            verdict = "yes" if not found else f"no: {', '.join(found)}"
            print(f"{stage:6} {steps:5} {done:5}  {verdict}", flush=True)
            wrong |= bool(found) or done < kills
    sys.exit(wrong)


if __name__ == "__main__":
    main()
