"""Several replies to each case: mean accuracy, accuracy of the majority, and of the best of k."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import comb
from typing import Any

import numpy as np

from gazal.core.case import Case
from gazal.core.trace import Trace
from gazal.evaluate.compare import RESAMPLES
from gazal.evaluate.confidence import Confidence, measure
from gazal.evaluate.protocols import read_protocol
from gazal.score.commitment import judge_leniently

LARGEST = 20_000_000
"""Numbers that are drawn at one time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A mean over cases."""

    value: float
    ci95: tuple[float, float]
    """Percentile bootstrap over the cases, so that replies to one case stay together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """One model's replies to one suite, as many to each case. Lenient protocol."""

    n: int
    """Cases."""
    k: int
    """Replies to each."""
    mean: Share
    """Accuracy of one reply."""
    majority: Share | None
    """Accuracy of the option that most replies commit to; of equals each counts by its share. None where a
    case has no options. A case to which no reply commits counts as not right."""
    passed: Mapping[int, Share]
    """k to the chance that one of k replies is right (unbiased, Chen et al. 2021): of what can be reached."""
    agreement: Confidence | None
    """The share of replies that agree with the majority, as a confidence in it."""


def weigh_samples(cases: Sequence[Case], traces: Sequence[Trace]) -> Sampled | None:
    """What several replies to each case come to; None where there is one to each, or not as many to all.

    Args:
        cases: Those that accuracy is over.
        traces: Replies; those to other cases are left out.
    """
    by_id = {case.id: case for case in cases}
    found: dict[str, list[Trace]] = {}
    for trace in traces:
        if trace.case_id in by_id:
            found.setdefault(trace.case_id, []).append(trace)
    k = min(map(len, found.values()), default=0)
    if k < 2 or any(len(mine) != k for mine in found.values()):
        return None
    right_NK = np.array(
        [[judge_leniently(by_id[c], t).why == "right" for t in mine] for c, mine in found.items()]
    )
    votes = [vote(by_id[case_id], mine) for case_id, mine in found.items()]
    optional = all(by_id[case_id].options for case_id in found)
    draws = draw_cases(len(found))
    agreed = [(share, right) for share, right in votes if share]
    counts = right_NK.sum(axis=1)
    return Sampled(
        n=len(found),
        k=k,
        mean=find_share(right_NK.mean(axis=1), draws),
        majority=find_share(np.array([right for _, right in votes]), draws) if optional else None,
        passed={m: find_share(find_passed(counts, k, m), draws) for m in _list_ks(k)},
        agreement=measure([s for s, _ in agreed], [r > 0.5 for _, r in agreed], len(votes))
        if optional and len(agreed) > 1
        else None,
    )


def keep_first(traces: Sequence[Trace]) -> list[Trace]:
    """Of several samples of a case the one with the least number; the same number twice stays twice."""
    least: dict[str, int] = {}
    for trace in traces:
        least[trace.case_id] = min(trace.sample, least.get(trace.case_id, trace.sample))
    return [trace for trace in traces if trace.sample == least[trace.case_id]]


def compare_samples(cases: Sequence[Case], replies: Mapping[str, Sequence[Trace]]) -> dict[str, Any]:
    """Model to what its samples come to, as JSON values; models with one reply to each case are left out."""
    found = {name: weigh_samples(cases, traces) for name, traces in replies.items()}
    return {name: asdict(sampled) for name, sampled in found.items() if sampled is not None}


def vote(case: Case, traces: Sequence[Trace]) -> tuple[float, float]:
    """Share of the replies that commit to the majority's option, and how right that is: of equals a share."""
    read = [read_protocol("lenient", case, trace) for trace in traces]
    counts = Counter(letter for letter in read if letter is not None)
    if not counts:
        return 0.0, 0.0
    most = max(counts.values())
    first = [letter for letter, n in counts.items() if n == most]
    return most / len(traces), (case.answer in first) / len(first)


def find_passed(right_N: np.ndarray, n: int, k: int) -> np.ndarray:
    """For each case the chance that k of its n replies, drawn without putting back, hold a right one."""
    return np.array([1.0 - comb(n - int(right), k) / comb(n, k) for right in right_N])


def draw_cases(n: int) -> np.ndarray:
    """How often each of n cases comes in each of many resamples, as shares: (resamples, n)."""
    most = max(1_000, min(RESAMPLES, LARGEST // n))
    return np.random.default_rng(0).multinomial(n, np.full(n, 1.0 / n), size=most) / n


def find_share(value_N: np.ndarray, draws_RN: np.ndarray) -> Share:
    """A mean over cases with its interval."""
    low, high = np.quantile(draws_RN @ value_N, (0.025, 0.975))
    return Share(value=float(value_N.mean()), ci95=(float(low), float(high)))


def _list_ks(k: int) -> list[int]:
    """1, 2, 4, ... and k itself."""
    return sorted({*(2**m for m in range(k.bit_length()) if 2**m <= k), k})
