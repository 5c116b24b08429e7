"""Questions of one's own: a CSV (or TSV, or JSON lines) as it comes out of a spreadsheet.

| column | holds |
|---|---|
| ``question`` | the stem |
| ``A``, ``B``, ... or ``options`` | one option a column; or all in one, as a JSON list or one a line |
| ``answer`` (``key``, ``correct``) | letter or text of the right option; without options the reference text |
| ``context``, ``explanation``, ``id``, ``specialty``, ``licence`` | may be left out or empty |
| ``group`` or ``site`` | what scores are split by; may be left out |

Names of columns count without case and blanks around them; other columns are passed over.
"""

import csv
import difflib
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gazal.cases.rows import at, letter_options, read_rows, read_text
from gazal.core.case import LETTERS, Case, Tags, hash_content
from gazal.core.store import read_cases
from gazal.errors import DataError

TABLES = {".csv": ",", ".tsv": "\t"}
ANSWERS = ("answer", "key", "correct")
GROUPS = ("group", "site")
KNOWN = (
    *("question", "options", "context", "explanation", "id", "specialty", "licence"),
    *(*ANSWERS, *GROUPS, *(letter.lower() for letter in LETTERS)),
)
PRIVATE = "LicenseRef-private"
LONGEST = 1_000_000
"""Characters of a cell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """One row."""

    where: str
    """File and line."""
    case: Case
    explanation: str
    """As it stands; empty where there is none."""


def read_own(path: Path) -> list[Own]:
    """Read a file of questions; ids are ``<name of the file>/own/<id or hash of the content>``.

    Raises:
        DataError: At the first bad row, with its line; when a question stands twice; when there is none.
    """
    found: dict[str, tuple[str, Own]] = {}
    for where, row in _read_rows(path):
        with at(where):
            own = _read(row, where, re.sub(r"[^\w.-]+", "-", path.stem).strip(".-") or "own")
        if own.case.id in found:
            raise DataError(f"{where}: the same as {found[own.case.id][0]}. Keep one, or give them ids.")
        found[own.case.id] = (where, own)
    if not found:
        raise DataError(f"{path}: holds no row. Put one question in each, below a row of names of columns.")
    return [own for _, own in found.values()]


def find_unknown_columns(path: Path) -> dict[str, str]:
    """Columns of a table that are passed over, to the column that may be meant; empty where none is near."""
    if path.suffix.lower() not in TABLES:
        return {}
    first = csv.reader(io.StringIO(read_text(path)), delimiter=TABLES[path.suffix.lower()])
    names = [_plain(name) for name in next(first, [])]
    return {
        name: next(iter(difflib.get_close_matches(name, KNOWN, n=1, cutoff=0.75)), "")
        for name in names
        if name and name not in KNOWN
    }


def read_cases_of(path: Path) -> list[Case]:
    """Cases of a file: of a table as `read_own` reads it, else of a ``cases.jsonl``.

    Raises:
        DataError: It does not say what it should.
    """
    if path.suffix.lower() in TABLES:
        return [own.case for own in read_own(path)]
    return read_cases(path)


def _read_rows(path: Path) -> Iterator[tuple[str, Mapping[str, str]]]:
    if path.suffix.lower() not in TABLES:
        for where, row in read_rows(path):
            yield where, {_plain(name): _tell(value) for name, value in row.items()}
        return
    csv.field_size_limit(LONGEST)
    text = io.StringIO(read_text(path), newline="")
    reader = csv.DictReader(text, delimiter=TABLES[path.suffix.lower()], strict=True)
    try:
        names = [_plain(name) for name in reader.fieldnames or ()]
        if "question" not in names:
            raise DataError(f"{path}: columns {names}; 'question' is missing. See docs/own-questions.md.")
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            if None in row:
                raise DataError(f"{where}: more cells than columns. Put cells with commas into quotes.")
            yield where, {_plain(name): value or "" for name, value in row.items()}
    except csv.Error as error:
        raise DataError(
            f"{path}, line {reader.line_num}: no table ({error}). Save it as CSV again."
        ) from None


def _read(row: Mapping[str, str], where: str, source: str) -> Own:
    question, context = _need(row, "question"), row.get("context", "").strip()
    texts = _read_options(row)
    options = letter_options(texts) if texts else {}
    answer = _find_answer(row, options)
    key = row.get("id", "").strip() or hash_content(context, question, options)
    if "/" in key:
        raise DataError(f"id {key!r:.60} holds a slash. Use letters, digits and hyphens.")
    tags = Tags(specialty=row.get("specialty", "").strip() or None, topic=_find_group(row))
    case = Case(
        id=f"{source}/own/{key}",
        kind="exam",
        context=context,
        question=question,
        options=options,
        answer=answer,
        tags=tags,
        licence=row.get("licence", "").strip() or PRIVATE,
    )
    return Own(where=where, case=case, explanation=row.get("explanation", "").strip())


def _read_options(row: Mapping[str, str]) -> list[str]:
    """One a column, up to the first that is empty; or all in one."""
    texts = [row.get(letter.lower(), "").strip() for letter in LETTERS]
    n = next((n for n, text in enumerate(texts) if not text), len(texts))
    if any(texts[n:]):
        raise DataError(f"option {LETTERS[n]} is empty and a later one is not.")
    if n:
        return texts[:n]
    whole = row.get("options", "").strip()
    try:
        value = json.loads(whole) if whole[:1] in ("[", "{") else whole.splitlines()
    except (ValueError, RecursionError):
        raise DataError(f"options {whole!r:.60} are no JSON. Give one a line, or one a column.") from None
    texts = list(value.values()) if isinstance(value, dict) else value
    return [re.sub(r"^\(?[A-J]\s*[.):]\s*", "", str(text)).strip() for text in texts]


def _find_answer(row: Mapping[str, str], options: dict[str, str]) -> str:
    name = next((name for name in ANSWERS if row.get(name, "").strip()), None)
    if name is None:
        raise DataError("no answer. Give the letter or the text of the right option.")
    answer = row[name].strip()
    if not options:
        return answer
    letter = answer.rstrip(".)").strip("(").upper()
    if letter in options:
        return letter
    found = [key for key, text in options.items() if text == answer]
    if not found:
        texts = "; ".join(f"{key}. {text}" for key, text in options.items())
        raise DataError(f"answer {answer!r:.60} is no letter and no text of an option: {texts:.300}.")
    return found[0]


def _find_group(row: Mapping[str, str]) -> str | None:
    return next((value for name in GROUPS if (value := row.get(name, "").strip())), None)


def _need(row: Mapping[str, str], name: str) -> str:
    if not (value := row.get(name, "").strip()):
        raise DataError(f"no {name}: the row has {[key for key, text in row.items() if text]}.")
    return value


def _tell(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def _plain(name: str | None) -> str:
    return (name or "").strip().lower()
