"""What the corpus says of tests, bedside scores and arithmetic."""

from random import Random

from gazal.core.truth import Sex
from gazal.world.corpus.conditions import capital, fill
from gazal.world.kinds.decisions import write_share
from gazal.world.kinds.prognosis import PRESSURE, write_number, write_points
from gazal.world.knowledge import Knowledge
from gazal.world.records import AgeItem, BedsideScore, LevelItem, NumberItem, PressureItem, Test
from gazal.world.scoring import points, risk_class
from gazal.world.text import pick

USE = (
    "The {test} looks for {condition}.",
    "To find {condition} one can order the {test}.",
    "{Condition} is sought with the {test}.",
)
QUALITY = (
    "The {test} finds {sensitivity} of those who have {condition} and clears {specificity} of the rest.",
    "{test}: sensitivity {sensitivity}, specificity {specificity}.",
)
RESULT = (
    "{Result} is a {word} {test}.",
    "Result: {result}. That makes the {test} {word}.",
)
THRESHOLD = (
    "From {treat} upwards one would {action}; below {below} one would neither treat nor test further.",
    "The treatment threshold of {condition} is {treat} and the test threshold {below}.",
)
SCORE = (
    "The {score} was made for {setting} and tells the {purpose}.",
    "In {setting} one adds up the {score}.",
    "For {purpose} in {setting} there is the {score}.",
)
POINT = (
    "{score}: {item} gives {points}.",
    "In the {score} one counts {points} for {item}.",
    "{points} for {item} ({score}).",
)
TOTAL = (
    "A {score} of {total} stands for {name}.",
    "{score}, total {total}: {name}.",
    "{total} in the {score} means {name}.",
)
SEXES: tuple[Sex, ...] = ("female", "male")
PERCENTS = (1, 2, 3, 5, 8, 10, 15, 20, 25, 30, 40, 50, 60, 70)


def write_tests(knowledge: Knowledge, rng: Random) -> str:
    """What a test is for, how good it is, how its results read, and from where one acts."""
    test = pick(rng, list(knowledge.tests.values()))
    condition = knowledge.conditions[test.condition].name
    lines = [fill(pick(rng, USE), test=test.name, condition=condition)]
    shares = {"sensitivity": write_share(test.sensitivity), "specificity": write_share(test.specificity)}
    if rng.random() < 0.5:
        lines.append(fill(pick(rng, QUALITY), test=test.name, condition=condition, **shares))
    for _ in range(2):
        positive = rng.random() < 0.5
        result = pick(rng, test.positive if positive else test.negative)
        word = "positive" if positive else "negative"
        lines.append(fill(pick(rng, RESULT), result=result, word=word, test=test.name))
    if rng.random() < 0.4:
        limits = {"treat": write_share(test.treat_above), "below": write_share(test.test_below)}
        lines.append(fill(pick(rng, THRESHOLD), action=test.action, condition=condition, **limits))
    return " ".join(lines)


def write_scores(knowledge: Knowledge, rng: Random) -> str:
    """What a score is for, what its items are worth, and what totals mean."""
    score = pick(rng, list(knowledge.scores.values()))
    about = {"score": score.name, "setting": score.setting, "purpose": score.purpose}
    lines = [fill(pick(rng, SCORE), **about)]
    for name in rng.choices(list(score.items), k=rng.randint(3, 5)):
        item, worth = draw_item(rng, score, name)
        parts = {"score": score.name, "item": item, "points": write_points(worth)}
        lines.append(capital(fill(pick(rng, POINT), **parts)))
    for _ in range(2):
        total = sum(draw_item(rng, score, item)[1] for item in score.items)
        name = risk_class(score, total)
        lines.append(fill(pick(rng, TOTAL), score=score.name, total=write_number(total), name=name))
    return " ".join(lines)


def draw_item(rng: Random, score: BedsideScore, name: str) -> tuple[str, float]:
    """Draw how an item of a score reads, and what that is worth."""
    item = score.items[name]
    if isinstance(item, LevelItem):
        level = pick(rng, item.levels)
        return pick(rng, level.phrases), level.points
    age, sex = rng.randint(*score.age), pick(rng, SEXES)
    if isinstance(item, NumberItem):
        value = round(rng.uniform(*item.range), item.decimals)
        who = (" of a woman" if sex == "female" else " of a man") if item.male_bands else ""
        return item.text.format(value=f"{value:.{item.decimals}f}") + who, points(
            score, name, value, age, sex
        )
    if isinstance(item, PressureItem):
        systolic = rng.randint(75, 160)
        value = f"{systolic}/{min(rng.randint(45, 95), systolic - 15)}"
        return PRESSURE.format(value=value), points(score, name, value, age, sex)
    shown = f"age {age}" if isinstance(item, AgeItem) else f"{sex} sex"
    return shown, points(score, name, "", age, sex)


def write_sums(knowledge: Knowledge, rng: Random) -> str:
    """Additions of the kind that scores need."""
    lines = []
    for _ in range(rng.randint(2, 4)):
        terms = [rng.choice((0, 0, 0, 0, 1, 1, 1, 2, 3, 1.5, 4)) for _ in range(rng.randint(3, 10))]
        written = " + ".join(write_number(term) for term in terms)
        start = pick(rng, ("", "The sum of these: ", "Added up: ", "Total: "))
        lines.append(f"{start}{written} = {write_number(sum(terms))}.")
    return " ".join(lines)


def write_shares(knowledge: Knowledge, rng: Random) -> str:
    """Percentages of counts and counts as percentages."""
    lines = []
    for _ in range(4):
        test, n = pick(rng, list(knowledge.tests.values())), 10 * pick(rng, PERCENTS)
        share = pick(rng, _shares(test))
        n = pick(rng, (n, 1000 - n))
        part = n * share
        lines.append(f"{write_share(share)} of {n} is {part:.1f}.")
        if rng.random() < 0.6:
            whole = part + rng.choice((n, 1000 - n)) * pick(rng, _shares(test))
            lines.append(f"{part:.1f} of {whole:.1f}: {write_share(part / whole)}.")
    return " ".join(lines)


def write_limits(knowledge: Knowledge, rng: Random) -> str:
    """Whether percentages lie above or below others."""
    lines = []
    for _ in range(5):
        a, b = rng.randint(1, 99), rng.randint(1, 99)
        if a != b:
            lines.append(f"{a}% is {'above' if a > b else 'below'} {b}%.")
    return " ".join(lines)


def _shares(test: Test) -> tuple[float, ...]:
    return (test.sensitivity, 1 - test.sensitivity, test.specificity, 1 - test.specificity)
