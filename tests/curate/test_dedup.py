"""Near duplicates: from the least similarity on, and not below it, also where a band of hashes is shared."""

from random import Random

from gazal.core.case import Case
from gazal.curate.dedup import LEAST, Seen, take_apart


def make_case(number: int, words: list[str]) -> Case:
    return Case(
        id=f"t/train/{number:03d}",
        kind="diagnosis",
        question=" ".join(words),
        options={"A": "one thing", "B": "another thing"},
        answer="A",
        licence="MIT",
    )


def test_what_shares_a_band_but_is_less_alike_is_no_repeat():
    rng, candidates, repeats = Random(0), 0, 0
    for number in range(40):
        words = ["".join(rng.choices("abcdefgh", k=6)) for _ in range(100)]  # No digit: numbers must agree.
        edited = [*words[:75], *("".join(rng.choices("stuvwxyz", k=6)) for _ in range(25))]
        first, second = (take_apart(make_case(n, text)) for n, text in enumerate((words, edited), number * 2))
        seen = Seen()
        seen.add(first)
        alike, found = first.hashed.jaccard(second.hashed), seen.find(second)
        candidates += bool(seen._near.query(second.hashed)) and alike < LEAST
        repeats += found is not None
        assert (found is None) or (found.similarity == alike >= LEAST and not found.exact)
    assert candidates >= 10 > repeats
