"""A training set built in parts by datatrove: on the cores of this machine, or on a Slurm cluster.

    python examples/curate_with_datatrove.py

You learn how the steps of `gazal curate` run beyond one process: each task builds one part, the last step
puts the parts together. On a cluster take SlurmPipelineExecutor(tasks=..., time=..., partition=...) instead.
It needs pip install 'gazal[data,scale]'.
"""

import argparse
import tempfile
from pathlib import Path

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.base import PipelineStep

from gazal.curate.build import Rules, count
from gazal.curate.card import write_card
from gazal.curate.checks import Limits
from gazal.curate.shards import Rows, Shards, build_shard, merge_shards


class BuildShard(PipelineStep):
    """One task builds one part of the set."""

    type = "gazal"
    name = "build a part"

    def __init__(self, shards: Shards) -> None:
        super().__init__()
        self.shards = shards

    def run(self, data=None, rank: int = 0, world_size: int = 1):
        """What datatrove calls in a process of its own."""
        build_shard(self.shards, rank, world_size)
        yield from ()


def main() -> None:
    """Build, put together, tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--world", type=int, default=400)
    parser.add_argument("--tasks", type=int, default=4)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "datatrove-set")
    asked = parser.parse_args()
    rows, rules = Rows(world=asked.world), Rules(limits=Limits())
    shards = Shards(folder=asked.out / "parts", rows=rows, rules=rules)
    logs = str(asked.out / "logs")
    LocalPipelineExecutor(
        [BuildShard(shards)], tasks=asked.tasks, workers=asked.workers, logging_dir=logs
    ).run()
    for done, kept in merge_shards(shards, asked.tasks, asked.out):
        print(f"{done} of {asked.tasks} parts: {kept:,} examples")
    (asked.out / "card.md").write_text(write_card(asked.out.name, count(asked.out), [], "this example"))
    print(asked.out / "card.md")


if __name__ == "__main__":
    main()
