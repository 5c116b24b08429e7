"""What writes the rollouts of stage 2."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gazal.config.base import Count, Settings, Text


class EngineConfig(Settings):
    """Our own engine, or vLLM: in this process, or a server where there is an address."""

    kind: Literal["local", "shared", "vllm"] = "local"
    """``local`` writes with a merged copy of the model. ``shared`` writes with the weights that train: no
    copy, and slower. ``vllm`` needs ``pip install 'gazal[vllm]'``, here or where its server runs."""
    address: Annotated[str, Field(pattern=r"^https?://[^\s/]+(/[^\s?#]*)?$")] | None = None
    """Of a ``vllm serve`` that holds the same base model, such as ``http://127.0.0.1:8000``."""
    folder: Text | None = None
    """Where weights are written down for the server, which must be able to read there; None takes this
    machine's folder for temporary files."""
    memory: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.3
    """Share of the device's memory, on a CPU the machine's, for vLLM in this process: weights and cache."""
    context: Count | None = None
    """Most tokens of prompt and reply in vLLM in this process; None takes the model's."""
    eager: bool = False
    """Run vLLM in this process without compiling: it starts sooner and writes more slowly."""

    @model_validator(mode="after")
    def _check_together(self) -> "EngineConfig":
        for name in ("address", "folder"):
            value = getattr(self, name)
            if value is not None and self.kind != "vllm":
                raise ValueError(f"{name} {value!r} is for vLLM, but kind is {self.kind}. Set kind to vllm.")
        if self.folder is not None and self.address is None:
            raise ValueError(f"folder {self.folder!r} is for a server. Set address, or leave folder out.")
        return self
