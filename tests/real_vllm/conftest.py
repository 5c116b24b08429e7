"""Real vLLM on the CPU, started once."""

import os
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "train"))
os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")  # GiB


@pytest.fixture(scope="session")
def base(tmp_path_factory) -> Path:
    """The folder of a model that can just about reply, with its tokenizer."""
    pytest.importorskip("vllm", reason="make test-vllm installs it")
    from wide import write_base

    return write_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="session")
def engine(base):
    """vLLM in this process, with that model."""
    from wide import start_engine

    return start_engine(base)
