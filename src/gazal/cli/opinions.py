"""What ``gazal score`` says and does about a model's opinions."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from gazal.cli.served import find_endpoint
from gazal.errors import ConfigError

if TYPE_CHECKING:
    from gazal.core.case import Case
    from gazal.core.trace import Trace
    from gazal.score.rubric import Opinions


def find_opinions(
    cases: Sequence["Case"],
    traces: Sequence["Trace"],
    model: str | None,
    rubric: Path | None,
    record: Path,
    url: str | None,
    key_variable: str,
    timeout_s: float,
) -> "Opinions":
    """What a model thinks of the replies: as recorded, once what is missing there was asked for.

    Raises:
        GazalError: The words do not go together, a file does not say what it should, or nobody answers.
    """
    from gazal.cli.say import show_progress
    from gazal.engine.api import ApiEngine
    from gazal.engine.opinions import RUBRIC, Rubric, ask_opinions, list_missing, read_opinions
    from gazal.score.rubric import Opinions

    if not model:
        raise ConfigError("opinions need --rubric-model NAME: whose they are is part of what is recorded.")
    if url is None and not record.exists():
        raise ConfigError(f"{record}: no opinions there yet. Name --rubric-endpoint URL to ask for them.")
    asked = Rubric(text=RUBRIC if rubric is None else _read_rubric(rubric), model=model)
    values = read_opinions(record, asked.version)
    by_id = {case.id: case for case in cases}
    pairs = [(by_id[trace.case_id], trace) for trace in traces if trace.case_id in by_id]
    missing = list_missing(pairs, asked, values)
    if url is None or not missing:
        return Opinions(rubric=asked.version, values=values)
    engine = ApiEngine(find_endpoint(url, model, key_variable, timeout_s), name=model)
    typer.echo(f"{record}: {len(missing)} opinions are missing and asked for", err=True)
    found = ask_opinions(missing, asked, engine, record)
    for opinion in show_progress(found, len(missing), "opinions"):
        if opinion is not None:
            values[opinion.key] = opinion.value
    failed = missing.keys() - values.keys()
    if failed:
        typer.echo(f"{len(failed)} calls failed: unscored now, asked again the next time", err=True)
    return Opinions(rubric=asked.version, values={**values, **dict.fromkeys(failed)})


def _read_rubric(path: Path) -> str:
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such rubric. Check the path.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as text ({error}). Save the rubric as UTF-8.") from None
    if not text.strip():
        raise ConfigError(f"{path}: the rubric is empty. Say in it what a good reply does.")
    return text
