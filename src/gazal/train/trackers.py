"""Steps told to an experiment tracker, through accelerate: one run of the tracker for each stage."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from accelerate.tracking import get_available_trackers

from gazal.errors import ConfigError
from gazal.model.processes import start_accelerator

FOLDER = "track"
TRACKERS = {"tensorboard": "tensorboard", "wandb": "wandb", "trackio": "trackio", "mlflow": "mlflow"}
"""Name to the package that it needs."""


class Trackers:
    """Where the numbers of ``steps.jsonl`` go, too."""

    def __init__(self, names: Sequence[str], out: Path, run: str) -> None:
        """Look whether they are there; nothing is started before the first step.

        Args:
            names: Of `TRACKERS`.
            out: Folder of the run; what a tracker keeps in files goes into ``track`` there.
            run: Its name.

        Raises:
            ConfigError: There is none of that name, or its package is not installed.
        """
        there = {str(getattr(kind, "value", kind)) for kind in get_available_trackers()}
        for name in names:
            if name not in TRACKERS:
                raise ConfigError(f"--track {name}: unknown. Use {', '.join(TRACKERS)}.")
            if name not in there:
                raise ConfigError(f"--track {name}: is not installed. Run pip install {TRACKERS[name]}.")
        self._names, self._out, self._run = list(dict.fromkeys(names)), out, run
        self._stage, self._accelerator = "", start_accelerator()

    def log(self, stage: str, step: int, numbers: Mapping[str, float | None]) -> None:
        """Tell one step; a stage tells its steps in order, from its checkpoint on."""
        if stage != self._stage:
            self._start(stage, step)
        known = {name: value for name, value in numbers.items() if value is not None}
        self._accelerator.log(known, step=step)

    def close(self) -> None:
        """Let them write down what they hold."""
        if self._stage:
            # Not by end_training(), which parts the processes: another stage may follow.
            for tracker in self._accelerator.trackers:
                tracker.finish()
        self._stage = ""

    def _start(self, stage: str, step: int) -> None:
        self.close()
        self._accelerator = start_accelerator(log_with=self._names, project_dir=str(self._out / FOLDER))
        # What was told before a run was killed and is told again now replaces it.
        purge: dict[str, Any] = {"tensorboard": {"purge_step": step}}
        started = {name: purge[name] for name in self._names if name in purge}
        self._accelerator.init_trackers(f"{self._run}-{stage}", init_kwargs=started)
        self._stage = stage


@contextmanager
def open_trackers(names: Sequence[str], out: Path, run: str) -> Iterator[Trackers]:
    """Trackers that are closed at the end, whatever happens."""
    trackers = Trackers(names, out, run)
    try:
        yield trackers
    finally:
        trackers.close()
