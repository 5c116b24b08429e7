"""Fixtures for all tests."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of public data sets."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("GAZAL_DATA") or beside)
    if not (folder / "medqa_us_test").is_dir():
        pytest.skip("no ../shared/data")
    return folder
