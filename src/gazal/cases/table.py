"""The suites: which public question set is read how, what it was published as, and what it may be used for.

To add one, write its reader and add an entry to ``_SUITES``.
"""

import difflib
import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Protocol

from gazal.cases import medmcqa, medqa, mmlu, mmlu_pro, pubmedqa
from gazal.cases.published import Suite, refuse_unpublished
from gazal.core.case import Case
from gazal.errors import ConfigError, DataError


class Placed(Protocol):
    """Something that lies in files under the data folder."""

    @property
    def name(self) -> str:
        """Its name in the table."""
        ...

    @property
    def folder(self) -> str:
        """Its place under the data folder."""
        ...

    @property
    def files(self) -> tuple[str, ...]:
        """The names of its files."""
        ...


def load_suite(
    name: str, root: Path | None = None, *, limit: int | None = None, accept_other_counts: bool = False
) -> list[Case]:
    """Read a suite and check that it is the published one.

    Args:
        name: A key of ``SUITES``.
        root: The data folder, the suite's own folder, or its file where it has one file; None takes the
            environment variable GAZAL_DATA.
        limit: Give only the first so many cases. Some files are sorted by subject: no fair sample.
        accept_other_counts: Leave out the comparison with the published counts and content.

    Raises:
        ConfigError: If there is no such suite, no root, or the limit is below 1.
        DataError: If a file is missing or not as published.
    """
    suite = find_suite(name)
    if limit is not None and limit < 1:
        raise ConfigError(f"{name}: limit is {limit}. Give 1 or more, or none for all {suite.n:,} cases.")
    path = locate_suite(suite, root)
    cases = suite.read(path)
    if not cases:
        raise DataError(f"{name}: {path} holds none of its cases. Is it the file of another suite?")
    if not accept_other_counts:
        refuse_unpublished(suite, cases)
    return cases[:limit]


def find_suite(name: str) -> Suite:
    """The suite of this name; ``mmlu-pro-medical`` is ``mmlu_pro_medical``.

    Raises:
        ConfigError: If there is none; names the nearest and all.
    """
    name = name.replace("-", "_")
    if name in SUITES:
        return SUITES[name]
    near = [suite for suite in SUITES if suite.startswith(f"{name}_")][:2] or difflib.get_close_matches(
        name, SUITES, n=1
    )
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    raise ConfigError(f"suite {name!r} is not known.{hint} Known: {', '.join(SUITES)}.")


def locate_suite(suite: Placed, root: Path | None) -> Path:
    """The path that ``suite.read`` takes, or an explained set's ``open``.

    Raises:
        ConfigError: If root is None and GAZAL_DATA is not set.
        DataError: If there is nothing at root, or a file of the suite is missing there.
    """
    given = root if root is not None else os.environ.get("GAZAL_DATA")
    if not given:
        raise ConfigError(
            f"{suite.name}: no data folder. Set GAZAL_DATA to it, or pass its path: docs/data.md."
        )
    path = Path(given).expanduser()
    if path.is_file():
        if len(suite.files) == 1:
            return path
        raise DataError(
            f"{suite.name}: {path} is one file; it takes {_list(suite.files)}. Pass their folder."
        )
    if not path.is_dir():
        raise DataError(
            f"{suite.name}: {path}: no such folder. Set GAZAL_DATA to the data folder, or pass a path."
        )
    folder = path / suite.folder if (path / suite.folder).is_dir() else path
    if missing := [file for file in suite.files if not (folder / file).is_file()]:
        raise DataError(
            f"{suite.name}: {_list(missing)} not found in {folder}. Set GAZAL_DATA to the folder that holds "
            f"{suite.folder}/, or pass a path."
        )
    return folder / suite.files[0] if len(suite.files) == 1 else folder


def _list(files: Iterable[str]) -> str:
    return ", ".join(files)


_SUITES = (
    Suite(
        name="medqa_4opt",
        read=partial(medqa.read_medqa, source="medqa_4opt/test", n_options=4),
        folder="medqa_us_test",
        files=("test_4opt.jsonl",),
        n=1273,
        keys={"A": 353, "B": 309, "C": 346, "D": 265},
        digest="100cdf68f1225452",
        licence=medqa.LICENCE,
        use="evaluation",
        about="MedQA-USMLE test with 4 options, the form that most published figures are over",
    ),
    Suite(
        name="medqa_5opt",
        read=partial(medqa.read_medqa, source="medqa_5opt/test", n_options=5),
        folder="medqa_us_test",
        files=("test_5opt.jsonl",),
        n=1273,
        keys={"A": 273, "B": 277, "C": 252, "D": 269, "E": 202},
        digest="2070b8b2f0d76f9e",
        licence=medqa.LICENCE,
        use="evaluation",
        about="MedQA-USMLE test with all 5 options",
    ),
    Suite(
        name="mmlu_pro_health",
        read=partial(mmlu_pro.read_mmlu_pro, source="mmlu_pro/test", categories=("health",)),
        folder="mmlu_pro_medical",
        files=("mmlu_pro_medical_1535.jsonl",),
        n=818,
        keys={"A": 102, "B": 101, "C": 89, "D": 97, "E": 77, "F": 71, "G": 75, "H": 73, "I": 76, "J": 57},
        digest="9d115204ba8b8205",
        licence=mmlu_pro.LICENCE,
        use="evaluation",
        about="MMLU-Pro, category health, 3 to 10 options",
    ),
    Suite(
        name="mmlu_pro_biology",
        read=partial(mmlu_pro.read_mmlu_pro, source="mmlu_pro/test", categories=("biology",)),
        folder="mmlu_pro_medical",
        files=("mmlu_pro_medical_1535.jsonl",),
        n=717,
        keys={"A": 76, "B": 78, "C": 91, "D": 82, "E": 70, "F": 61, "G": 71, "H": 59, "I": 73, "J": 56},
        digest="62dea83411cb0547",
        licence=mmlu_pro.LICENCE,
        use="evaluation",
        about="MMLU-Pro, category biology, 3 to 10 options",
    ),
    Suite(
        name="mmlu_pro_medical",
        read=partial(mmlu_pro.read_mmlu_pro, source="mmlu_pro/test", categories=("health", "biology")),
        folder="mmlu_pro_medical",
        files=("mmlu_pro_medical_1535.jsonl",),
        n=1535,
        keys={
            "A": 178,
            "B": 179,
            "C": 180,
            "D": 179,
            "E": 147,
            "F": 132,
            "G": 146,
            "H": 132,
            "I": 149,
            "J": 113,
        },
        digest="6aa4724530480d10",
        licence=mmlu_pro.LICENCE,
        use="evaluation",
        about="MMLU-Pro (Medical): health and biology together",
    ),
    Suite(
        name="pubmedqa",
        read=partial(pubmedqa.read_pubmedqa, source="pubmedqa/test", test=True),
        folder="pubmedqa",
        files=(pubmedqa.ROWS, pubmedqa.TRUTH),
        n=500,
        keys={"A": 276, "B": 169, "C": 55},
        digest="90ea5433ec3baf7c",
        licence=pubmedqa.LICENCE,
        use="evaluation",
        about="PubMedQA PQA-L, the 500 test ids, yes, no or maybe about an abstract",
    ),
    Suite(
        name="pubmedqa_train",
        read=partial(pubmedqa.read_pubmedqa, source="pubmedqa_train/train", test=False),
        folder="pubmedqa",
        files=(pubmedqa.ROWS, pubmedqa.TRUTH),
        n=500,
        keys={"A": 276, "B": 169, "C": 55},
        digest="bd2b91152da99069",
        licence=pubmedqa.LICENCE,
        use="training",
        about="PubMedQA PQA-L, the 500 rows that are not in the test set",
    ),
    Suite(
        name="medmcqa",
        read=partial(medmcqa.read_medmcqa, source="medmcqa/dev"),
        folder="medmcqa_dev",
        files=("dev.json",),
        n=4183,
        keys={"A": 1348, "B": 1085, "C": 925, "D": 825},
        digest="e0d117c83d52c4f2",
        licence=medmcqa.LICENCE,
        use="evaluation",
        about="MedMCQA dev, which published figures are over as the test keys are not public",
    ),
    Suite(
        name="mmlu_medical",
        read=partial(mmlu.read_mmlu, source="mmlu_medical/test"),
        folder="mmlu_medical",
        files=tuple(f"{subject}_test.csv" for subject in mmlu.SUBJECTS),
        n=1089,
        keys={"A": 235, "B": 254, "C": 248, "D": 352},
        digest="f295a97b7e66eb6e",
        licence=mmlu.LICENCE,
        use="evaluation",
        about="MMLU test, six medical subjects",
    ),
    Suite(
        name="medqa_train_4opt",
        read=partial(medqa.read_medqa, source="medqa_train_4opt/train", n_options=4),
        folder="medqa_us_train_dev",
        files=("train_sample_4opt_1030.json",),
        n=1030,
        keys={"A": 261, "B": 278, "C": 251, "D": 240},
        digest="7cae4efc8a4dc3ce",
        licence=medqa.LICENCE,
        use="training",
        about="MedQA-USMLE train, a sample with 4 options; 106 of its questions are in medqa_train_5opt",
    ),
    Suite(
        name="medqa_train_5opt",
        read=partial(medqa.read_medqa_prompts, source="medqa_train_5opt/train", n_options=5),
        folder="medqa_us_train_dev",
        files=("train_sample_5opt_1000.json",),
        n=1000,
        keys={"A": 185, "B": 211, "C": 186, "D": 214, "E": 204},
        digest="1cc41176ec5b9f8f",
        licence=medqa.LICENCE,
        use="training",
        about="MedQA-USMLE train, a sample with 5 options",
    ),
    Suite(
        name="medqa_dev_5opt",
        read=partial(medqa.read_medqa_labelled, source="medqa_dev_5opt/dev", n_options=5),
        folder="medqa_us_train_dev",
        files=("dev_5opt.json",),
        n=1272,
        keys={"A": 256, "B": 279, "C": 245, "D": 278, "E": 214},
        digest="7a59c79ea31c0d6b",
        licence=medqa.LICENCE,
        use="training",
        about="MedQA-USMLE dev with 5 options",
    ),
    Suite(
        name="medqa_dev_4opt",
        read=partial(medqa.read_mediq, source="medqa_dev_4opt/dev"),
        folder="medqa_us_train_dev",
        files=("mediq_dev_4opt_facts.jsonl",),
        n=1272,
        keys={"A": 330, "B": 316, "C": 352, "D": 274},
        digest="00605b8ffeeb8537",
        licence=medqa.LICENCE_MEDIQ,
        use="training",
        about="MedQA-USMLE dev with 4 options as in mediQ; 183 stems differ slightly from medqa_dev_5opt",
    ),
    Suite(
        name="medmcqa_train",
        read=partial(medmcqa.read_medmcqa_prompts, source="medmcqa_train/train"),
        folder="medmcqa_train_sample",
        files=("medmcqa_train_1000.jsonl",),
        n=1000,
        keys={"A": 300, "B": 268, "C": 238, "D": 194},
        digest="1cb2688b4c2b3c68",
        licence=medmcqa.LICENCE,
        use="training",
        about="MedMCQA train, a sample; shares a question with medmcqa, so decontaminate",
    ),
)
SUITES: dict[str, Suite] = {suite.name: suite for suite in _SUITES}
