"""Items of a run, filters over them, and tags that survive."""

import json
import re
import shutil

import pytest
from typer.testing import CliRunner

from gazal.cli.main import app
from gazal.core.store import read_cases, write_traces
from gazal.core.trace import Trace
from gazal.score.grounding import judge_grounding
from gazal.serve.items import Wanted, add_tag, list_sources, read_items, read_tags, select
from gazal.serve.shown import write_case_page
from gazal.world.solve import solve


@pytest.fixture
def run(finished, tmp_path):
    """The run, its SFT model replying as the worked solutions do."""
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    cases = read_cases(folder / "cases" / "evaluate" / "cases.jsonl")
    write_traces(folder / "evaluate" / "sft.jsonl", [solve(case) for case in cases])
    return folder


def test_every_model_and_the_rollouts_can_be_browsed(run):
    assert list_sources(run) == ["evaluation: base", "evaluation: sft", "evaluation: grpo", "rollouts"]
    for source in list_sources(run):
        items = read_items(run, source)
        assert len(items) == (8 if source == "rollouts" else 10) and len({item.key for item in items}) == len(
            items
        )
    assert all(item.right and item.total is None for item in read_items(run, "evaluation: sft"))
    rollouts = read_items(run, "rollouts")
    assert all(item.step in (1, 2) and item.parts for item in rollouts)


def test_filters_hold_together(run):
    items = read_items(run, "evaluation: sft")
    kinds = {item.case.kind for item in items}
    assert len(kinds) == 5
    for kind in kinds:
        assert {i.case.kind for i in select(items, Wanted(source="", kind=kind))} == {kind}
    assert select(items, Wanted(source="", outcome="not right")) == []
    assert len(select(items, Wanted(source="", outcome="right", kind="recall"))) == 2
    word = items[0].case.question.split()[1]
    assert items[0] in select(items, Wanted(source="", holds=f"{word} STEP"))
    assert select(items, Wanted(source="", holds="no-such-word")) == []
    assert select(items, Wanted(source="", look="right_but_unsound")) == []
    paid = select(read_items(run, "rollouts"), Wanted(source="", look="paid_but_wrong"))
    assert paid and [i.total for i in paid] == sorted((i.total or 0.0 for i in paid), reverse=True)


def find_unsound(case):
    """The worked solution and a copy of it in which one word of a step is turned round."""
    solution = solve(case)
    for a, b in (("common", "rare"), ("rare", "common")):
        for found in re.finditer(a, solution.text):
            text = solution.text[: found.start()] + b + solution.text[found.end() :]
            steps = judge_grounding(case, Trace(case_id=case.id, text=text)).steps
            if any(step.support == "contradicted" for step in steps):
                return solution, text
    raise AssertionError("no word turns a step round")


def test_right_for_wrong_steps_and_alarms_are_found(run):
    items = read_items(run, "evaluation: sft")
    diagnosis = next(item for item in items if item.case.kind == "diagnosis")
    wrong, text = find_unsound(diagnosis.case)
    cases = read_cases(run / "cases" / "evaluate" / "cases.jsonl")
    traces = [solve(case) for case in cases]
    write_traces(
        run / "evaluate" / "sft.jsonl",
        [t if t.case_id != wrong.case_id else type(t)(case_id=t.case_id, text=text) for t in traces],
    )
    found = select(read_items(run, "evaluation: sft"), Wanted(source="", look="right_but_unsound"))
    assert [item.case.id for item in found] == [diagnosis.case.id]
    first = read_items(run, "rollouts")[3]
    row = {"step": first.step, "rollouts": [f"{first.case.id}#{first.trace.sample}"]}
    (run / "grpo" / "alarms.jsonl").write_text(json.dumps(row) + "\n")
    assert [i.key for i in select(read_items(run, "rollouts"), Wanted(source="", look="alarm"))] == [
        first.key
    ]


def test_the_last_tag_counts_and_a_torn_line_is_mended(run):
    one, two = read_items(run, "rollouts")[:2]
    path = add_tag(run, one, ["gamed"], "look")
    add_tag(run, two, ["read again"], "")
    with path.open("a") as file:
        file.write('{"key": "torn')
    add_tag(run, two, [], "")
    tags = read_tags(run)
    assert tags.keys() == {one.key} and tags[one.key]["tags"] == ["gamed"] and tags[one.key]["note"] == "look"
    wanted = Wanted(source="rollouts", look="tagged")
    assert select(read_items(run, "rollouts"), wanted, frozenset(tags)) == [one]


def test_a_run_that_is_still_training_shows_its_rollouts(run):
    shutil.rmtree(run / "evaluate")
    (run / "grpo").rename(run / "grpo.part")
    assert list_sources(run) == ["rollouts"] and len(read_items(run, "rollouts")) == 8


def test_a_case_and_its_replies_become_a_page_that_runs_nothing(run, tmp_path):
    case = read_items(run, "evaluation: sft")[0].case
    done = CliRunner().invoke(
        app, ["show", case.id, "--run", str(run), "--html", str(tmp_path / "case.html")]
    )
    assert done.exit_code == 0 and f"page: {tmp_path / 'case.html'}" in done.output
    page = (tmp_path / "case.html").read_text()
    assert page.count("<article") == 4 and "worked solution" in page and "evaluation: grpo" in page
    assert "default-src 'none'" in page and "<script" not in page and "The judge: " in page
    hostile = Trace(case_id=case.id, text="<script>alert(1)</script>")
    write_case_page(case, {"<b>me</b>": hostile}, tmp_path / "other.html")
    other = (tmp_path / "other.html").read_text()
    assert "<script" not in other and "&lt;script&gt;" in other and "&lt;b&gt;me" in other
