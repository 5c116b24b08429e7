"""A reward as a person sees it: what weighs, what is asked for, and where each class may end up."""

from dataclasses import dataclass

from gazal.config.reward import SHAPERS, RewardConfig
from gazal.score.compose import CLASSES, Class, counts_in, list_counted, place_bands


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A judge that shapes a reward."""

    name: str
    weight: float
    """0 for one that is a gate alone."""
    gate: float | None
    """The least that it must say; None where nothing is asked."""
    moves: float
    """Most that it moves a reward up or down from the middle of the band."""
    counts_in: tuple[Class, ...]
    """The classes that it shapes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Where replies of one class stand in [-1, 1]."""

    name: Class
    low: float
    high: float
    """Nothing beyond belongs to the class: bands do not overlap."""
    middle: float
    """The reward before shaping."""
    least: float
    """What the weights can bring it down to: the reward of a reply that misses a gate."""
    most: float
    """What they can bring it up to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A whole reward."""

    terms: tuple[Term, ...]
    """Those with a weight or a gate, in the order of the settings."""
    bands: tuple[Band, ...]
    """From the lowest to the highest."""


def outline_reward(reward: RewardConfig) -> Outline:
    """List what a reward weighs and gates, and place its bands."""
    bands = place_bands(reward.abstain_at)
    weights = reward.weights
    return Outline(
        terms=tuple(
            Term(
                name=name,
                weight=weights.get(name, 0.0),
                gate=reward.gates.get(name),
                moves=bands.reach * weights.get(name, 0.0),
                counts_in=tuple(found for found in CLASSES if counts_in(name, found)),
            )
            for name in SHAPERS
            if name in weights or name in reward.gates
        ),
        bands=tuple(_place(found, reward) for found in CLASSES),
    )


def _place(found: Class, reward: RewardConfig) -> Band:
    bands = place_bands(reward.abstain_at)
    middle: float = getattr(bands, found)
    shaping = bands.reach * sum(list_counted(reward, found).values())
    return Band(
        name=found,
        low=middle - bands.reach,
        high=middle + bands.reach,
        middle=middle,
        least=middle - shaping,
        most=middle + shaping,
    )
