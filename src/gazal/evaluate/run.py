"""Let a model reply to cases, each reply kept as it comes, so that nothing is asked twice."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from gazal.config.sampling import Sampling
from gazal.core.case import Case
from gazal.core.chat import write_prompt
from gazal.core.store import append_line, cut_torn, read_traces, write_traces
from gazal.core.trace import Trace
from gazal.engine.base import Request, StreamingEngine


def collect_replies(
    engine: StreamingEngine, cases: Sequence[Case], sampling: Sampling, seed: int, path: Path
) -> Iterator[Trace]:
    """Write one reply to each case; yields each when it is there, those of an earlier run first.

    Args:
        engine: Who replies.
        cases: What is asked.
        sampling: How.
        seed: Of the draws, if any.
        path: The file of replies. It grows as ``<path>.part`` and gets its name when whole.

    Raises:
        DataError: It cannot be written.
    """
    part = path.with_name(f"{path.name}.part")
    known = {case.id for case in cases}
    found = {trace.case_id: trace for trace in _read_ledger(part) if trace.case_id in known}
    yield from found.values()
    missing = [
        Request(case_id=case.id, sample=0, prompt=write_prompt(case))
        for case in cases
        if case.id not in found
    ]
    for rollout in engine.stream(missing, sampling, seed):
        found[rollout.trace.case_id] = rollout.trace
        _append(part, rollout.trace)
        yield rollout.trace
    write_traces(path, (found[case.id] for case in cases))
    part.unlink(missing_ok=True)


def _read_ledger(path: Path) -> list[Trace]:
    """What an earlier run wrote. A last line that was torn and requests that failed are asked again."""
    if not path.exists():
        return []
    cut_torn(path)
    if not path.stat().st_size:
        return []
    traces = read_traces(path)
    served = [trace for trace in traces if trace.stop != "error"]
    if len(served) < len(traces):
        write_traces(path, served)
    return served


def _append(path: Path, trace: Trace) -> None:
    names = ("case_id", "text", "sample", "model", "stop", "n_tokens", "prompt_hash")
    append_line(path, {name: getattr(trace, name) for name in names})
