"""The published files: counts, digests, and the traps that they hold."""

import json
import re
from collections import Counter

import pytest

from gazal.cases import pubmedqa
from gazal.cases.published import count_keys, digest_cases
from gazal.cases.table import SUITES, load_suite, locate_suite
from gazal.errors import DataError

PUBLISHED = {
    "medqa_4opt": (1273, "evaluation"),
    "medqa_5opt": (1273, "evaluation"),
    "mmlu_pro_health": (818, "evaluation"),
    "mmlu_pro_biology": (717, "evaluation"),
    "mmlu_pro_medical": (1535, "evaluation"),
    "pubmedqa": (500, "evaluation"),
    "pubmedqa_train": (500, "training"),
    "medmcqa": (4183, "evaluation"),
    "mmlu_medical": (1089, "evaluation"),
    "medqa_train_4opt": (1030, "training"),
    "medqa_train_5opt": (1000, "training"),
    "medqa_dev_5opt": (1272, "training"),
    "medqa_dev_4opt": (1272, "training"),
    "medmcqa_train": (1000, "training"),
}


def squeeze(text: str) -> str:
    return re.sub(r"\W+", "", text.lower())


def stems(cases) -> set[str]:
    return {squeeze(case.question) for case in cases}


def test_every_suite_has_a_published_count():
    assert {name: (suite.n, suite.use) for name, suite in SUITES.items()} == PUBLISHED


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_file_is_what_the_table_says(data, name):
    suite, cases = SUITES[name], load_suite(name, data)
    assert (len(cases), count_keys(cases), digest_cases(cases)) == (suite.n, suite.keys, suite.digest)
    assert len({case.id for case in cases}) == len(cases)
    assert {case.licence for case in cases} == {suite.licence}
    start = "mmlu_pro" if name.startswith("mmlu_pro") else name
    assert all(case.id.startswith(f"{start}/") for case in cases)
    assert {case.kind for case in cases} == {"abstract" if name.startswith("pubmedqa") else "exam"}


def test_trap_1_medmcqa_counts_from_one(data, write):
    path = data / "medmcqa_dev" / "dev.json"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    answers = {case.id.split("/")[-1]: case.options[case.answer] for case in load_suite("medmcqa", data)}
    assert all(answers[row["id"]] == row[f"op{'abcd'[row['cop'] - 1]}"] for row in rows)
    shifted = write("dev.json", *({**row, "cop": row["cop"] - 1} for row in rows))
    with pytest.raises(DataError, match="line 1: cop is 0; it must be 1 to 4"):
        load_suite("medmcqa", shifted)


def test_trap_2_medqa_letters_differ_between_the_forms_and_texts_do_not(data):
    five = {squeeze(case.question): case for case in load_suite("medqa_5opt", data)}
    pairs = [(case, five[squeeze(case.question)]) for case in load_suite("medqa_4opt", data)]
    assert len(pairs) == 1273
    assert all(four.options[four.answer] == other.options[other.answer] for four, other in pairs)
    assert sum(four.answer != other.answer for four, other in pairs) > 300


def test_trap_2_dev_answers_agree_between_the_forms(data):
    five = {squeeze(case.question): case for case in load_suite("medqa_dev_5opt", data)}
    pairs = [
        (c, five[squeeze(c.question)])
        for c in load_suite("medqa_dev_4opt", data)
        if squeeze(c.question) in five
    ]
    assert len(pairs) > 1000
    assert all(four.options[four.answer] == other.options[other.answer] for four, other in pairs)


def test_trap_3_mmlu_pro_varies_in_options_and_repeats_95_questions(data):
    cases = load_suite("mmlu_pro_medical", data)
    sizes = Counter(len(case.options) for case in cases)
    assert (min(sizes), max(sizes), sizes[10]) == (3, 10, 1215)
    assert len(cases) - len({(case.question, tuple(case.options.values())) for case in cases}) == 95
    assert Counter(case.tags.topic for case in cases) == {"health": 818, "biology": 717}


def test_trap_3_the_earlier_version_of_two_keys_is_refused(data, write):
    path = data / "mmlu_pro_medical" / "mmlu_pro_medical_1535.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    earlier = {6392: ("B", "D"), 2817: ("E", "F")}
    for row in rows:
        if row["question_id"] in earlier:
            now, before = earlier.pop(row["question_id"])
            assert row["answer"] == now
            row |= {"answer": before, "answer_index": "ABCDEFGHIJ".index(before)}
    assert not earlier
    with pytest.raises(
        DataError, match=r"mmlu_pro_medical: the keys are .*, published .*; the options were re-lett"
    ):
        load_suite("mmlu_pro_medical", write("july.jsonl", *rows))


def test_trap_4_pubmedqa_is_scored_on_its_500_test_ids(data, write):
    test, train = load_suite("pubmedqa", data), load_suite("pubmedqa_train", data)
    assert Counter(case.options[case.answer] for case in test) == {"yes": 276, "no": 169, "maybe": 55}
    ids = [{case.id.split("/")[-1] for case in cases} for cases in (test, train)]
    assert not ids[0] & ids[1] and len(ids[0] | ids[1]) == 1000
    truth = json.loads((data / "pubmedqa" / pubmedqa.TRUTH).read_text(encoding="utf-8"))
    assert ids[0] == set(truth)
    folder = write(pubmedqa.TRUTH, whole={c.id.split("/")[-1]: c.options[c.answer] for c in train}).parent
    (folder / pubmedqa.ROWS).write_bytes((data / "pubmedqa" / pubmedqa.ROWS).read_bytes())
    with pytest.raises(
        DataError, match="pubmedqa: counts are as published, but its questions or keys differ"
    ):
        load_suite("pubmedqa", folder)


def test_trap_4_no_abstract_holds_its_long_answer(data):
    rows = json.loads((data / "pubmedqa" / pubmedqa.ROWS).read_text(encoding="utf-8"))
    for case in load_suite("pubmedqa", data):
        assert rows[case.id.split("/")[-1]]["LONG_ANSWER"] not in case.context
        assert case.context.startswith(rows[case.id.split("/")[-1]]["LABELS"][0] + ": ")


def test_trap_5_the_medmcqa_training_sample_shares_a_question_with_dev(data):
    shared = stems(load_suite("medmcqa_train", data)) & stems(load_suite("medmcqa", data))
    assert shared == {
        squeeze('The Most common gene defect in "Idiopathic Steroid Resistant Nephrotic Syndrome":')
    }


def test_medqa_training_samples_share_questions_with_each_other_and_none_with_test(data):
    four, five = stems(load_suite("medqa_train_4opt", data)), stems(load_suite("medqa_train_5opt", data))
    held_out = stems(load_suite("medqa_5opt", data)) | stems(load_suite("medqa_dev_5opt", data))
    assert len(four & five) >= 105
    assert not (four | five) & held_out


def test_mmlu_keeps_the_78_questions_of_two_subjects(data):
    cases = load_suite("mmlu_medical", data)
    repeats = [case for case in cases if case.id.endswith("-2")]
    assert len(repeats) == 78
    assert {case.tags.topic for case in repeats} == {"college_medicine"}


def test_medmcqa_has_21_questions_with_a_repeated_option(data):
    cases = [case for case in load_suite("medmcqa", data) if len(set(case.options.values())) < 4]
    assert len(cases) == 21
    assert sum(list(c.options.values()).count(c.options[c.answer]) > 1 for c in cases) == 4


@pytest.mark.parametrize("name", ["medqa_4opt", "medqa_dev_5opt", "mmlu_pro_health", "medmcqa"])
def test_a_clipped_copy_is_refused(data, write, name):
    text = locate_suite(SUITES[name], data).read_text(encoding="utf-8")
    rows = json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]
    clipped = [row for row in rows if row.get("category", "health") == "health"][:-73]
    with pytest.raises(
        DataError, match=f"{name}: read {SUITES[name].n - 73:,} cases, published {SUITES[name].n:,}"
    ):
        load_suite(name, write("clipped.jsonl", *clipped))
