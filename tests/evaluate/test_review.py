"""A sheet hides whose reply it is, and what comes back is counted as published statistics count it."""

import csv
import io
import json
import random

import pytest
from sklearn.metrics import cohen_kappa_score
from typer.testing import CliRunner

from gazal.cli.main import app
from gazal.core.case import Case
from gazal.core.store import write_cases, write_traces
from gazal.core.trace import Trace
from gazal.errors import DataError
from gazal.evaluate.review import ASKED, COLUMNS, find_kappa, make_sheet, read_sheet, write_sheet

CASES = [
    Case(id=f"own/test/{n}", kind="exam", question=f"=Which {n}?", options={"A": "x", "B": "y"}, answer="A",
         licence="MIT")
    for n in range(12)
]  # fmt: skip
REPLIES = {m: [Trace(case_id=c.id, text=f"{m[0]}{c.id}", model=m) for c in CASES] for m in ("sft", "grpo")}


def fill(text, rng):
    rows = list(csv.DictReader(io.StringIO(text)))
    for row in rows:
        row.update({name: rng.choice(values) for name, values in ASKED.items()})
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def test_the_sheet_names_no_model_and_runs_no_formula():
    rows, key = make_sheet(CASES, REPLIES, 8, 0)
    text = write_sheet(rows)
    assert len(rows) == 16 and {row["code"] for row in rows} == set(key)
    shown = list(csv.DictReader(io.StringIO(text)))
    assert (
        all(row["case"].startswith("'=Which") for row in shown) and "grpo" not in text and "sft" not in text
    )
    assert {found["model"] for found in key.values()} == {"sft", "grpo"}
    for half in (rows[:8], rows[8:]):  # Both models in each round, every case once.
        assert len({key[row["code"]]["case_id"] for row in half}) == 8
        assert {key[row["code"]]["model"] for row in half} == {"sft", "grpo"}
    assert make_sheet(CASES, REPLIES, 8, 0)[0] == rows != make_sheet(CASES, REPLIES, 8, 1)[0]
    with pytest.raises(DataError, match="13 cases wanted, 12"):
        make_sheet(CASES, REPLIES, 13, 0)


def test_kappa_is_that_of_scikit_learn():
    rng = random.Random(3)
    for column, values in ASKED.items():
        a = [rng.choice(values) for _ in range(60)]
        b = [x if rng.random() < 0.6 else rng.choice(values) for x in a]
        weighted = len(values) > 2
        ours = find_kappa(list(zip(a, b, strict=True)), values, weighted=weighted)
        theirs = cohen_kappa_score(a, b, labels=list(values), weights="quadratic" if weighted else None)
        assert ours == pytest.approx(theirs), column
    assert find_kappa([("yes", "yes")], ("yes", "no"), weighted=False) is None


def test_written_filled_in_and_read_back(tmp_path):
    folder = tmp_path / "seen"
    folder.mkdir()
    write_cases(folder / "cases.jsonl", CASES)
    for model, traces in REPLIES.items():
        write_traces(folder / f"{model}.jsonl", traces)
    (folder / "results.json").write_text("{}")
    (folder / "manifest.json").write_text(json.dumps({"settings": {"models": {"sft": 1, "grpo": 2}}}))
    sheet = tmp_path / "review.csv"
    done = CliRunner().invoke(app, ["review", "write", str(folder), "--n", "10", "--out", str(sheet)])
    assert done.exit_code == 0, done.output
    again = CliRunner().invoke(app, ["review", "write", str(folder), "--n", "10", "--out", str(sheet)])
    assert "may be filled in" in str(again.exception)
    rng = random.Random(0)
    for name in ("ann", "bob"):
        (tmp_path / f"{name}.csv").write_text(fill(sheet.read_text(), rng))
    words = [str(tmp_path / "ann.csv"), str(tmp_path / "bob.csv"), "--key", str(tmp_path / "review.key.json")]
    done = CliRunner().invoke(app, ["review", "read", *words, "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    assert {model: rated["ratings"] for model, rated in found["models"].items()} == {"sft": 20, "grpo": 20}
    assert [a["column"] for a in found["agreement"]] == list(ASKED) and found["agreement"][0]["n"] == 20
    assert "kappa" in CliRunner().invoke(app, ["review", "read", *words]).output


def test_a_row_that_stands_twice_is_refused(tmp_path):
    row = "code-1,case,reply,yes,3,no,\n"
    (tmp_path / "sheet.csv").write_text(f"{','.join(COLUMNS)}\n{row}{row}")
    with pytest.raises(DataError, match="stands twice"):
        read_sheet(tmp_path / "sheet.csv", {"code-1": {"model": "sft", "case_id": "x"}})


@pytest.mark.parametrize(
    "change, said",
    [
        (("yes", "maybe"), "answer_acceptable is 'maybe'; it takes yes, no"),
        (("code-1", "code-2"), "not of this sheet or stands twice"),
        (("yes,3,no", ",3,no"), "answer_acceptable is ''"),
        (("yes,3,no", ",,"), "nothing is filled in"),
    ],
)
def test_a_sheet_that_was_filled_in_wrongly_is_refused(tmp_path, change, said):
    path = tmp_path / "sheet.csv"
    path.write_text(f"{','.join(COLUMNS)}\ncode-1,case,reply,yes,3,no,\n".replace(*change))
    with pytest.raises(DataError, match=said):
        read_sheet(path, {"code-1": {"model": "sft", "case_id": "x"}})
