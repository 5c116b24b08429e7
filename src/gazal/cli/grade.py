"""What ``gazal evaluate`` grades without asking a model: recorded replies, and items that were trained on."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from gazal.core.case import Case
    from gazal.core.trace import Trace


def weigh_trained(cases: list["Case"], replies: "dict[str, list[Trace]]", trained_on: Path) -> dict[str, Any]:
    """Scores with and without items that stand in what was trained on."""
    from gazal.cli.curate import need_libraries
    from gazal.evaluate.contamination import find_leaked, read_trained, weigh_contamination

    need_libraries(parquet=False)
    return weigh_contamination(cases, replies, find_leaked(cases, read_trained(trained_on)))


def lift_protocols(whole: dict[str, Any]) -> dict[str, Any]:
    """With one suite and one model, its protocols stand at the top."""
    alone = [outcomes for models in whole["protocols"].values() for outcomes in models.values()]
    return (alone[0] if len(alone) == 1 else {}) | whole


def grade_files(files: list[Path], cases: list["Case"], as_json: bool, trained_on: Path | None) -> None:
    """Grade recorded replies and print what came of them."""
    from gazal.cli.results_table import show_disagreements, show_results, show_unparsed
    from gazal.evaluate.recorded import grade

    whole = grade(files, cases)
    if trained_on is not None:
        from gazal.cases.recorded import read_recorded

        read = {path.stem: read_recorded(path, cases) for path in files}
        whole["contamination"] = weigh_trained(cases, read, trained_on)
    if as_json:
        typer.echo(json.dumps(lift_protocols(whole)))
        return
    show_disagreements(whole)
    show_unparsed(whole)
    show_results(whole)
