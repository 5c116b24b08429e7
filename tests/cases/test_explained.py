import json
import logging
import re
from collections import Counter

import pytest

from gazal.cases import explained_rows
from gazal.cases.explained import EXPLAINED, load_explained, read_explained
from gazal.cases.medmcqa import read_medmcqa_prompts
from gazal.cases.table import SUITES
from gazal.errors import ConfigError, DataError
from gazal.score.answer import judge_answer
from gazal.score.format import judge_format

NOTE = "Ans. is (b) i.e., heparin. It acts at once, for heparin is given into a vein. Iron is no such drug."
ROW = {
    "question": "Which drug acts first?",
    "exp": NOTE,
    "cop": 2,
    "opa": "aspirin",
    "opb": "heparin ",
    "opc": "iron",
    "opd": "zinc",
    "subject_name": "Pharmacology",
    "topic_name": None,
    "id": "45258d3d-b974",
    "choice_type": "single",
}


def row(number: int, **change: object) -> dict:
    return ROW | {"id": str(number), "question": f"Which drug acts first in patient {number}?"} | change


@pytest.fixture
def put(tmp_path):
    """Writes a training file at its place in a data folder, and gives the folder back."""

    def put_rows(*rows: object) -> object:
        path = tmp_path / "data" / "medmcqa_train" / "train.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
        path.write_text("\n".join(lines), encoding="utf-8")
        return tmp_path / "data"

    return put_rows


def test_a_note_becomes_a_reply(put):
    ((case, trace),) = load_explained("medmcqa_explained", put(ROW))
    assert trace.text == (
        "<think>\n"
        "Step 1: It acts at once, for heparin is given into a vein. Iron is no such drug.\n"
        "Step 2: Heparin is option B.\n"
        "</think>\n\n"
        "## Clinical Assessment\n"
        "The best answer is B: heparin.\n"
        r"**Answer:** \boxed{B}"
    )
    assert (trace.case_id, trace.model, trace.stop, trace.confidence) == (
        case.id,
        "medmcqa_explained",
        "end",
        None,
    )
    assert len(trace.prompt_hash) == 12
    assert (case.answer, case.tags.topic, case.licence) == ("B", "Pharmacology", "MIT")


def test_the_case_has_the_id_that_the_training_suite_gives_it(put, write):
    options = "Option A:aspirin\nOption B:heparin \nOption C:iron\nOption D:zinc\n"
    prompt = f"QUESTION: Which drug acts first?\n{options}"
    path = write("a.jsonl", {"instances": {"input": prompt, "output": "Answer: (B)"}})
    (suite_case,) = read_medmcqa_prompts(path, source="medmcqa_train/train")
    ((case, _),) = load_explained("medmcqa_explained", put(ROW))
    assert case.id == suite_case.id


@pytest.mark.parametrize(
    ("option", "step"),
    [
        ("radial nerve", "Radial nerve is option B."),
        ("pH 7.4", "pH 7.4 is option B."),
        ("mRNA of heparin", "mRNA of heparin is option B."),
        ("p53.", "p53 is option B."),
        ("Two\nlines .", "Two lines is option B."),
    ],
)
def test_the_last_step_names_the_option(put, option, step):
    note = f"Reasons for {option}: it is known to act at once, as all of the studies have shown by now."
    ((_, trace),) = load_explained("medmcqa_explained", put(row(1, opb=option, exp=note)))
    assert trace.steps[-1] == step


DROPS = [
    (row(1, exp=None), "no_explanation"),
    (row(1, exp="  "), "no_explanation"),
    (row(1, exp="Ans. (b) heparin"), "too_short"),
    (row(1, exp="Ans. is C. It acts at once and heparin is given later."), "names_another_option"),
    (row(1, exp="Ref: Harrison 18/e p 364"), "only_a_reference"),
    (row(1, question="What does the image show?"), "needs_picture"),
    (row(1, opc="Heparin"), "repeats_an_option"),
    (row(1, opd=""), "bad_row"),
    (row(1, cop="2"), "bad_row"),
    (row(1, cop=None), "bad_row"),
    ({"question": "q"}, "bad_row"),
    ("[1, 2]", "bad_row"),
    ('{"question": "cut o', "bad_row"),
    (ROW | {"exp": "Another note on heparin: it acts at once in all patients."}, "repeats_a_question"),
]


@pytest.mark.parametrize(("bad", "reason"), DROPS, ids=[reason for _, reason in DROPS])
def test_a_row_that_cannot_be_used_is_counted(put, bad, reason):
    found = read_explained("medmcqa_explained", put(ROW, bad, row(7)))
    assert [case.question for case, _ in found.pairs] == [ROW["question"], row(7)["question"]]
    assert (found.dropped, found.n_rows) == (Counter({reason: 1}), 3)


def test_counts_and_what_was_not_compared_go_to_the_log(put, caplog):
    with caplog.at_level(logging.INFO):
        load_explained("medmcqa_explained", put(ROW, row(1, exp=None), row(2, exp=""), row(3, opa="")))
    assert "kept 1 of 4 rows; dropped: no_explanation 2, bad_row 1" in caplog.text
    assert "not compared with medqa_4opt, medqa_5opt, mmlu_pro_health" in caplog.text


def test_blank_lines_are_no_rows(put):
    assert read_explained("medmcqa_explained", put(ROW, "", "  ", row(1), "")).n_rows == 2


def test_multi_answer_rows_are_kept_as_the_suite_keeps_them(put):
    assert len(load_explained("medmcqa_explained", put(row(1, choice_type="multi")))) == 1


def test_a_limit_draws_from_the_whole_file_and_a_larger_one_adds(put):
    root = put(*(row(n, exp=NOTE if n % 3 else None) for n in range(300)))
    every = [case.id for case, _ in load_explained("medmcqa_explained", root)]
    assert len(every) == 200

    def draw(limit: int, seed: int = 0) -> list[str]:
        return [case.id for case, _ in load_explained("medmcqa_explained", root, limit=limit, seed=seed)]

    ten, twenty = draw(10), draw(20)
    assert (len(ten), len(twenty)) == (10, 20)
    assert draw(10) == ten != draw(10, seed=1)
    assert set(ten) < set(twenty)
    places = [every.index(id) for id in twenty]
    assert places == sorted(places) and places[0] < 60 and places[-1] > 140
    assert draw(500) == every


def test_a_limit_reads_no_more_rows_than_it_needs(put, monkeypatch):
    root, read = put(*map(row, range(300))), []
    take = explained_rows.Lines.__getitem__
    monkeypatch.setattr(explained_rows.Lines, "__getitem__", lambda self, n: read.append(n) or take(self, n))
    load_explained("medmcqa_explained", root, limit=5)
    assert len(read) == 5


def test_a_copy_that_counts_from_zero_is_refused(put):
    with pytest.raises(DataError, match=r"medmcqa_explained: cop is 0; it must be 1 to 4, 1 for opa. Copies"):
        load_explained("medmcqa_explained", put(ROW, row(1, cop=0)))


def test_a_file_of_another_set_is_refused(put):
    root = put({"instances": {}}, {"instances": {}})
    with pytest.raises(
        DataError, match=re.escape("none of the 2 rows of") + r".*\{'bad_row': 2\}. Is it the file of another"
    ):
        load_explained("medmcqa_explained", root)
    with pytest.raises(DataError, match=r"train.json: the file is empty."):
        load_explained("medmcqa_explained", put())


def test_settings_that_cannot_work_say_what_to_do(put, tmp_path):
    root = put(ROW)
    with pytest.raises(ConfigError, match=r"medmcqa_explained: limit is 0. Give 1 or more, or none for all."):
        load_explained("medmcqa_explained", root, limit=0)
    with pytest.raises(
        ConfigError, match=r"'medmcqa_explain' is not known. Did you mean medmcqa_explained\?"
    ):
        load_explained("medmcqa_explain", root)
    with pytest.raises(ConfigError, match=r"medmcqa_explained: no data folder. Set GAZAL_DATA to it"):
        load_explained("medmcqa_explained")
    with pytest.raises(
        DataError, match=r"pubmedqa_explained: ori_pqal.json, test_ground_truth.json not found"
    ):
        load_explained("pubmedqa_explained", root)


def test_the_table_is_consistent():
    for name, explained in EXPLAINED.items():
        assert name == explained.name and name.endswith("_explained")
        assert name.replace("explained", "train") in SUITES
        assert explained.about and explained.files and "\n" not in explained.about


@pytest.mark.parametrize("name", ["pubmedqa_explained", "medmcqa_explained"])
def test_every_reply_earns_full_marks(data, tmp_path, monkeypatch, name):
    monkeypatch.delenv("GAZAL_DATA", raising=False)
    # The notes of the dev file stand in for those of the training file, which is not at hand: their form is
    # the same. They lie apart from the evaluation suites, or every row would be left out.
    root = data
    if name == "medmcqa_explained":
        root = tmp_path
        (tmp_path / "medmcqa_train").mkdir()
        (tmp_path / "medmcqa_train" / "train.json").symlink_to(data / "medmcqa_dev" / "dev.json")
    found = read_explained(name, root)
    assert len(found.pairs) > (490 if name == "pubmedqa_explained" else 900)
    for case, trace in found.pairs:
        assert (judge_answer(case, trace).value, judge_format(case, trace).value) == (1.0, 1.0), trace.text
        assert 2 <= len(trace.steps) <= 8
        assert "\ufffd" not in trace.text and "http" not in trace.text


def test_pubmedqa_explains_training_ids_only(data):
    found = read_explained("pubmedqa_explained", data)
    truth = json.loads((data / "pubmedqa" / "test_ground_truth.json").read_text(encoding="utf-8"))
    assert not {case.id.split("/")[-1] for case, _ in found.pairs} & set(truth)
    assert {case.id.split("/")[0] for case, _ in found.pairs} == {"pubmedqa_train"}
    assert (len(found.pairs), found.dropped, found.absent) == (499, Counter({"run_on": 1}), ())
    assert len(found.compared) == 8
    assert {trace.steps[-1] for _, trace in found.pairs} == {
        "Yes is option A.",
        "No is option B.",
        "Maybe is option C.",
    }


def test_evaluation_questions_at_hand_are_left_out(data, put, monkeypatch):
    monkeypatch.delenv("GAZAL_DATA", raising=False)
    rows = (data / "medmcqa_dev" / "dev.json").read_text(encoding="utf-8").splitlines()[:200]
    shouted = [json.loads(line) for line in rows]
    shouted = [row | {"question": "  " + row["question"].upper() + " ?!"} for row in shouted]
    root = put(*shouted, ROW)
    (root / "medmcqa_dev").symlink_to(data / "medmcqa_dev")
    found = read_explained("medmcqa_explained", root)
    assert [case.question for case, _ in found.pairs] == [ROW["question"]]
    assert found.compared == ("medmcqa",) and len(found.absent) == 7
    assert found.dropped["in_evaluation"] > 90
    assert set(found.dropped) <= {"in_evaluation", "no_explanation", "repeats_an_option"}


def test_the_dev_file_is_never_taught_where_the_data_variable_names_it(data, put, monkeypatch):
    root = put((data / "medmcqa_dev" / "dev.json").read_text(encoding="utf-8"))
    monkeypatch.setenv("GAZAL_DATA", str(data))
    with pytest.raises(DataError, match=r"none of the 4,183 rows .*'in_evaluation': 2\d\d\d"):
        load_explained("medmcqa_explained", root)
