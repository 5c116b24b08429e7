"""One small run for all tests of the report; a test that changes files takes a copy."""

import shutil
from pathlib import Path

import pytest
from sample_run import make_exam, make_world, write_run


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory) -> Path:
    """World cases with twins and a part of a public suite; never changed by a test."""
    return write_run(tmp_path_factory.mktemp("runs") / "demo", [*make_world(25), *make_exam(12)])


@pytest.fixture
def run(whole_run, tmp_path) -> Path:
    """A copy of it, without a report."""
    made = shutil.ignore_patterns("report.html", "summary.json")
    return Path(shutil.copytree(whole_run, tmp_path / "demo", ignore=made))
