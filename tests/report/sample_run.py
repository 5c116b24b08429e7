"""A run folder as `gazal run` leaves one, made without a model: worked solutions stand in for a taught model,
spoiled copies for one that is not."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from random import Random

from gazal.config.load import SHIPPED, dump_recipe, load_recipe
from gazal.core.case import LETTERS, Case
from gazal.core.stage import MANIFEST, close_stage, open_stage
from gazal.core.store import CASES, write_cases, write_traces
from gazal.core.trace import Trace
from gazal.evaluate.results import compare_all, find_published, split_suites, weigh_choices, weigh_replies
from gazal.world.generate import make_cases
from gazal.world.knowledge import load_knowledge
from gazal.world.solve import solve

Replier = Callable[[Case, Random], Trace]
SECONDS = {"cases": 21.4, "sft": 512.0, "grpo": 1904.6, "evaluate": 233.1}


def make_world(n: int, *, twins: bool = True) -> list[Case]:
    return list(make_cases(n=n, split="test", seed=0, twins=twins))


def make_exam(n: int) -> list[Case]:
    return [
        Case(
            id=f"medqa_4opt/test/{number:012x}",
            kind="exam",
            question=f"A patient has finding number {number}. Which drug is given first?",
            options={letter: f"drug {letter}{number}" for letter in LETTERS[:4]},
            answer=LETTERS[number % 4],
            licence="MIT",
        )
        for number in range(n)
    ]


def babble(case: Case, rng: Random) -> Trace:
    """What a model writes that keeps no format."""
    words = case.question.split()
    text = " ".join(rng.choice(words) for _ in range(rng.randint(5, 60)))
    return Trace(case_id=case.id, text=text, stop="length" if rng.random() < 0.5 else "end", n_tokens=60)


def answer(case: Case, letter: str) -> Trace:
    """A reply in the right format; the worked solution where there is one."""
    if case.truth is None:
        lines = f"Step 1: The findings fit {case.options[letter]}.\nStep 2: It is option {letter}."
        end = f"## Clinical Assessment\nSo be it.\n**Answer:** \\boxed{{{letter}}}"
        text = f"<think>\n{lines}\n</think>\n\n{end}"
        return Trace(case_id=case.id, text=text)
    text = solve(case).text
    if letter != case.answer:
        text = text.replace(
            f"It is {case.options[case.answer]}, option {case.answer}.",
            f"It is {case.options[letter]}, option {case.answer}.",
        ).replace(f"\\boxed{{{case.answer}}}", f"\\boxed{{{letter}}}")
    return Trace(case_id=case.id, text=text, n_tokens=len(text.split()))


def miss(case: Case, rng: Random) -> str:
    return rng.choice([letter for letter in case.options if letter != case.answer])


def shake(case: Case) -> Trace:
    """The right answer after a step that contradicts the case."""
    trace, letter = answer(case, case.answer), miss(case, Random(case.id))
    wrong = f"Step 1: It is {case.options[case.answer]}, option {letter}. "
    return replace(trace, text=trace.text.replace("Step 1: ", wrong, 1))


def reply_with(share: float, seed: int, shaken: float = 0.1, cut: float = 0.05) -> Replier:
    """A model that has this share right."""

    def reply(case: Case, rng: Random) -> Trace:
        draw = Random(f"{case.id}|{seed}").random()
        if draw < share:
            return shake(case) if rng.random() < shaken else answer(case, case.answer)
        if draw > 1 - cut:
            return replace(answer(case, case.answer), text=answer(case, case.answer).text[:90], stop="length")
        return answer(case, miss(case, rng))

    return reply


MODELS: dict[str, Replier] = {"base": babble, "sft": reply_with(0.52, 1), "grpo": reply_with(0.58, 1)}


def write_run(
    folder: Path,
    cases: Sequence[Case],
    *,
    models: dict[str, Replier] = MODELS,
    n_steps: int = 20,
    limit: int | None = None,
    likelihood: bool = True,
) -> Path:
    """Write a run folder; returns it."""
    recipe = load_recipe(SHIPPED / "demo.yaml")
    missing = {name: None for name in ("sft", "grpo") if name not in models}
    recipe = recipe.model_copy(update=missing)
    folder.mkdir(parents=True)
    (folder / "recipe.yaml").write_text(dump_recipe(recipe), encoding="utf-8")
    _write_stage(
        folder / "cases",
        {"knowledge": load_knowledge().version},
        {"evaluate": len(cases)},
        lambda part: ((part / "evaluate").mkdir(), write_cases(part / "evaluate" / CASES, cases)),
    )
    for name in ("sft", "grpo"):
        if name in models:
            counts = {"examples": 5912, "too_long": 8} if name == "sft" else {"cases": 240}
            write = write_sft_steps if name == "sft" else write_grpo_steps
            _write_stage(
                folder / name,
                {},
                counts,
                lambda part, write=write: write(part / "steps.jsonl", n_steps),
                {"cases": folder / "cases"},
            )
    _write_stage(
        folder / "evaluate",
        {},
        {"cases": len(cases)},
        lambda part: write_evaluation(part, cases, models, limit, likelihood),
        {"cases": folder / "cases"},
    )
    return folder


def write_evaluation(
    folder: Path, cases: Sequence[Case], models: dict[str, Replier], limit: int | None, likelihood: bool
) -> None:
    """Replies, choices by likelihood and ``results.json``, as the stage writes them."""
    rng = Random(0)
    traces = {
        name: [replace(reply(case, rng), model=name) for case in cases] for name, reply in models.items()
    }
    for name, written in traces.items():
        write_traces(folder / f"{name}.jsonl", written)
    alone = {case.id: rng.random() < 0.31 for case in cases} if likelihood else {}
    whole: dict = {"suites": {}, "evaluation": {}, "paired": []}
    for suite, asked in split_suites(cases).items():
        ids = {case.id for case in asked}
        whole["suites"][suite] = {"n": len(asked), "of": find_published(suite), "limit": limit}
        found = {}
        for name, written in traces.items():
            found[name] = weigh_replies(asked, [trace for trace in written if trace.case_id in ids])
            if name == "base" and (chosen := weigh_choices(asked, {"alone": alone})):
                found["base_likelihood"] = chosen
        whole["evaluation"][suite] = {name: asdict(result) for name, (result, _) in found.items()}
        rights = {name: right for name, (_, right) in found.items()}
        whole["paired"] += [asdict(paired) for paired in compare_all(suite, rights)]
    (folder / "results.json").write_text(json.dumps(whole, indent=2))


def write_sft_steps(path: Path, n: int) -> None:
    rng = Random(1)
    _write_lines(
        path, ({"step": k, "loss": 0.4 + 4.8 * 0.97**k + 0.1 * rng.random()} for k in range(1, n + 1))
    )


def write_grpo_steps(path: Path, n: int) -> None:
    rng = Random(2)
    _write_lines(path, (make_grpo_step(k, n, rng) for k in range(1, n + 1)))


def make_grpo_step(k: int, n: int, rng: Random) -> dict[str, float | None]:
    way = k / n
    parts = {
        "reward/answer": -0.2 + 0.3 * way + 0.05 * rng.random(),
        "reward/format": 0.1 + 0.05 * way,
        "reward/grounding": 0.12 + 0.05 * way + 0.02 * rng.random(),
        "reward/repetition": 0.04,
        "reward/length": -0.01 * way,
    }
    return {
        "step": k,
        "reward/total": sum(parts.values()),
        **parts,
        "rollout/right": 0.45 + 0.12 * way + 0.05 * rng.random(),
        "rollout/truncated": 0.08 * (1 - way),
        "rollout/tokens": 118 + 10 * rng.random(),
        "advantage/groups_equal": None if k == 2 else 0.2 * rng.random(),
        "advantage/follows_right": None if k == 3 else 0.95 + 0.04 * rng.random(),
    }


def set_seconds(run: Path) -> None:
    """Put times into the manifests that a real run would have."""
    for name, seconds in SECONDS.items():
        path = run / name / MANIFEST
        if path.exists():
            found = json.loads(path.read_text())
            path.write_text(json.dumps({**found, "seconds": seconds, "peak_rss_mb": 1610.0}, indent=2))


def _write_stage(
    final: Path, settings: dict, counts: dict, fill: Callable[[Path], object], inputs: dict | None = None
) -> None:
    stage = open_stage(final, settings, 0, inputs)
    assert stage is not None
    fill(stage.part)
    close_stage(stage, counts)


def _write_lines(path: Path, records: Iterable[dict]) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
