"""A set is built in one pass: each row out once, with its reason, also where it was stopped."""

import json
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gazal.cases.overlap import Overlap
from gazal.core.case import Case
from gazal.core.chat import write_reply
from gazal.core.example import Example, Lineage, parse_example, write_example
from gazal.curate.build import DROPPED, Rules, build, count
from gazal.curate.card import write_card
from gazal.curate.checks import Limits
from gazal.curate.dedup import Seen, take_apart
from gazal.curate.formats import tell_row, write_parquet
from gazal.curate.incoming import LONGEST_ROW, read_file, read_world

KINDS = ("diagnosis", "treatment", "uncertainty", "prognosis")
R = "One thing holds.\nAnother follows."
RULES = Rules(limits=Limits())
HELD = Case(
    id="held/test/1",
    kind="exam",
    question="Which enzyme is blocked by allopurinol in the breakdown of purines to uric acid?",
    options={"A": "Xanthine oxidase", "B": "Urease", "C": "Arginase"},
    answer="A",
    licence="MIT",
)


def run(rows, folder, rules=RULES, against=None):
    folder.mkdir(exist_ok=True)
    list(build(iter(rows), rules, against, folder))
    kept = [json.loads(line) for line in (folder / "examples.jsonl").read_text().splitlines()]
    return kept, [json.loads(line) for line in (folder / DROPPED).read_text().splitlines()]


def write(path, rows):
    path.write_bytes(b"".join((r if isinstance(r, bytes) else json.dumps(r).encode()) + b"\n" for r in rows))
    return path


def test_every_row_goes_to_one_of_two_files(tmp_path):
    world = list(read_world(40, KINDS, 0))
    kept, dropped = run([*world, *world[:5]], tmp_path / "set")
    assert len(kept) + len(dropped) == 45
    assert [row["reason"] for row in dropped if row["where"] == world[0].where] == ["exact_duplicate"]
    assert all(row["lineage"]["judged"]["process"] == "sound" for row in kept)


@pytest.mark.parametrize(
    "row, reason",
    [
        (b"{", "bad_json"),
        (b"[1]", "bad_json"),
        (b'{"case": "\xff"}', "bad_encoding"),
        (b'{"question": "\\ud800 which?", "answer": "x", "reasoning": "One. Two."}', "bad_encoding"),
        (b'{"question": "' + b"x" * (LONGEST_ROW + 1) + b'"}', "too_long"),
        ({"a": 1}, "unknown_layout"),
        ({"question": 5, "answer": "x", "reasoning": R}, "wrong_type"),
        ({"question": "Which is it then?", "reasoning": R}, "missing"),
        ({"question": "Which is it then?", "answer": "x", "reasoning": "Short."}, "no_reasoning"),
        (
            {"question": "Which is it?", "answer": "z", "options": ["x", "y"], "reasoning": R},
            "no_key",
        ),
        ({"messages": [{"role": "user", "content": "Which?"}]}, "missing"),
        ({"messages": "hello"}, "wrong_type"),
        ({"question": "Which is it?", "answer": "z", "options": "[" * 100_000, "reasoning": 5}, "wrong_type"),
        ({"case": {"id": 1}, "reply": "x", "lineage": {}}, "no_case"),
        ({"question": "\u041a\u0430\u043a\u043e\u0439 " * 4, "answer": "x",
          "reasoning": R}, "other_script"),
        (
            {"question": "Which? The answer is (B).", "answer": "y", "options": ["x", "y"],
             "reasoning": R},
            "tells_its_key",
        ),
    ],
)  # fmt: skip
def test_a_bad_row_is_told_and_the_next_is_read(tmp_path, row, reason):
    good = {
        "question": "Which of them is it?",
        "answer": "y",
        "options": ["x", "y"],
        "reasoning": R,
    }
    kept, dropped = run(read_file(write(tmp_path / "in.jsonl", [row, good]), "MIT"), tmp_path / "set")
    assert [found["reason"] for found in dropped] == [reason] and dropped[0]["what"]
    assert [found["case"]["answer"] for found in kept] == ["B"]


@pytest.mark.parametrize(
    "row",
    [
        {"question": "Which is it now?", "options": {"A": "x", "B": "y"}, "answer": "B",
         "reasoning": "1. One thing holds\n2. Another follows"},
        {"question": "Which is it now?", "options": "Answer Choices:\nA. x\nB. y", "answer": "y. It is so.",
         "reasoning": "One thing holds. Another follows."},
        {"case": "Which is it now?", "reasoning": R, "answer": "y"},
        {"Question": "Which is it now?", "Complex_CoT": R, "Response": "So. It is y."},
        {"messages": [{"role": "user", "content": "Which is it now?\n\nA. x\nB. y"},
                      {"role": "assistant", "content": write_reply(R.split("\n"), "So.", "B")}]},
    ],
)  # fmt: skip
def test_layouts_of_the_field_become_examples(tmp_path, row):
    kept, dropped = run(read_file(write(tmp_path / "in.jsonl", [row]), "MIT"), tmp_path / "set")
    assert not dropped
    example = parse_example(kept[0], "here")
    assert example.case.question == "Which is it now?" and example.trace.steps[0].startswith("One thing")
    assert example.case.options.get(example.case.answer, example.case.answer) in ("y", "It is y.")


def test_leaks_are_dropped_with_their_pair(tmp_path):
    rows = list(read_world(3, KINDS, 0))
    stem = "1: " + HELD.question.replace("allopurinol", "this drug")
    case = replace(HELD, id="mine/train/1", question=stem, options=dict(HELD.options))
    lineage = Lineage(source="mine", row="0", licence="MIT")
    reply = write_reply(["The drug is known.", "It blocks one."], "So.", "A")
    leaked = replace(rows[0], source="mine", example=Example(case=case, reply=reply, lineage=lineage))
    kept, dropped = run([*rows, leaked], tmp_path / "set", against=Overlap([HELD]))
    assert len(kept) == 3
    assert (dropped[0]["reason"], dropped[0]["of"], dropped[0]["pair"]) == ("leak", HELD.id, HELD.question)


def test_a_leak_whose_vignette_stands_in_the_context_is_dropped(tmp_path):
    stem = (
        "A 47-year-old man comes to the emergency department with crushing chest pain that began while "
        "shovelling snow. His blood pressure is 96/60 mm Hg. Which of the following is the most likely "
        "diagnosis?"
    )
    held = replace(HELD, id="held/test/2", question=stem)
    context, _, question = stem.rpartition(". ")
    case = replace(HELD, id="mine/train/2", context=context, question=question)
    lineage = Lineage(source="mine", row="0", licence="MIT")
    reply = write_reply(["The drug is known.", "It blocks one."], "So.", "A")
    row = replace(next(read_world(1, KINDS, 0)), example=Example(case=case, reply=reply, lineage=lineage))
    kept, dropped = run([row], tmp_path / "set", against=Overlap([held, HELD]))
    assert not kept and [(d["reason"], d["of"]) for d in dropped] == [("leak", "held/test/2")]


def test_a_capital_letter_in_a_chat_question_is_no_option(tmp_path):
    asked = "Which of these is true of Alzheimer disease?\n\nA. x\nB. y"
    messages = [
        {"role": "user", "content": asked},
        {"role": "assistant", "content": write_reply(R.split("\n"), "So.", "B")},
    ]
    kept, _ = run(read_file(write(tmp_path / "in.jsonl", [{"messages": messages}]), "MIT"), tmp_path / "set")
    assert kept[0]["case"]["question"] == "Which of these is true of Alzheimer disease?"


def test_a_wrong_step_is_dropped_and_named(tmp_path):
    row = next(r for r in read_world(8, ("uncertainty",), 0) if "100" in r.example.reply)
    wrong = replace(
        row.example, reply=row.example.reply.replace("Of 1000 such patients ", "Of 1000 such patients 9", 1)
    )
    kept, dropped = run([replace(row, example=wrong)], tmp_path / "set")
    assert not kept and dropped[0]["reason"] == "wrong_step" and dropped[0]["what"].startswith("step ")


def test_a_source_can_be_left_out_and_cases_of_other_splits_are(tmp_path):
    rows = list(read_world(4, KINDS, 0))
    moved = replace(rows[0].example.case, id="world/test/abc")
    rows[0] = replace(rows[0], example=replace(rows[0].example, case=moved))
    _, dropped = run(rows, tmp_path / "a")
    assert [row["reason"] for row in dropped] == ["evaluation_split"]
    kept, dropped = run(rows, tmp_path / "b", replace(RULES, without=frozenset({"world"})))
    assert not kept and {row["reason"] for row in dropped} == {"left_out"}


@pytest.mark.parametrize("after", [1, 7, 19])
def test_stopped_and_gone_on_with_is_never_stopped(tmp_path, after):
    def rows():
        world = list(read_world(20, KINDS, 3))
        return [*world[:10], *world[:3], *world[10:]]

    run(rows(), tmp_path / "whole")
    part = tmp_path / "part"
    run(rows()[:after], part)
    for name in ("examples.jsonl", DROPPED):
        with (part / name).open("ab") as file:
            file.write(b'{"torn')
    run(rows(), part)
    for name in ("examples.jsonl", DROPPED):
        assert (part / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_full_disk_ends_cleanly_and_is_gone_on_with(tmp_path):
    """A limit on the size of files stands for the disk: writing fails in the middle, as it does there."""
    gazal = Path(sys.executable).with_name("gazal")
    words = [gazal, "curate", "--world", "60", "--no-leaks", "--no-parquet", "--out"]
    limit = (resource.RLIMIT_FSIZE, (40_000, 40_000))
    full = [*words, tmp_path / "full"]
    ended = subprocess.run(
        full, capture_output=True, text=True, preexec_fn=lambda: resource.setrlimit(*limit)
    )
    assert ended.returncode == 2 and "Make room, then run the same command again" in ended.stderr
    assert "Traceback" not in ended.stderr and not (tmp_path / "full").exists()
    for folder in ("full", "whole"):
        assert subprocess.run([*words, tmp_path / folder], capture_output=True).returncode == 0
    for name in ("examples.jsonl", DROPPED):
        assert (tmp_path / "full" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_twins_are_no_duplicates_but_the_same_words_are():
    (row,) = read_world(1, ("diagnosis",), 0)
    case, seen = row.example.case, Seen()
    seen.add(take_apart(case))
    blurred = replace(case, question=f"Case: {case.question}")
    other = next(letter for letter in case.options if letter != case.answer)
    assert seen.find(take_apart(blurred)).exact is False and seen.find(take_apart(case)).exact
    assert seen.find(take_apart(replace(blurred, answer=other))) is None
    older = replace(case, question=case.question.replace("-year", "1-year"))
    assert older != case and seen.find(take_apart(older)) is None


def test_the_card_and_parquet_say_what_is_there(tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    folder = tmp_path / "set"
    kept, _ = run(read_world(12, KINDS, 0), folder)
    counted = count(folder)
    card = write_card("set", counted, ["medqa_4opt"], "gazal curate")
    assert "12 examples" in card and "| world | 12 |" in card and "No leak was found" in card
    assert "nothing is known of leaks" in write_card("set", counted, [], "gazal curate")
    table = pq.read_table(write_parquet(folder)).to_pylist()
    assert [row["id"] for row in table] == [row["id"] for row in kept]
    assert table[0]["messages"][1]["content"] == kept[0]["reply"] and table[0]["reasoning"].count("\n") > 0
    example = parse_example(kept[0], "here")
    assert parse_example(json.loads(write_example(example)), "here") == example
    assert tell_row(example)["answer_text"] == example.case.options[example.case.answer]
