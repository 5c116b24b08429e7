"""Gather the cases, and the worked replies to learn from, that a recipe names."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random

from gazal.cases.explained import EXPLAINED, find_explained, load_explained, read_explained
from gazal.cases.own import read_cases_of
from gazal.cases.table import find_suite, load_suite, locate_suite
from gazal.config.data import CuratedSource, FileSource, Source, SuiteSource, WorldSource
from gazal.core.case import Case
from gazal.core.store import read_cases, read_traces
from gazal.core.trace import Trace
from gazal.curate.formats import read_examples
from gazal.errors import ConfigError, DataError
from gazal.score.answer import judge_answer
from gazal.score.format import judge_format
from gazal.world.generate import make_cases
from gazal.world.solve import solve

Pair = tuple[Case, Trace]


def leave_out_absent(sources: Sequence[Source]) -> tuple[list[Source], list[str]]:
    """Sources without the optional ones whose files are not at hand, and the names of those.

    Raises:
        DataError: None is left.
        ConfigError: There is no such suite, or GAZAL_DATA is not set.
    """
    kept, left_out = [], []
    for source in sources:
        if isinstance(source, SuiteSource) and source.optional and not is_at_hand(source.suite):
            left_out.append(source.suite)
        else:
            kept.append(source)
    if not kept:
        raise DataError(
            f"no file of {', '.join(left_out)} is at hand. Put one into the folder of GAZAL_DATA."
        )
    return kept, left_out


def is_at_hand(name: str) -> bool:
    """Whether the files of a public set are in the folder of GAZAL_DATA."""
    try:
        find_files(name)
    except DataError:
        return False
    return True


def refuse_keys(name: str) -> ConfigError:
    """What to say where a suite with keys alone is to be learned from."""
    return ConfigError(
        f"sft.examples: suite {name} has keys but nothing to learn from. Sets with explanations: "
        f"{', '.join(EXPLAINED)}. Keys serve grpo.cases."
    )


def find_files(name: str) -> Path:
    """The file or folder of a public set.

    Raises:
        DataError: It is not at hand.
        ConfigError: There is no such set, or GAZAL_DATA is not set.
    """
    return locate_suite(find_explained(name) if name in EXPLAINED else find_suite(name), None)


def gather_cases(sources: Sequence[Source], seed: int, limit: int | None = None) -> Iterator[Case]:
    """Yield the cases of all sources, one source after the other.

    Args:
        sources: Where from.
        seed: For world sources that do not set their own, and for draws from a suite.
        limit: At most so many of each source; of a suite, drawn from all of it.

    Raises:
        DataError: A case comes twice, or a file cannot be read.
        ConfigError: There is no such suite.
    """
    seen: set[str] = set()
    for place, source in enumerate(sources):
        for case in _cut(_read_cases(source, seed), source, limit, seed):
            if case.id in seen:
                raise DataError(
                    f"source {place}: case {case.id} came from an earlier source already. Give world sources "
                    "different seeds, or name each suite once."
                )
            seen.add(case.id)
            yield case


def gather_examples(
    sources: Sequence[Source], seed: int, dropped: Counter[str] | None = None
) -> Iterator[Pair]:
    """Yield cases with a worked reply each; the replies have passed the judges of answer and format.

    Args:
        sources: Where from.
        seed: As for `gather_cases`.
        dropped: Counts rows of public sets that could not be used, by set and reason.

    Raises:
        DataError: As `gather_cases`; also where a reply is missing, wrong or out of format.
        ConfigError: A suite has keys but no explanations to learn from.
    """
    seen: set[str] = set()
    for place, source in enumerate(sources):
        for case, trace in _read_examples(source, seed, Counter() if dropped is None else dropped):
            if case.id in seen:
                raise DataError(
                    f"source {place}: case {case.id} comes a second time. Keep one reply to each case, and "
                    "name each source once."
                )
            seen.add(case.id)
            for judge in (judge_answer, judge_format):
                score = judge(case, trace)
                if score.value != 1.0:
                    raise DataError(
                        f"source {place}: the reply to {case.id} cannot be learned from ({score.why}). "
                        "Take it out of the file, or mend it: README has the format, with two steps or more."
                    )
            yield case, trace


def _read_cases(source: Source, seed: int) -> Iterator[Case]:
    match source:
        case WorldSource():
            yield from make_cases(
                source.kinds,
                n=source.n,
                seed=seed if source.seed is None else source.seed,
                split=source.split,
                difficulty=source.difficulty,
                twins=source.twins,
            )
        case SuiteSource(suite=name) if name in EXPLAINED:
            yield from (case for case, _ in load_explained(name, limit=source.n, seed=seed))
        case SuiteSource(suite=name):
            yield from load_suite(name)
        case FileSource(cases=path):
            yield from read_cases_of(path)
        case CuratedSource(path=path):
            yield from (example.case for example in read_examples(path))


def _cut(cases: Iterator[Case], source: Source, limit: int | None, seed: int) -> Iterator[Case]:
    """The world's cases come in random order: take the first. Of others draw some, in their own order."""
    wanted = [n for n in (source.n if isinstance(source, SuiteSource) else None, limit) if n is not None]
    if not wanted:
        yield from cases
    elif isinstance(source, WorldSource):
        yield from (case for _, case in zip(range(min(wanted)), cases, strict=False))
    else:
        whole = list(cases)
        chosen = Random(f"draw|{seed}").sample(range(len(whole)), min(*wanted, len(whole)))
        yield from (whole[number] for number in sorted(chosen))


def _read_examples(source: Source, seed: int, dropped: Counter[str]) -> Iterator[Pair]:
    match source:
        case WorldSource():
            yield from ((case, solve(case)) for case in _read_cases(source, seed))
        case SuiteSource(suite=name) if name in EXPLAINED:
            found = read_explained(name, limit=source.n, seed=seed)
            dropped.update({f"{name}:{reason}": n for reason, n in found.dropped.items()})
            yield from found.pairs
        case SuiteSource(suite=name):
            raise refuse_keys(name)
        case FileSource(cases=path, replies=None):
            raise ConfigError(f"sft.examples: {path} comes without replies. Name their file with `replies`.")
        case CuratedSource(path=path):
            yield from ((example.case, example.trace) for example in read_examples(path))
        case FileSource(cases=path, replies=replies):
            assert replies is not None
            yield from _join(read_cases(path), read_traces(replies), str(replies))


def _join(cases: list[Case], traces: list[Trace], where: str) -> Iterator[Pair]:
    by_id: Callable[[str], Case | None] = {case.id: case for case in cases}.get
    for trace in traces:
        case = by_id(trace.case_id)
        if case is None:
            raise DataError(
                f"{where}: a reply to {trace.case_id}, which is no case of the file beside it. Take it out, "
                "or add the case."
            )
        yield case, trace
    if missing := [case.id for case in cases if case.id not in {trace.case_id for trace in traces}]:
        raise DataError(
            f"{where}: no reply to {missing[0]} ({len(missing)} in all). Add them, or take the cases out."
        )
