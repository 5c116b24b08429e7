"""The command line in processes of its own, quick to start: forked from one that has loaded everything.

Each child is as a fresh process, with its own memory, signals and exit status; only the seconds of importing
torch are saved.
"""

import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path


class Child:
    """One ``gazal`` at work."""

    def __init__(self, forker: "Forker", pid: int):
        self.forker, self.pid, self.status = forker, pid, None

    def poll(self) -> int | None:
        if self.status is None:
            self.status = self.forker.ask({"poll": self.pid})
        return self.status

    def wait(self) -> int:
        while self.poll() is None:
            time.sleep(0.005)
        assert self.status is not None
        return self.status


class Forker:
    """Starts ``gazal`` with some words; what it says goes to ``log``."""

    def __init__(self, log: Path):
        self.log = log
        environment = os.environ | {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
        self.process = subprocess.Popen(
            [sys.executable, __file__, str(log)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def __call__(self, words: Sequence[str], script: Path | None = None, **environment: str) -> Child:
        """Start ``gazal``, or a script, with some words."""
        what = {
            "words": [str(w) for w in words],
            "environment": environment,
            "script": script and str(script),
        }
        return Child(self, self.ask(what))

    def run(self, *words) -> tuple[int, str]:
        """Run to the end; returns the exit status and what was said."""
        before = self.log.stat().st_size if self.log.exists() else 0
        status = self(words).wait()
        return status, self.log.read_bytes()[before:].decode()

    def ask(self, what):
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def _be_child(words: list[str], script: str | None, log: str) -> None:
    from gazal.cli.main import main

    signal.signal(signal.SIGINT, signal.default_int_handler)  # Ignored where the tests run in the background.
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(file, 1)
    os.dup2(file, 2)
    sys.argv, status = ["gazal", *words], 0
    try:
        if script:
            sys.path += os.environ.get("PYTHONPATH", "").split(os.pathsep)
            runpy.run_path(script, run_name="__main__")
        else:
            main()
    except SystemExit as done:
        status = done.code if isinstance(done.code, int) else int(done.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter would at the top
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _serve(log: str) -> None:
    for name in ("cli.main", "curate.gather", "evaluate.stage", "train.stages"):
        importlib.import_module(f"gazal.{name}")
    from gazal.world.knowledge import load_knowledge

    load_knowledge()
    for line in sys.stdin:
        what = json.loads(line)
        if "poll" in what:
            pid, status = os.waitpid(what["poll"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        elif (answer := os.fork()) == 0:
            os.environ.update(what["environment"])  # The child's own copy.
            _be_child(what["words"], what["script"], log)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _serve(sys.argv[1])
