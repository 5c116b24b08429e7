"""What all settings have in common."""

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")
Listed = Annotated[tuple[T, ...], Field(strict=False, min_length=1)]
"""One or more of T: a tuple here, a list in YAML. Its members are still checked strictly."""
Text = Annotated[str, Field(min_length=1)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Count = Annotated[int, Field(ge=1)]


class Settings(BaseModel):
    """A closed record of settings: an unknown key, ``"3"`` for 3, true for 1 and NaN are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
