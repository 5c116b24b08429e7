"""From single scores to one reward that cannot be talked up.

Where a reply stands is decided by its answer alone: right, above abstained, above wrong, above no answer
that can be read. Each of these classes has a band of the reward to itself, and what the other judges say
moves a reply within its band. So nothing they say lifts a wrong answer over a right one, and committing to
a wrong answer always pays more than committing to none. A reply that falls short of a gate goes to the lowest
place of its class that the weights allow.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from gazal.config.reward import RewardConfig
from gazal.core.case import Case
from gazal.core.score import Score, Verdict
from gazal.core.trace import Trace
from gazal.score.rubric import Opinions
from gazal.score.table import build_judges

Class = Literal["unanswered", "wrong", "abstained", "right"]
CLASSES: tuple[Class, ...] = get_args(Class)
"""From the lowest band to the highest. Unanswered: no box, several, one that names no option, or cut off
before there was one."""
_CLASSES: Mapping[str, Class] = {name: name for name in CLASSES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bands:
    """The middle of each class's band, and how far the bands reach to either side of it."""

    right: float
    abstained: float
    wrong: float
    unanswered: float
    reach: float


def compose(
    case: Case, trace: Trace, reward: RewardConfig, *, max_new_tokens: int, opinions: Opinions | None = None
) -> Verdict:
    """Judge a reply with every judge and compose what they say.

    Args:
        case: The case.
        trace: A reply to it.
        reward: What shaping weighs, what it must not fall short of, and when abstaining pays.
        max_new_tokens: What may be written; the length judge's limit.
        opinions: What a model thinks of replies, for the rubric judge; None leaves that judge out.

    Returns:
        A Verdict whose total is in [-1, 1]; None where the engine did not deliver the reply.
    """
    target = reward.find_length_target(max_new_tokens)
    judges = build_judges(
        length_target=target, length_limit=max(max_new_tokens, target + 1), opinions=opinions
    )
    scores = {name: judge(case, trace) for name, judge in judges.items()}
    parts = weigh(scores, reward)
    return Verdict(
        case_id=case.id,
        sample=trace.sample,
        scores=scores,
        total=sum(parts.values()) if parts else None,
        parts=parts,
        short_of=find_short(scores, reward) if parts else (),
    )


def weigh(scores: Mapping[str, Score], reward: RewardConfig) -> dict[str, float]:
    """What the answer and each judge with a weight add to the reward; empty where the answer is unscored.

    An unscored judge adds 0, and so does one that does not count in the class. Where a gate is missed, each
    that counts adds the least that it can.
    """
    answer, bands = scores["answer"], place_bands(reward.abstain_at)
    if answer.value is None:
        return {}
    found = find_class(answer)
    weights, short = list_counted(reward, found), find_short(scores, reward)
    middle: float = getattr(bands, found)
    units = {name: bands.reach * weights.get(name, 0.0) for name in reward.weights if name in scores}
    values = {name: -1.0 if short else scores[name].value or 0.0 for name in units}
    return {"answer": middle, **{name: unit * values[name] for name, unit in units.items()}}


def find_class(answer: Score) -> Class:
    """The class of a reply, by what the answer judge said of it."""
    return _CLASSES.get(answer.why, "unanswered")


def find_short(scores: Mapping[str, Score], reward: RewardConfig) -> tuple[str, ...]:
    """The gates that a reply falls short of.

    A judge that does not score it holds nothing back: a case without truth, or a failed call, is not the
    reply's fault. Nor does one that does not count in its class.
    """
    found = find_class(scores["answer"])
    return tuple(
        name
        for name, least in reward.gates.items()
        if name in scores
        and counts_in(name, found)
        and (value := scores[name].value) is not None
        and value < least
    )


def list_counted(reward: RewardConfig, found: Class) -> dict[str, float]:
    """Judge to weight, of those that count in a class."""
    return {name: weight for name, weight in reward.weights.items() if counts_in(name, found)}


def counts_in(name: str, found: Class) -> bool:
    """Whether a judge shapes a class: length does for right answers only.

    In a group where all are wrong, the shortest would otherwise be what is learned.
    """
    return name != "length" or found == "right"


def list_components(verdict: Verdict, reward: RewardConfig) -> dict[str, float]:
    """What a reward is made of, before the weights: component to value; empty where it is unscored.

    The answer's component is the middle of its band; components without a weight are left out.
    """
    if not verdict.parts:
        return {}
    reach = place_bands(reward.abstain_at).reach
    units = {name: reach * weight for name, weight in list_weights(reward).items()} | {"answer": 1.0}
    return {name: verdict.parts.get(name, 0.0) / unit for name, unit in units.items()}


def list_weights(reward: RewardConfig) -> dict[str, float]:
    """Component of the reward to its weight, where it has one; the answer is the unit."""
    return {"answer": 1.0, **reward.weights}


def place_bands(abstain_at: float) -> Bands:
    """Place four bands in [-1, 1] that do not overlap, as wide as they can be.

    Args:
        abstain_at: Where abstaining stands between wrong (0) and right (1). An answer that is right with
            this probability is worth as much, on average, as abstaining.
    """
    nearest = min(abstain_at, 1.0 - abstain_at)
    # Wrong and right lie 2 - 4 * reach apart, of which the nearer neighbours take their share: 2 * reach.
    reach = nearest / (1.0 + 2.0 * nearest)
    right, wrong = 1.0 - reach, -1.0 + 3.0 * reach
    return Bands(
        right=right,
        abstained=wrong + abstain_at * (right - wrong),
        wrong=wrong,
        unanswered=-1.0 + reach,
        reach=reach,
    )
