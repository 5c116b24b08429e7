"""The page: loads nothing, runs nothing, shows every mark, and says what limits a score."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
from page_reader import read_page
from sample_run import MODELS, make_exam, make_world, write_run

from gazal.core.store import read_cases, read_traces, write_cases, write_traces
from gazal.core.trace import Trace
from gazal.report.examples import choose_examples
from gazal.report.html import clean, write_report
from gazal.score.answer import judge_answer
from gazal.score.grounding import judge_grounding

HOSTILE = (
    "<script>alert(1)</script></style></pre></details><img src=x onerror=alert(1)> {{ 7 * 7 }} {% raw %} "
    "&lt;b&gt; \x00 \x1b[31m \u202eabc\u202c \ud800 http://example.org/ ]]> --> "
)
LOADING = {"script", "link", "img", "iframe", "object", "embed", "base", "form", "video", "audio", "image"}


@pytest.fixture(scope="module")
def page(whole_run):
    return read_page(write_report(whole_run).read_text(encoding="utf-8"))


def test_it_loads_and_runs_nothing(page):
    for element in page.find():
        assert element.tag not in LOADING
        for name, value in element.attributes.items():
            assert not name.startswith("on")
            if name in ("src", "href", "xlink:href", "srcset", "data", "poster", "action"):
                assert value.startswith("#"), f"{element.tag} {name}={value}"
            assert "url(" not in value or "url(#" in value
    [style] = page.find("style")
    assert "url(" not in style.text and "@import" not in style.text
    policy = [e.attributes["content"] for e in page.find("meta") if "http-equiv" in e.attributes]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_every_anchor_leads_somewhere_and_no_id_stands_twice(page):
    ids = [element.attributes["id"] for element in page.find() if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    links = [element.attributes["href"] for element in page.find() if "href" in element.attributes]
    assert links and {link.removeprefix("#") for link in links} <= set(ids)


def test_the_parts_stand_in_their_order(page):
    found = [element.attributes["id"] for element in page.find("section")]
    assert found == ["summary", "results", "paired", "training", "examples", "trace"]
    assert page.find("h1")[0].text == "demo"
    assert "not for diagnosing or treating anyone" in page.find("p", "notice")[0].text


def test_each_step_carries_the_mark_of_the_judge(whole_run, page):
    cases = read_cases(whole_run / "cases" / "evaluate" / "cases.jsonl")
    replies = {
        name: {trace.case_id: trace for trace in read_traces(whole_run / "evaluate" / f"{name}.jsonl")}
        for name in MODELS
    }
    expected = []
    for suite in ("world", "medqa_4opt"):
        for case, _ in choose_examples([c for c in cases if c.id.startswith(suite)], replies):
            for of_model in replies.values():
                scores = judge_grounding(case, of_model[case.id]).steps
                expected.append([(score.support, score.why) for score in scores])
    found = []
    for reply in page.find("article", "reply"):
        steps = [step for ol in reply.find("ol", "steps") for step in ol.find("li")]
        marked = [step for step in steps if step.find("span", "mark")]
        found.append([(m.find("span", "mark")[0].classes[1], m.find("small")[0].text) for m in marked])
    assert found == expected
    supports = {support for marks in expected for support, _ in marks}
    assert supports == {"supported", "contradicted"}  # Else the comparison shows little.
    for mark in page.find("span", "mark"):
        if mark.classes[1] == "contradicted" and mark.text.endswith("contradicted"):
            assert mark.text == "\u2717 contradicted"


def test_each_reply_says_whether_it_is_right(whole_run, page):
    cases = {c.id: c for c in read_cases(whole_run / "cases" / "evaluate" / "cases.jsonl")}
    n = 0
    for card in page.find("details", "case"):
        case = cases[card.find("p", "trace")[0].find("code")[0].text]
        for model, reply in zip(MODELS, card.find("article", "reply"), strict=True):
            traces = read_traces(whole_run / "evaluate" / f"{model}.jsonl")
            [trace] = [trace for trace in traces if trace.case_id == case.id]
            right = judge_answer(case, trace).why == "right"
            verdict = reply.find("h5")[0].find("span", "mark")[0]
            assert ("supported" in verdict.classes) == right
            assert verdict.text.endswith("right") == right
            n += 1
    assert n >= 3 * 6  # Five kinds of the world and an exam.


def test_a_kind_gets_successes_and_failures(page):
    patterns = [span.text for span in page.find("span", "pattern")]
    assert {"Wrong at first, right at last", "Wrong for every model"} <= set(patterns)


def test_the_key_is_marked_and_public_cases_say_that_steps_cannot_be_checked(page):
    for card in page.find("details", "case"):
        [key] = card.find("ul", "options")[0].find("li", "key")
        assert key.text.endswith("the key")
        public = "medqa_4opt" in card.find("p", "trace")[0].text
        assert ("cannot be checked here" in card.find("div", "truth")[0].text) == public


def test_a_part_of_a_suite_is_said_beside_each_score(page):
    part = "12 of 1,273 questions"
    tables = [t for t in page.find("table") if "medqa_4opt" in t.find("caption")[0].text]
    scored = [
        cell
        for table in tables
        for row in table.find("tr")
        if row.find("th") and row.find("td") and row.find("th")[0].text.startswith(("Right", "Accuracy"))
        for cell in row.find("td")
    ]
    assert len(scored) == 2 * 4 and all(part in cell.text for cell in scored)
    differences = [row.find("td")[1].text for row in tables[1].find("tr") if row.find("td")]
    assert len(differences) == 6 and all(part in text for text in differences)
    [outcome] = [o for o in page.find("div", "outcome") if "medqa_4opt" in o.text]
    about_scores = [li.text for li in outcome.find("li") if "accuracy" in li.text or "right: " in li.text]
    assert about_scores and all(part in text for text in about_scores)
    for figure in page.find("figure"):
        if "medqa_4opt" in figure.attributes["aria-label"]:
            assert part in figure.find("figcaption")[0].text


def test_a_whole_suite_says_nothing_of_a_part(page):
    [world] = [o for o in page.find("div", "outcome") if "Clinical world" in o.text]
    assert not world.find("span", "part") and "limit" not in world.text


def test_hostile_text_stays_text(tmp_path):
    def shout(case, rng):
        return Trace(case_id=case.id, text=HOSTILE + case.id)

    def sneak(case, rng):
        text = (
            f"<think>\nStep 1: {HOSTILE}\nStep 2: So it is.\n</think>\n\n## Clinical Assessment\n{HOSTILE}\n"
        )
        return Trace(case_id=case.id, text=f"{text}**Answer:** \\boxed{{{case.answer}}}")

    exam = [replace(c, options={**c.options, "A": HOSTILE}, licence="<b>") for c in make_exam(4)]
    exam = [replace(c, question=HOSTILE, context=HOSTILE) for c in exam]
    cases = [c if "\ud800" not in c.question else _strip(c) for c in [*make_world(5, twins=False), *exam]]
    run = write_run(tmp_path / "demo", cases, models={"base": shout, "sft": sneak})
    recipe = (run / "recipe.yaml").read_text()
    about = next(line for line in recipe.splitlines() if line.startswith("about:"))
    (run / "recipe.yaml").write_text(recipe.replace(about, "about: '<script>alert(2)</script>'"))
    root = read_page(write_report(run).read_bytes().decode("utf-8"))
    assert not [element for element in root.find() if element.tag in LOADING]
    shown = "<script>alert(1)</script></style></pre></details><img src=x onerror=alert(1)> {{ 7 * 7 }}"
    raw = [pre.text for article in root.find("article") for pre in article.find("pre")]
    assert len(raw) >= 6 and all(text.startswith(shown) for text in raw)
    assert all("\u2400 \u241b[31m \u27e8U+202E\u27e9abc" in text and "\ufffd" in text for text in raw)
    assert any(shown in li.text for ol in root.find("ol", "steps") for li in ol.find("li"))
    assert any(shown in p.text for p in root.find("p", "said"))
    assert any(shown in li.text for li in root.find("li", "key"))
    assert root.find("p", "about")[0].text == "<script>alert(2)</script>"


def _strip(case):
    """A case file is UTF-8, so it can hold no half of a pair."""
    options = {letter: text.replace("\ud800", "") for letter, text in case.options.items()}
    question, context = case.question.replace("\ud800", ""), case.context.replace("\ud800", "")
    return replace(case, options=options, question=question, context=context)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("a\tb\nc", "a\tb\nc"),
        ("a\r\nb", "a\nb"),
        ("\x00\x07", "\u2400\u2407"),
        ("\x7f\x9b\ud83d", "\ufffd\ufffd\ufffd"),
        ("\u202e\ufeff", "\u27e8U+202E\u27e9\u27e8U+FEFF\u27e9"),
        ("caf\u00e9 \U0001f600 12\u00a0%", "caf\u00e9 \U0001f600 12\u00a0%"),
        (3, 3),
    ],
)
def test_clean(text, cleaned):
    assert clean(text) == cleaned


@pytest.mark.parametrize("models", [("base",), ("base", "sft"), ("base", "grpo"), ("sft", "grpo")])
def test_a_stage_may_be_missing(models, tmp_path):
    chosen = {name: MODELS[name] for name in models}
    run = write_run(tmp_path / "demo", make_world(5), models=chosen, likelihood=False)
    root = read_page(write_report(run).read_text(encoding="utf-8"))
    heads = [[th.text for th in t.find("thead")[0].find("th")] for t in root.find("table", "models")]
    titles = {"base": "Base", "sft": "SFT", "grpo": "GRPO"}
    assert heads == [["What", *(titles[name] for name in models)]]
    trained = [name for name in models if name != "base"]
    assert [h.text.split(":")[0] for h in root.find("div", "panels")[0].find("h3")] if trained else True
    assert ("training" in [s.attributes["id"] for s in root.find("section")]) == bool(trained)
    text = root.find("p", "lead")[0].text
    assert ("Nothing was taught here" in text) == (not trained)
    assert ("in two stages" in text) == (len(trained) == 2)
    assert ("GRPO" in text) == ("grpo" in models) and ("SFT" in text) == ("sft" in models)
    assert len(root.find("article")) == len(models) * len(root.find("details", "case")) > 0


def test_the_same_run_gives_the_same_bytes(whole_run):
    first = write_report(whole_run).read_bytes()
    code = "import sys, pathlib, gazal.report.html as html\nhtml.write_report(pathlib.Path(sys.argv[1]))"
    subprocess.run(
        [sys.executable, "-c", code, str(whole_run)],
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
    )
    assert (whole_run / "report.html").read_bytes() == first


def test_cases_of_other_knowledge_are_shown_unchecked(run):
    path = run / "cases" / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "settings": {"knowledge": "000000000000"}}))
    root = read_page(write_report(run).read_text(encoding="utf-8"))
    steps = [li for ol in root.find("ol", "steps") for li in ol.find("li")]
    assert steps and not any(li.find("span", "mark") for li in steps)
    examples = next(s for s in root.find("section") if s.attributes["id"] == "examples")
    assert "another version of the clinical knowledge" in examples.text


def test_a_long_reply_is_clipped_and_says_so(tmp_path):
    def drone(case, rng):
        return Trace(case_id=case.id, text="a b " * 5000, stop="length")

    run = write_run(tmp_path / "demo", make_world(1, twins=False), models={"base": drone}, likelihood=False)
    path = write_report(run)
    [pre] = [
        pre for a in read_page(path.read_text(encoding="utf-8")).find("article") for pre in a.find("pre")
    ]
    assert pre.text.endswith("(19,099 more characters)")
    assert path.stat().st_size < 200_000


def test_a_reply_to_another_case_is_no_matter(run):
    cases = read_cases(run / "cases" / "evaluate" / "cases.jsonl")
    write_cases(run / "cases" / "evaluate" / "cases.jsonl", cases[:3])
    assert write_report(run).exists()
    write_traces(run / "evaluate" / "sft.jsonl", read_traces(run / "evaluate" / "sft.jsonl")[3:])
    text = write_report(run).read_text(encoding="utf-8")
    assert "No case was answered by every model." in text


@pytest.mark.parametrize("whole", [("cases", "sft", "grpo"), ("cases", "sft"), ("cases",), ()])
def test_a_run_that_was_stopped_gives_a_true_report(run, whole):
    """Of a run of which later stages are half done or not there, nothing is told that is not so."""
    for name in ("cases", "sft", "grpo", "evaluate"):
        if name not in whole and name in ("sft", "grpo"):
            (run / name).rename(run / f"{name}.part")
        elif name not in whole:
            shutil.rmtree(run / name)
    if "sft" not in whole:
        shutil.rmtree(run / "grpo.part")
    page = write_report(run).read_text()
    assert "This run is not finished." in page and "It was not evaluated" in page
    assert ("GRPO has come to step" in page) is (whole == ("cases", "sft"))
    assert ("GRPO has not begun" in page) is ("sft" not in whole)
    assert ("SFT has come to step" in page) is ("sft" not in whole)
    assert "Worked examples" not in page and "Side by side" not in page
    assert ("SFT: loss" in page or "SFT" in page) and 'id="trace"' in page
