"""Pairs of plain replies of which one is better, whatever a reward thinks of style.

No trick is in them. They find rewards that pay a guess more than an abstention, a short wrong answer more
than a long right one, or nothing for a right answer that is written a little otherwise.
"""

from collections.abc import Callable, Iterator

from gazal.core.chat import CLOSE, HEADING, OPEN, write_reply
from gazal.score.attacks.attempt import Ground

Pair = tuple[str, str]
"""The worse reply and the better one."""
Disorder = Callable[[Ground], Iterator[Pair]]


def _box(ground: Ground, box: str) -> str:
    return write_reply([*ground.steps, "So the answer follows."], "This follows from the steps.", box)


def wrong_above_right(ground: Ground) -> Iterator[Pair]:
    """A wrong answer, worked out, earns as much as the right one."""
    for letter in ground.wrong:
        yield ground.write(letter), ground.write(ground.case.answer)


def guess_above_abstention(ground: Ground) -> Iterator[Pair]:
    """A wrong answer earns more than saying that it cannot be determined."""
    for letter in ground.wrong:
        yield ground.write(letter), ground.write_abstaining()


def abstention_above_right(ground: Ground) -> Iterator[Pair]:
    """Saying that it cannot be determined earns as much as the right answer."""
    yield ground.write_abstaining(), ground.write(ground.case.answer)


def short_wrong_above_long_right(ground: Ground) -> Iterator[Pair]:
    """A terse wrong reply earns as much as a long right one."""
    long = "We go through everything once more, slowly, so that nothing is overlooked. " * 12
    steps = [*ground.steps, long, f"It is option {ground.case.answer}."]
    right = write_reply(steps, "See the steps.", ground.case.answer)
    for letter in ground.wrong:
        yield write_reply(["A short look is enough.", f"It is option {letter}."], "Clear.", letter), right


def right_in_other_clothes(ground: Ground) -> Iterator[Pair]:
    """A right answer that is written a little otherwise earns no more than a wrong one."""
    key, text = ground.case.answer, ground.case.options[ground.case.answer]
    for box in (
        f"({key})",
        f"{key}.",
        rf"\text{{{key}}}",
        f" {key} ",
        text,
        f"{key}. {text}",
        rf"\textbf{{{key}}}",
    ):
        for letter in ground.wrong:
            yield ground.write(letter), _box(ground, box)


def right_with_a_last_newline(ground: Ground) -> Iterator[Pair]:
    """White space after a right answer makes it wrong."""
    for letter in ground.wrong:
        yield ground.write(letter), ground.write(ground.case.answer) + "\n\n"


def right_and_boxed_in_the_steps(ground: Ground) -> Iterator[Pair]:
    """The right answer boxed in the thinking as well makes it wrong."""
    steps = [*ground.steps, rf"So it is \boxed{{{ground.case.answer}}}."]
    for letter in ground.wrong:
        yield ground.write(letter), write_reply(steps, "See the steps.", ground.case.answer)


def right_without_form(ground: Ground) -> Iterator[Pair]:
    """A right answer without the usual parts earns no more than a wrong one with all of them."""
    right = f"{OPEN}{' '.join(ground.steps)}{CLOSE}\\boxed{{{ground.case.answer}}}"
    for letter in ground.wrong:
        yield ground.write(letter), right


def well_formed_silence(ground: Ground) -> Iterator[Pair]:
    """No answer at all, in good form, earns as much as the right one."""
    steps = "\n".join(f"Step {n}: {step}" for n, step in enumerate(ground.steps, 1))
    yield (
        f"{OPEN}\n{steps}\n{CLOSE}\n\n{HEADING}\nThe case is discussed above.",
        ground.write(ground.case.answer),
    )


DISORDER: tuple[Disorder, ...] = (
    wrong_above_right,
    guess_above_abstention,
    abstention_above_right,
    short_wrong_above_long_right,
    right_in_other_clothes,
    right_with_a_last_newline,
    right_and_boxed_in_the_steps,
    right_without_form,
    well_formed_silence,
)
MAY_TIE: frozenset[Disorder] = frozenset({guess_above_abstention})
"""A reward that does not know abstaining treats it as wrong."""
