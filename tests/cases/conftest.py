import json
from collections.abc import Callable
from pathlib import Path

import pytest

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes rows as JSON lines, or one value as JSON, and gives the path back."""

    def write_file(name: str, *rows: object, whole: object = None) -> Path:
        path = tmp_path / name
        text = json.dumps(whole) if whole is not None else "".join(json.dumps(row) + "\n" for row in rows)
        path.write_text(text, encoding="utf-8")
        return path

    return write_file


@pytest.fixture(autouse=True)
def no_data_variable(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests on hand-made files must not find the real ones."""
    if "data" not in request.fixturenames:
        monkeypatch.delenv("GAZAL_DATA", raising=False)
