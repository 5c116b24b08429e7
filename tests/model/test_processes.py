"""What a launcher asks for is done or refused, never passed over."""

import pytest

from gazal.errors import ConfigError
from gazal.model.processes import shall_shard


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"ACCELERATE_USE_DEEPSPEED": "true"}, r"DeepSpeed is not supported\. Use --use_fsdp"),
        ({"ACCELERATE_USE_MEGATRON_LM": "true"}, "Megatron-LM is not supported"),
        ({"ACCELERATE_USE_FSDP": "true"}, r"FSDP 1 is not supported\. Add --fsdp_version 2"),
        (
            {"ACCELERATE_USE_FSDP": "1", "FSDP_VERSION": "2", "FSDP_OFFLOAD_PARAMS": "true"},
            "offloading is not supported",
        ),
    ],
)
def test_what_is_not_done_here_is_refused(monkeypatch, asked, said):
    for name, value in asked.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=said):
        shall_shard()
