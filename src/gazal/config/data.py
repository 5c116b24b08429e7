"""Where cases come from. Sources of one list are put one after the other, then shuffled by the seed."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from gazal.config.base import Count, Listed, Settings, Text
from gazal.core.case import WORLD_KINDS, WorldKind


class WorldSource(Settings):
    """Cases that the clinical world makes, each with its truth and a worked solution."""

    source: Literal["world"] = "world"
    kinds: Listed[WorldKind] = WORLD_KINDS
    """They take turns in this order."""
    n: Count
    """How many cases; twins come on top."""
    split: Literal["train", "validation", "test"] = "train"
    """Splits never share a case, whatever the seeds."""
    difficulty: Literal["easy", "medium", "hard", "mixed"] = "mixed"
    seed: Annotated[int, Field(ge=0)] | None = None
    """None takes the recipe's."""
    twins: bool = False
    """Follow each case by its counterfactual twin. Recall cases have none."""

    @model_validator(mode="after")
    def _check_kinds(self) -> "WorldSource":
        if len(set(self.kinds)) < len(self.kinds):
            raise ValueError(f"kinds {list(self.kinds)} name one twice. Name each once: they take turns.")
        if self.twins and set(self.kinds) == {"recall"}:
            raise ValueError("recall cases have no twins. Leave twins out or add another kind.")
        return self


class SuiteSource(Settings):
    """A public question set, read from the folder that GAZAL_DATA names."""

    source: Literal["suite"] = "suite"
    suite: Text
    n: Count | None = None
    """How many; None takes all."""
    optional: bool = False
    """Go on without it where its files are not at hand; the run says so and its manifest keeps it."""


class FileSource(Settings):
    """Cases in a file, and where they are to be learned from, replies to them."""

    source: Literal["file"] = "file"
    cases: Annotated[Path, Field(strict=False)]
    """A ``cases.jsonl``, as seen from the folder in which the command runs."""
    replies: Annotated[Path, Field(strict=False)] | None = None
    """A ``replies.jsonl``: the replies to learn from."""


class CuratedSource(Settings):
    """A set that ``gazal curate`` made."""

    source: Literal["curated"] = "curated"
    path: Annotated[Path, Field(strict=False)]
    """Its folder, as seen from the folder in which the command runs."""


Source = Annotated[WorldSource | SuiteSource | FileSource | CuratedSource, Field(discriminator="source")]
