"""Alarms: what the history of a GRPO stage shows that a person must see. Pure functions of ``steps.jsonl``.

Each signal is one number for each step, larger the worse, computed from the steps up to it; an alarm is
raised at the step at which the number passes its threshold, and again only after it has been below. Signals
compare the mean over the first ``window`` steps with that over the newest ``window`` ones. A signal that was
not measured, or not often enough, says nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from statistics import fmean
from typing import Any

from gazal.config.alarms import ALARMS, Action, AlarmName, AlarmsConfig

Row = Mapping[str, float | None]
"""Metrics of one step, and ``step`` itself."""
History = Sequence[Row]
Measured = tuple[float, str]
"""A signal, and what was seen, for a person."""
Signal = Callable[[History, int], Measured | None]
FEWEST = 3
"""Measurements of the truth channel before anything is said of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """What happened, since when, and what to read."""

    name: AlarmName
    step: int
    """At which it was raised."""
    since: int
    """First step of the newest window: it began there or later."""
    value: float
    threshold: float
    what: str
    """For a person."""
    read: str
    """Which of the step's rollouts show it: key of ``rollouts.jsonl`` that they are largest in."""
    action: Action
    rollouts: tuple[str, ...] = ()
    """The three of them that show it most, as ``case id#sample``."""


def find_alarms(history: History, config: AlarmsConfig) -> list[Alarm]:
    """Every alarm that a history holds, in the order of the steps."""
    raised: list[Alarm] = []
    above: set[AlarmName] = set()
    for n in range(1, len(history) + 1):
        now: dict[AlarmName, Alarm] = {alarm.name: alarm for alarm in _look(history[:n], config)}
        raised += [alarm for name, alarm in now.items() if name not in above]
        above = {*now}
    return raised


def find_new_alarms(history: History, config: AlarmsConfig) -> list[Alarm]:
    """Those that the newest step raises."""
    before = {alarm.name for alarm in _look(history[:-1], config)}
    return [alarm for alarm in _look(history, config) if alarm.name not in before]


def name_rollouts(alarm: Alarm, records: Sequence[Mapping[str, Any]]) -> Alarm:
    """The alarm with the three of its step's rollouts that show it most."""
    shown = sorted(records, key=lambda record: -(record[alarm.read] or 0.0))[:3]
    return replace(alarm, rollouts=tuple(f"{record['case_id']}#{record['sample']}" for record in shown))


def measure(history: History, window: int) -> Mapping[AlarmName, float]:
    """Every signal that can be measured at the end of a history."""
    found: dict[AlarmName, float] = {}
    for name in ALARMS:
        if (seen := SIGNALS[name][0](history, window)) is not None:
            found[name] = seen[0]
    return found


def _look(history: History, config: AlarmsConfig) -> list[Alarm]:
    if not history:
        return []
    found: list[Alarm] = []
    step = int(history[-1]["step"] or 0)
    for name in ALARMS:
        action, threshold = config.find_action(name), config.find_threshold(name)
        signal, read = SIGNALS[name]
        seen = signal(history, config.window) if action != "off" else None
        if seen is not None and seen[0] >= threshold:
            found.append(
                Alarm(
                    name=name,
                    step=step,
                    since=max(1, step - config.window + 1),
                    value=seen[0],
                    threshold=threshold,
                    what=seen[1],
                    read=read,
                    action=action,
                )
            )
    return found


def _ends(history: History, key: str, window: int) -> tuple[float, float] | None:
    """Mean over the first window and over the newest; None until they do not overlap."""
    values = [value for row in history if (value := row.get(key)) is not None]
    if len(values) < 2 * window:
        return None
    return fmean(values[:window]), fmean(values[-window:])


def _newest(history: History, key: str, window: int) -> float | None:
    values = [value for row in history if (value := row.get(key)) is not None]
    return fmean(values[-window:]) if len(values) >= window else None


def _spread(share: float) -> float:
    """Standard deviation of a right-or-wrong answer, kept away from 0."""
    return sqrt(max(share * (1.0 - share), 0.05))


def _rise(history: History, window: int) -> float | None:
    """How far the reward has risen, in standard deviations that it had over the replies at the start.

    Not those within groups: cases differ, and where a group hardly does, any other draw of cases would
    look like a rise.
    """
    total, deviation = _ends(history, "reward/total", window), _ends(history, "reward_spread/total", window)
    if total is None or deviation is None:
        return None
    return (total[1] - total[0]) / max(deviation[0], 0.02)


def reward_ignores_answer(history: History, window: int) -> Measured | None:
    """How far advantages are from following right answers: 1 less their correlation within groups.

    Of the newest measurements, from the first on: what a reward pays for shows before a policy follows it.
    """
    seen = [value for row in history if (value := row.get("advantage/follows_right")) is not None]
    if not seen:
        return None
    follows = fmean(seen[-window:])
    return 1.0 - follows, f"advantages follow right answers with r = {follows:.2f} within groups"


def reward_outruns_accuracy(history: History, window: int) -> Measured | None:
    """By how many standard deviations the reward has risen more than the share of right replies."""
    rise, right = _rise(history, window), _ends(history, "rollout/right", window)
    if rise is None or right is None:
        return None
    gain = (right[1] - right[0]) / _spread(right[0])
    return rise - gain, (
        f"the reward rose by {rise:+.2f} of its standard deviations, replies right went from {right[0]:.0%} "
        f"to {right[1]:.0%}"
    )


def _truths(history: History) -> list[float]:
    return [value for row in history if (value := row.get("truth/right")) is not None]


def reward_outruns_truth(history: History, window: int) -> Measured | None:
    """By how many standard deviations the reward has risen more than greedy accuracy on held-out pairs."""
    rise, truths = _rise(history, window), _truths(history)
    if rise is None or len(truths) < FEWEST:
        return None
    now = fmean(truths[-2:])
    gain = (now - truths[0]) / _spread(truths[0])
    return rise - gain, (
        f"the reward rose by {rise:+.2f} of its standard deviations, held-out cases right went from "
        f"{truths[0]:.0%} to {now:.0%}"
    )


def truth_falls(history: History, window: int) -> Measured | None:
    """By how much greedy accuracy on held-out pairs has fallen, as the mean of two measurements."""
    truths = _truths(history)
    if len(truths) < FEWEST:
        return None
    now = fmean(truths[-2:])
    return truths[0] - now, f"held-out cases right went from {truths[0]:.0%} to {now:.0%}"


def component_dominates(history: History, window: int) -> Measured | None:
    """Largest share of the reward's variance within groups that one component other than the answer has."""
    names = {key for row in history[-window:] for key in row if key.startswith("reward_share/")}
    others = sorted(names - {"reward_share/answer", "reward_share/own"})
    shares = {name: _newest(history, name, window) for name in others}
    known = {name: share for name, share in shares.items() if share is not None}
    if not known:
        return None
    name = max(known, key=lambda name: known[name])
    return known[name], f"{name.partition('/')[2]} makes up {known[name]:.0%} of what tells replies apart"


def component_saturates(history: History, window: int) -> Measured | None:
    """Highest mean of a component that pays, has risen, and differs in hardly any group any more."""
    best: Measured | None = None
    for key in sorted(history[-1]):
        kind, _, name = key.partition("/")
        ends = _ends(history, f"score/{name}", window) if kind == "reward_dead" else None
        dead = _ends(history, f"reward_std/{name}", window)
        if ends is None or dead is None or ends[0] > 0.9 or dead[1] > 0.2 * dead[0]:
            continue
        if best is None or ends[1] > best[0]:
            best = ends[1], f"{name} went from {ends[0]:.2f} to {ends[1]:.2f} and tells no replies apart"
    return best


def length_to_cap(history: History, window: int) -> Measured | None:
    """Share of the way from the first length to the limit that replies have gone."""
    ends, cap = _ends(history, "rollout/tokens", window), history[-1].get("rollout/most_tokens")
    if ends is None or cap is None or cap <= ends[0]:
        return None
    return (ends[1] - ends[0]) / (cap - ends[0]), (
        f"replies went from {ends[0]:.0f} to {ends[1]:.0f} tokens of {cap:.0f}"
    )


def length_collapses(history: History, window: int) -> Measured | None:
    """Share of the first length that replies have lost."""
    ends = _ends(history, "rollout/tokens", window)
    if ends is None or ends[0] <= 0:
        return None
    return 1.0 - ends[1] / ends[0], f"replies went from {ends[0]:.0f} to {ends[1]:.0f} tokens"


def _jump(key: str, called: str) -> Signal:
    def signal(history: History, window: int) -> Measured | None:
        ends = _ends(history, key, window)
        return None if ends is None else (ends[1] - ends[0], f"{called}: {ends[0]:.0%} to {ends[1]:.0%}")

    return signal


def entropy_collapses(history: History, window: int) -> Measured | None:
    """Share of its first surprise (nats a token) that sampling has lost."""
    ends = _ends(history, "rollout/surprise", window)
    if ends is None or ends[0] <= 0:
        return None
    return 1.0 - ends[1] / ends[0], f"surprise went from {ends[0]:.3f} to {ends[1]:.3f} nats a token"


def no_signal(history: History, window: int) -> Measured | None:
    """Share of groups in which all replies earn the same."""
    share = _newest(history, "advantage/groups_equal", window)
    return None if share is None else (share, f"{share:.0%} of groups have nothing to compare")


def policy_blow_up(history: History, window: int) -> Measured | None:
    """How far the policy moves in a step, or has moved from its start: the larger of them (nats)."""
    seen = {key: _newest(history, key, 1) for key in ("policy/drift", "policy/kl")}
    known = {key: value for key, value in seen.items() if value is not None}
    if not known:
        return None
    key = max(known, key=lambda key: known[key])
    return known[key], f"{key} is {known[key]:.3g} nats a token"


def position_bias(history: History, window: int) -> Measured | None:
    """By how much more than at the start the favourite letter is chosen too often."""
    ends = _ends(history, "rollout/position", window)
    return (
        None
        if ends is None
        else (
            ends[1] - ends[0],
            f"the favourite letter is chosen {ends[1]:.0%} more often than it is the key, at the start "
            f"{ends[0]:.0%}",
        )
    )


SIGNALS: Mapping[AlarmName, tuple[Signal, str]] = {
    "reward_ignores_answer": (reward_ignores_answer, "advantage"),
    "reward_outruns_accuracy": (reward_outruns_accuracy, "total"),
    "reward_outruns_truth": (reward_outruns_truth, "total"),
    "truth_falls": (truth_falls, "total"),
    "component_dominates": (component_dominates, "total"),
    "component_saturates": (component_saturates, "total"),
    "length_to_cap": (length_to_cap, "n_tokens"),
    "length_collapses": (length_collapses, "total"),
    "truncated_jump": (_jump("rollout/truncated", "replies cut off"), "n_tokens"),
    "unparsed_jump": (_jump("rollout/unparsed", "replies without a readable answer"), "total"),
    "abstained_jump": (_jump("rollout/abstained", "replies that abstain"), "total"),
    "entropy_collapses": (entropy_collapses, "total"),
    "duplicates": (_jump("rollout/duplicates", "likeness of replies to one case"), "total"),
    "no_signal": (no_signal, "total"),
    "policy_blow_up": (policy_blow_up, "total"),
    "position_bias": (position_bias, "total"),
}
"""Alarm to its signal, and to what the rollouts worth reading are largest in."""
