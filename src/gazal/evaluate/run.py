"""Let a model reply to cases, each reply kept as it comes, so that nothing is asked twice."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gazal.config.sampling import Sampling
from gazal.core.case import Case
from gazal.core.chat import write_prompt
from gazal.core.store import append_line, cut_torn, read_traces, write_traces
from gazal.core.trace import Trace
from gazal.engine.base import Request, StreamingEngine


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """How models are asked."""

    sampling: Sampling
    seed: int
    """Of the draws, if any."""
    samples: int = 1
    """Replies to each case."""
    altered: Sequence[Case] = ()
    """Cases of which a model's reasoning is altered and its answer asked again, where it is in memory."""


def collect_replies(engine: StreamingEngine, cases: Sequence[Case], how: How, path: Path) -> Iterator[Trace]:
    """Write replies to each case; yields each when it is there, those of an earlier run first.

    Args:
        engine: Who replies.
        cases: What is asked.
        how: How often, and how replies are drawn.
        path: The file of replies. It grows as ``<path>.part`` and gets its name when whole.

    Raises:
        DataError: It cannot be written.
    """
    part = path.with_name(f"{path.name}.part")
    wanted = {
        (case.id, sample): Request(case_id=case.id, sample=sample, prompt=write_prompt(case))
        for sample in range(how.samples)
        for case in cases
    }
    found = {key: trace for trace in _read_ledger(part) if (key := (trace.case_id, trace.sample)) in wanted}
    yield from found.values()
    missing = [request for key, request in wanted.items() if key not in found]
    for rollout in engine.stream(missing, how.sampling, how.seed):
        found[rollout.trace.case_id, rollout.trace.sample] = rollout.trace
        _append(part, rollout.trace)
        yield rollout.trace
    write_traces(path, (found[key] for key in wanted))
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
