"""``gazal ask``: one question to one model, answered before your eyes."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gazal.errors import ConfigError, DataError

if TYPE_CHECKING:
    from gazal.core.case import Case
    from gazal.core.trace import Trace
    from gazal.engine.spoken import Speaker

NOTICE = "Research software, not a medical device: nothing it writes may be used for or against anyone."


def ask(
    model: Annotated[
        str, typer.Argument(help="A run (its last model), a model's or adapter's folder, tiny-base, a name.")
    ],
    question: Annotated[str | None, typer.Argument(help="What you ask; or --world, or --case.")] = None,
    option: Annotated[list[str] | None, typer.Option(help="An answer to choose from; repeatable.")] = None,
    answer: Annotated[str | None, typer.Option(help="The right letter or text, if you know it.")] = None,
    world: Annotated[
        int | None, typer.Option(min=0, help="Ask the case of this number of the world's test split.")
    ] = None,
    case: Annotated[str | None, typer.Option(metavar="ID", help="Ask this case of --cases.")] = None,
    cases: Annotated[Path | None, typer.Option(help="The file that holds it.")] = None,
    endpoint: Annotated[
        str | None, typer.Option(metavar="URL", help="MODEL is served there, OpenAI-compatible.")
    ] = None,
    key_variable: Annotated[str, typer.Option(metavar="NAME")] = "OPENAI_API_KEY",
    max_new_tokens: Annotated[int, typer.Option(min=1, help="A longer reply is cut off.")] = 1024,
    temperature: Annotated[float, typer.Option(min=0.0, help="0 takes the most probable token.")] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="Of what is drawn.")] = 0,
) -> None:
    """Ask a model; its reply comes as it is written, then its answer and what the judges say of each step."""
    from gazal.config.sampling import Sampling

    asked, known = _find_case(question, option or [], answer, world, case, cases)
    speaker = _find_speaker(model, endpoint, key_variable)
    sampling = Sampling(temperature=temperature, max_new_tokens=max_new_tokens)
    if question is None:
        typer.echo(f"{asked.id}\n\n{_write_question(asked)}\n")
    for piece in speaker.say(asked, sampling, seed):
        sys.stdout.write(piece)
        sys.stdout.flush()
    assert speaker.trace is not None
    typer.echo("\n")
    _tell(asked, speaker.trace, known)
    typer.echo(NOTICE, err=True)


def _find_case(
    question: str | None,
    options: list[str],
    answer: str | None,
    world: int | None,
    case_id: str | None,
    cases: Path | None,
) -> tuple["Case", bool]:
    """The case, and whether its key is known."""
    from gazal.cases.own import read_cases_of
    from gazal.serve.ask import make_case
    from gazal.world.generate import make_cases

    if sum(given is not None for given in (question, world, case_id)) != 1:
        raise ConfigError(
            'ask one thing: "QUESTION" (with --option A --option B ...), --world N, or --case ID.'
        )
    if question is not None:
        if not question.strip():
            raise ConfigError("the question is empty.")
        return make_case(question, options, answer), answer is not None
    if world is not None:
        return list(make_cases(n=world + 1, split="test"))[-1], True
    if cases is None:
        raise ConfigError("--case ID needs --cases FILE, which holds it.")
    found = [c for c in read_cases_of(cases) if c.id.endswith(case_id or "")]
    if len(found) != 1:
        raise DataError(f"{cases}: {len(found)} case ids end in {case_id!r}. Give the whole id.")
    return found[0], True


def _find_speaker(model: str, endpoint: str | None, key_variable: str) -> "Speaker":
    from gazal.engine.spoken import LocalSpeaker, ServedSpeaker

    if endpoint is not None:
        from gazal.cli.served import find_endpoint

        key = os.environ.get(key_variable, "").strip() or None
        return ServedSpeaker(find_endpoint(endpoint, model, key_variable, 600.0), key)
    from gazal.config.model import ModelConfig
    from gazal.evaluate.models import find_tested
    from gazal.model.machine import find_gpu

    held = ModelConfig(dtype="bfloat16" if find_gpu() else "float32")
    name, tested = list(find_tested([model], held).items())[-1]
    assert isinstance(tested.config, ModelConfig)
    return LocalSpeaker(name, tested.config, tested.adapter)


def _write_question(case: "Case") -> str:
    options = (f"{letter}. {text}" for letter, text in case.options.items())
    return "\n".join(part for part in (case.context, case.question, *options) if part)


def _tell(case: "Case", trace: "Trace", known: bool) -> None:
    """The answer, and where there is a truth each step's check."""
    from gazal.cli.show import MARKS
    from gazal.evaluate.protocols import read_protocol
    from gazal.score.answer import judge_answer
    from gazal.score.grounding import judge_grounding

    if case.truth is not None:
        for number, step in enumerate(judge_grounding(case, trace).steps, 1):
            typer.echo(f"  {MARKS[step.support]} step {number}: {step.support} ({step.why})")
    letter = read_protocol("lenient", case, trace) if case.options else trace.answer
    said = "none that can be read"
    if letter is not None:
        said = f"{letter}. {case.options[letter]}" if case.options else letter
    sure = "" if trace.confidence is None else f", confidence {trace.confidence:.2f}"
    verdict = f" ({judge_answer(case, trace).why})" if known else ""
    typer.echo(f"answer: {said}{verdict}{sure}" + (", cut off" if trace.stop == "length" else ""))
    if known and case.options:
        typer.echo(f"key: {case.answer}. {case.options[case.answer]}")
