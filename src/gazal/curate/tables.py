"""Rows of Parquet files and of folders that Hugging Face ``datasets`` saved, a batch at a time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gazal.errors import DataError

BATCH = 1_000
ARROW, PARQUET = ".arrow", ".parquet"


def is_table(path: Path) -> bool:
    """Whether a path is read here: a folder, or a file of one of the two kinds."""
    return path.is_dir() or path.suffix in (ARROW, PARQUET)


def read_table(path: Path) -> Iterator[dict[str, Any]]:
    """The rows, in the order of the files' names.

    Raises:
        DataError: There is no such file, a folder without one, or a file that is cut off or something else.
    """
    import pyarrow as pa

    for file in _list_files(path):
        try:
            for batch in _read_batches(file):
                yield from batch.to_pylist()
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise DataError(
                f"{file}: cannot be read as {file.suffix[1:]} ({error}). Fetch or write it again."
            ) from None


def _list_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.exists():
        raise DataError(f"{path}: no such file. Check the path.")
    found = sorted(file for suffix in (ARROW, PARQUET) for file in path.rglob(f"*{suffix}"))
    found = [file for file in found if not file.name.startswith("cache-")]
    if not found:
        raise DataError(f"{path}: holds no {ARROW} and no {PARQUET} file. Name a folder that datasets saved.")
    return found


def _read_batches(file: Path) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if file.suffix == PARQUET:
        yield from pq.ParquetFile(file).iter_batches(BATCH)
        return
    with pa.memory_map(str(file)) as source:
        yield from pa.ipc.open_stream(source)
