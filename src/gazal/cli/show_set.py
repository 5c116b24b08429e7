"""What a curated set knows of an example: where it comes from, who wrote it, how it was judged."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gazal.errors import DataError

if TYPE_CHECKING:
    from gazal.core.example import Example


def find_example(folder: Path, wanted: str) -> "Example | dict[str, Any]":
    """The kept example whose id is, or ends in, ``wanted``; else the row of ``dropped.jsonl``.

    Raises:
        DataError: There is none, or several.
    """
    from gazal.core.store import read_objects
    from gazal.curate.build import DROPPED
    from gazal.curate.formats import read_examples

    kept = [e for e in read_examples(folder) if e.case.id.endswith(wanted)]
    if len(kept) == 1 or (kept := [e for e in kept if e.case.id == wanted]):
        return kept[0]
    dropped = folder / DROPPED
    if dropped.is_file() and dropped.stat().st_size:
        for _, row in read_objects(dropped):
            if wanted in (row.get("id"), row["row"]) or str(row.get("id", "")).endswith(wanted):
                return row
    raise DataError(f"{folder}: {wanted!r} is the end of no one id there. Give the whole id.")


def tell_lineage(example: "Example", folder: Path) -> Iterator[str]:
    """Lines for a person: from the source to the set."""
    lineage = example.lineage
    yield f"from: {lineage.source}, row {lineage.row}{f' ({lineage.made})' if lineage.made else ''}"
    yield f"reply by: {lineage.teacher or 'not told'}; licence {lineage.licence}"
    yield "judged: " + ", ".join(f"{name} {why}" for name, why in lineage.judged.items())
    yield f"kept in: {folder}"


def tell_dropped(row: dict[str, Any], folder: Path) -> Iterator[str]:
    """Lines for a person: why a row was left out."""
    yield f"{row.get('id', row['row'])}: left out of {folder}: {row['reason']}, {row.get('what', '')}"
    yield f"from: {row['where']}"
    if "question" in row:
        yield f"question: {row['question']}"
    if "of" in row:
        yield f"a copy of: {row['of']}{': ' + row['pair'] if 'pair' in row else ''}"


def list_sets(run: Path) -> list[Path]:
    """The curated sets that a run learnt from, those that are still there."""
    from gazal.config.data import CuratedSource
    from gazal.config.load import load_recipe

    path = run / "recipe.yaml"
    if not path.is_file():
        return []
    recipe = load_recipe(path, [])
    sources = recipe.sft.examples if recipe.sft else ()
    return [s.path for s in sources if isinstance(s, CuratedSource) and s.path.is_dir()]
