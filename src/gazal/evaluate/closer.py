"""A closer look at the replies to one suite: by protocol, by stated confidence, by group, over samples."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from gazal.core.case import Case
from gazal.core.pairs import find_pairs
from gazal.core.trace import Trace
from gazal.evaluate.confidence import weigh_confidence
from gazal.evaluate.counted import find_counted
from gazal.evaluate.groups import weigh_groups
from gazal.evaluate.protocols import weigh_protocols
from gazal.evaluate.samples import compare_samples, keep_first

LOOKS = ("protocols", "calibration", "groups", "samples")


def look_closer(cases: Sequence[Case], replies: Mapping[str, Sequence[Trace]]) -> dict[str, dict[str, Any]]:
    """What `LOOKS` show of each model, as JSON values; a model that a look says nothing of is left out.

    Args:
        cases: Of one suite.
        replies: Name of the model to its replies to them.
    """
    counted = find_counted(cases, find_pairs(cases))
    found: dict[str, dict[str, Any]] = {look: {} for look in LOOKS}
    found["samples"] = compare_samples(counted, replies)
    for name, traces in ((name, keep_first(every)) for name, every in replies.items()):
        protocols = weigh_protocols(cases, traces)
        found["protocols"][name] = {key: asdict(outcome) for key, outcome in protocols.items()}
        if (stated := weigh_confidence(counted, traces)) is not None:
            found["calibration"][name] = asdict(stated)
        if divisions := weigh_groups(counted, traces):
            found["groups"][name] = {
                division: {group: asdict(outcome) for group, outcome in groups.items()}
                for division, groups in divisions.items()
            }
    return found
