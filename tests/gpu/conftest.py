"""Tests of this folder need a CUDA device; with ``GAZAL_TEST_DEVICE=cpu`` they run without one."""

import os
from pathlib import Path

import pytest
import torch

DEVICE = os.environ.get("GAZAL_TEST_DEVICE", "cuda")


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.gpu)
            if DEVICE == "cuda" and not torch.cuda.is_available():
                item.add_marker(pytest.mark.skip(reason="no CUDA device"))


@pytest.fixture
def device() -> str:
    return DEVICE
