"""How difficult a case is, as far as its truth tells."""

from gazal.core.truth import DiagnosisTruth, PrognosisTruth, Truth, UncertaintyTruth
from gazal.world.draft import Difficulty
from gazal.world.kinds.decisions import EASY_GAP, log_odds
from gazal.world.kinds.vignettes import grade_posterior
from gazal.world.knowledge import load_knowledge

ALL: frozenset[Difficulty] = frozenset({"easy", "medium", "hard"})


def list_grades(truth: Truth) -> frozenset[Difficulty]:
    """The difficulties that a case with this truth can have been asked for with.

    One for a diagnosis. Elsewhere the dial turns what the truth shows only in part (how near numbers lie to
    limits, how many facts are mentioned besides), so that several may be possible.
    """
    match truth:
        case DiagnosisTruth():
            return frozenset({grade_posterior(max(truth.posterior.values()))})
        case UncertaintyTruth(stated=False):
            return frozenset({"hard"})
        case UncertaintyTruth(form="post_test"):
            return frozenset({"easy" if truth.other_pretest is None else "medium"})
        case UncertaintyTruth():
            limits = (limit for limit in (truth.test_below, truth.treat_above) if limit is not None)
            room = min(abs(log_odds(truth.posttest) - log_odds(limit)) for limit in limits)
            return frozenset({"easy", "medium"} if room >= EASY_GAP - 1e-4 else {"medium"})
        case PrognosisTruth():
            published = [name for name in load_knowledge().scores[truth.score].items if name in truth.values]
            return ALL if list(truth.values) == published else frozenset({"hard"})
        case _:
            return ALL
