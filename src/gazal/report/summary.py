"""``summary.json``: what a run came to, for programs to read."""

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from gazal.config.load import load_recipe
from gazal.core.store import write_lines
from gazal.report.numbers import Results, read_results, read_stages

SUMMARY = "summary.json"


def write_summary(run: Path) -> dict[str, Any]:
    """Write ``<run>/summary.json`` and return what it holds.

    Args:
        run: The folder of a run that was evaluated.

    Returns:
        ``recipe`` (its name), ``gazal`` (the version that made the newest stage), ``stages`` (folder to
        seconds and peak memory), and ``suites``, ``evaluation`` and ``paired`` as in ``results.json``.

    Raises:
        GazalError: A manifest, the results or the recipe are missing or torn.
    """
    results, stages = read_results(run), read_stages(run)
    recipe = load_recipe(run / "recipe.yaml")
    newest = list(stages.values())[-1]
    summary: dict[str, Any] = {
        "recipe": recipe.name,
        "gazal": newest.gazal,
        "stages": {
            name: {"seconds": stage.seconds, "peak_rss_mb": stage.peak_rss_mb}
            for name, stage in stages.items()
        },
        **TypeAdapter(Results).dump_python(results, mode="json"),
    }
    write_lines(run / SUMMARY, [summary], lambda record: json.dumps(record, indent=2).encode())
    return summary
