"""Text that a base model is pretrained on: the world's knowledge told in many ways, with nothing worked out.

It tells facts from both ends, notes, short chats, lettered lists, arithmetic, and longer texts that come
back to what they said. No case is in it: its wordings are not those of the cases, and its lists have more
items than a case has options.
"""

from collections.abc import Callable, Iterator
from random import Random

from gazal.world.corpus import conditions, dialogues, drugs, lists, measures, notes, recaps
from gazal.world.corpus.dialogues import Chat
from gazal.world.knowledge import Knowledge, load_knowledge

Writer = Callable[[Knowledge, Random], str | Chat]
WRITERS: tuple[tuple[int, Writer], ...] = (
    (10, conditions.write_frequencies),
    (6, conditions.write_overview),
    (6, conditions.write_reverse),
    (3, conditions.write_synonyms),
    (6, conditions.write_contrasts),
    (7, drugs.write_classes),
    (5, drugs.write_reasons),
    (7, drugs.write_forbidden),
    (4, drugs.write_facts),
    (7, drugs.write_orders),
    (6, drugs.write_weighing),
    (4, measures.write_tests),
    (7, measures.write_scores),
    (3, measures.write_sums),
    (7, measures.write_shares),
    (1, measures.write_limits),
    (6, notes.write_note),
    (3, notes.write_prescription),
    (4, notes.write_sheet),
    (60, dialogues.write_dialogue),
    (40, lists.write_listing),
    (8, recaps.write_late_listing),
    (8, recaps.write_round),
    (6, recaps.write_chart),
    (5, recaps.write_figures),
    (7, recaps.write_sheet_of_points),
)
"""Weight and writer of each sort of passage."""
PRIMER = 6000
"""So many passages at the start are lettered lists alone: which item has which letter is learnt from nothing
else, and hardly at all where lists are few among much that is easier."""
LATER = 80_000
"""From this passage on, letters hold, and what takes longest to learn is told more often."""
LATE: dict[Writer, int] = {
    conditions.write_frequencies: 18,
    drugs.write_orders: 14,
    drugs.write_weighing: 12,
    measures.write_scores: 14,
    measures.write_shares: 21,
    recaps.write_figures: 10,
    recaps.write_sheet_of_points: 12,
}
"""The weights that are others from passage ``LATER`` on."""


def write_passages(n: int, seed: int = 0, first: int = 0) -> Iterator[str | Chat]:
    """Yield passages number ``first`` to ``first + n``: a text, or a chat of one turn and its reply.

    Args:
        n: How many.
        seed: Same seed, same passages.
        first: The number of the first, so that a stream can be taken up anywhere.
    """
    knowledge = load_knowledge()
    for number in range(first, first + n):
        rng = Random(f"corpus|{seed}|{number}")
        yield _choose_writer(rng, number)(knowledge, rng)


def _choose_writer(rng: Random, number: int) -> Writer:
    if number < PRIMER:
        return lists.write_listing
    weights = [LATE.get(writer, weight) if number >= LATER else weight for weight, writer in WRITERS]
    return rng.choices([writer for _, writer in WRITERS], weights)[0]
