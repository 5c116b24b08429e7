"""What was done and what came of it, in sentences that follow from the numbers by rule.

A difference counts as more than chance where the exact McNemar test gives p below 0.05. Nothing is called
better than guessing unless its whole interval lies above what guessing gives.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise

from gazal.config.data import WorldSource
from gazal.config.recipe import Recipe
from gazal.evaluate.compare import Paired
from gazal.evaluate.results import Result
from gazal.report.guess import Guess
from gazal.report.numbers import EVALUATE, Asked, Run, list_replying
from gazal.report.phrases import (
    GAP,
    capitalize,
    find_part,
    join,
    name_model,
    plural,
    write_delta_interval,
    write_duration,
    write_interval,
    write_memory,
    write_p,
    write_percent,
    write_points,
    write_scope,
)

ALPHA = 0.05
FEW = 50
"""Below so many cases a difference that is not seen may well be there."""
MANNERS = {"alone": "the options not shown", "listed": "the options shown"}


def tell_setting(run: Run) -> Iterator[str]:
    """What was done, sentence by sentence."""
    recipe, stages = run.recipe, run.stages
    if recipe is None:
        yield _tell_asked(run)
        yield f"That took {write_duration(stages[EVALUATE].seconds)}."
        return
    base = recipe.model.path
    trained = [name for name in ("sft", "grpo") if name in stages]
    if not trained and run.unfinished:
        yield f"The base model, {base}, was not taught yet (seed {recipe.seed})."
    elif not trained:
        yield f"Nothing was taught here: the base model, {base}, was evaluated as it is (seed {recipe.seed})."
    else:
        how = "in two stages" if len(trained) == 2 else "in one stage"
        yield f"The base model, {base}, was taught {how} (seed {recipe.seed})."
    if recipe.pretrain and "base" in stages:
        yield f"It was made first, from nothing, in {_steps(recipe.pretrain.steps)}."
    if recipe.sft and "sft" in stages:
        n = stages["sft"].counts.get("examples")
        learned = f"{n:,} worked solutions" if isinstance(n, int) else "worked solutions"
        yield f"Supervised fine-tuning (SFT) took {_steps(recipe.sft.steps)} on {learned}."
    if recipe.grpo and "grpo" in stages:
        n = stages["grpo"].counts.get("cases")
        practised = f"{n:,} cases" if isinstance(n, int) else "cases"
        yield (
            f"GRPO, in which the model practises and is rewarded, took {_steps(recipe.grpo.steps)} on "
            f"{practised}, with {recipe.grpo.group_size} replies to a case each time."
        )
    if run.results.suites:
        yield _tell_asked(run)
    if not stages:
        return
    seconds = sum(stage.seconds for stage in stages.values())
    memory = max(stage.peak_rss_mb for stage in stages.values())
    yield f"The stages took {write_duration(seconds)} and at most {write_memory(memory)} of memory."


def tell_suite(
    asked: Asked, models: Mapping[str, Result], paired: Mapping[tuple[str, str], Paired], guess: Guess | None
) -> Iterator[str]:
    """What came of it on one suite, sentence by sentence.

    Args:
        asked: How much of the suite was asked.
        models: Model to result.
        paired: (model a, model b) to their difference, of this suite.
        guess: How well guessing does; None where that is not known.
    """
    replying = list_replying(models)
    if "base" in models:
        yield _tell_base(asked, models)
    for before, after in pairwise(replying):
        if (before, after) in paired:
            yield tell_change(asked, models, paired[before, after])
    last = replying[-1] if replying else None
    if last and last != "base" and ("base_likelihood", last) in paired:
        yield _tell_fair(asked, paired["base_likelihood", last])
    if guess:
        yield tell_guess(models, guess)


def tell_change(asked: Asked, models: Mapping[str, Result], pair: Paired) -> str:
    """What the step from one model to the next changed."""
    before, after = models[pair.a], models[pair.b]
    new, old = name_model(pair.b), name_model(pair.a)
    scope = write_scope(asked, pair.n)
    span = f"from {write_percent(before.accuracy)} to {write_percent(after.accuracy)} on {scope}"
    found = (
        f"difference {write_points(pair.delta)} points, 95{GAP}% interval "
        f"{write_delta_interval(pair.ci95)}, {write_p(pair.p)}"
    )
    if not pair.only_a + pair.only_b:
        return f"{new} has the same questions right as {old}: {write_percent(after.accuracy)} on {scope}."
    if pair.p < ALPHA:
        verb = "raised" if pair.delta > 0 else "lowered"
        return f"{new} {verb} accuracy {span} ({found})."
    few = f" {pair.n} {plural(pair.n, 'case')} can show large differences only." if pair.n < FEW else ""
    return f"{new} changed accuracy {span}, which could be chance ({found}).{few}"


def tell_guess(models: Mapping[str, Result], guess: Guess) -> str:
    """Which models do no better than guessing: those whose interval does not lie above it."""
    weak = [name for name, result in models.items() if result.ci95[0] <= guess.share]
    share = write_percent(guess.share)
    if not weak:
        return f"{capitalize(guess.how)} would give {share}; no interval reaches down to that."
    n = max(models[name].n for name in weak)
    return (
        f"No better than {guess.how} ({share}), as far as {n:,} {plural(n, 'case')} can tell: "
        f"{join([name_model(name) for name in weak])}."
    )


def tell_steps(asked: Asked, models: Mapping[str, Result]) -> Iterator[str]:
    """What the reasoning steps and the counterfactual pairs show; nothing where neither can be judged."""
    replying = {name: models[name] for name in list_replying(models)}
    part = find_part(asked, max((result.n for result in replying.values()), default=0))
    over = f" ({part})" if part else ""
    if any(result.steps_supported is not None for result in replying.values()):
        found = [
            f"{name_model(name)} {write_percent(result.steps_supported)}"
            if result.steps_supported is not None
            else f"{name_model(name)} wrote none"
            for name, result in replying.items()
        ]
        yield f"Reasoning steps that the truth of the case supports{over}: {join(found)}."
    pairs = max((result.pairs for result in replying.values()), default=0)
    if pairs:
        found = [f"{name_model(name)} {write_percent(r.pairs_right)}" for name, r in replying.items()]
        yield (
            f"Of {pairs:,} {plural(pairs, 'pair')} of cases in which one change flips the answer, both are "
            f"right in{over}: {join(found)}."
        )


def _tell_base(asked: Asked, models: Mapping[str, Result]) -> str:
    base, chosen = models["base"], models.get("base_likelihood")
    text = (
        f"Asked {write_scope(asked, base.n)}, the base model has {base.right:,} right: "
        f"{write_percent(base.accuracy)} (95{GAP}% interval {write_interval(base.ci95)})."
    )
    unread = (base.unparsed or 0) + (base.truncated or 0) + (base.failed or 0)
    if unread >= 0.2:
        text += f" In {write_percent(unread)} of its replies no answer can be read."
    if chosen:
        manner = f" ({MANNERS[chosen.manner]})" if chosen.manner in MANNERS else ""
        text += (
            f" Asked instead which option it finds most likely{manner}, it has "
            f"{write_percent(chosen.accuracy)} on {write_scope(asked, chosen.n)}."
        )
    return text


def _tell_fair(asked: Asked, pair: Paired) -> str:
    """The last model beside the base at its best: what is gained is more than a reply format."""
    chance = "" if pair.p < ALPHA else ", which could be chance"
    return (
        f"Beside the base model by likelihood, for which no reply format counts, {name_model(pair.b)} "
        f"differs by {write_points(pair.delta)} points on {write_scope(asked, pair.n)} (95{GAP}% interval "
        f"{write_delta_interval(pair.ci95)}, {write_p(pair.p)}{chance})."
    )


def _tell_asked(run: Run) -> str:
    sizes = run.results.suites
    parts = []
    for suite, asked in sizes.items():
        results = run.results.evaluation[suite].values()
        pairs, n = max(result.pairs for result in results), max(result.n for result in results)
        twins = f" and {pairs:,} counterfactual {plural(pairs, 'pair')}" if pairs else ""
        of = "the clinical world" if suite == "world" else suite
        parts.append(f"{write_scope(asked, n)} of {of}{twins}")
    many = "Every model was asked the same" if len(run.models) > 1 else "It was asked"
    unseen = ""
    if "world" in sizes and run.recipe and is_unseen(run.recipe):
        unseen = " No case of the clinical world that was asked was trained on."
    public = ""
    if any(asked.of is not None for asked in sizes.values()):
        public = " Whether the base model met the public questions before is not known."
    asked = f"{many} {join(parts)}".replace("the same all ", "all ")
    return f"{asked}.{unseen}{public}"


def is_unseen(recipe: Recipe) -> bool:
    """Whether the world cases of the evaluation are of a split that no stage trained on."""
    if recipe.evaluate is None:
        return False
    stages = [recipe.sft.examples if recipe.sft else (), recipe.grpo.cases if recipe.grpo else ()]
    trained = {s.split for sources in stages for s in sources if isinstance(s, WorldSource)}
    asked = {s.split for s in recipe.evaluate.cases if isinstance(s, WorldSource)}
    from_files = any(s.source == "file" for sources in stages for s in sources)
    return bool(asked) and trained.isdisjoint(asked) and not from_files


def _steps(n: int) -> str:
    return f"{n:,} {plural(n, 'step')}"
