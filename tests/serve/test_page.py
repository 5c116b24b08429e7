"""The page of a run in a real browser: ask, hover, filter, tag; nothing hostile runs, nothing is fetched."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gazal.cli.main import app
from gazal.cli.ui import check_binding
from gazal.core.store import read_cases, write_traces
from gazal.errors import ConfigError
from gazal.report.html import write_report
from gazal.serve.items import read_items
from gazal.world.solve import solve

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WRITTEN = """document.querySelectorAll('#answers .asked').length == 1
    && document.querySelector('#answers .asked').innerText.includes('onerror')
    && !document.querySelector('#answers').innerText.includes('writing')"""
HOSTILE = "<img src=x onerror='window.hacked=1'><script>window.hacked=1</script> Which?"


def start(run, *words, **environment):
    """The page, and its address once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [Path(sys.executable).with_name("gazal"), "ui", run, "--port", str(port), *words]
    process = subprocess.Popen(
        [*map(str, command)], env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    address = f"http://127.0.0.1:{port}"
    for _ in range(240):
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return process, address
        except OSError:
            assert process.poll() is None, process.stdout and process.stdout.read()
            time.sleep(0.5)
    process.kill()
    raise AssertionError("the page does not answer")


@pytest.fixture(scope="module")
def run(finished, tmp_path_factory):
    """The run, its SFT model replying as the worked solutions do."""
    folder = tmp_path_factory.mktemp("page") / "run"
    shutil.copytree(finished, folder)
    cases = read_cases(folder / "cases" / "evaluate" / "cases.jsonl")
    write_traces(folder / "evaluate" / "sft.jsonl", [solve(case) for case in cases])
    return folder


@pytest.fixture(scope="module")
def address(run):
    pytest.importorskip("gradio")
    process, found = start(run)
    yield found
    process.terminate()
    process.wait(20)


@pytest.fixture(scope="module")
def browser():
    sync = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with sync.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


class Seen:
    """A page with all that went wrong on it."""

    def __init__(self, browser, address, width=1280, height=900, **more):
        self.page = browser.new_page(viewport={"width": width, "height": height}, **more)
        self.faults, self.asked = [], []
        self.page.on("console", lambda m: self.faults.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(address)

    def finish(self):
        found = [url for url in self.asked if not re.match(r"http://127\.0\.0\.1|data:|blob:|file:", url)]
        assert self.faults == [] and found == []
        width, room = self.page.evaluate("[document.scrollingElement.scrollWidth, innerWidth]")
        assert width <= room, "it scrolls sideways"
        self.page.close()


def check_axe(page):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    violations = axe.Axe().run(page).response["violations"]
    assert [(v["id"], v["nodes"][0]["html"][:120]) for v in violations] == []


def test_a_case_gets_three_answers_and_hostile_text_is_shown(browser, address):
    seen = Seen(browser, address)
    page = seen.page
    page.wait_for_selector("#ask-case", timeout=60_000)
    assert "not a medical device" in page.inner_text(".gz-notice")
    page.click("#ask-case")
    page.wait_for_function("document.querySelectorAll('#answers article table').length == 3", timeout=120_000)
    titles = page.eval_on_selector_all("#answers article h2 span:first-child", "e => e.map(x => x.innerText)")
    assert titles == ["Base", "SFT", "GRPO"]
    check_axe(page)
    page.fill("#question textarea", HOSTILE)
    page.fill("#options textarea", "<b>one</b>\ntwo")
    page.click("#ask-own")
    page.wait_for_function(WRITTEN, timeout=120_000)
    shown = page.inner_text("#answers .asked")
    assert HOSTILE in shown and "<b>one</b>" in shown
    assert page.evaluate("window.hacked") is None
    seen.finish()


@pytest.mark.parametrize("more", [{}, {"width": 390, "height": 844}, {"color_scheme": "dark"}])
def test_replies_are_filtered_hovered_and_tagged(browser, address, run, more):
    dark = "/?__theme=dark" if more.get("color_scheme") else ""
    seen = Seen(browser, f"{address}{dark}", **more)
    page = seen.page
    page.get_by_role("tab", name="Browse and tag").click()
    page.wait_for_selector("#source input", timeout=60_000)

    def choose(place, name):
        page.click(f"#{place} input")
        page.get_by_role("option", name=name, exact=True).click()

    choose("source", "evaluation: sft")
    page.wait_for_selector("#reply li.step", timeout=60_000)
    assert not page.is_visible("#reply li.step:first-child .why")
    page.hover("#reply li.step:first-child")
    assert page.is_visible("#reply li.step:first-child .why")
    assert "The judge: " in page.inner_text("#reply li.step:first-child .why")
    page.mouse.move(0, 0)
    page.focus("#reply li.step:nth-child(2) [tabindex]")  # By keyboard as well.
    assert page.is_visible("#reply li.step:nth-child(2) .why")
    check_axe(page)
    choose("source", "rollouts")
    page.wait_for_function("document.querySelector('#count').innerText.startsWith('8 of 8')")
    choose("kind", "recall")
    n = sum(item.case.kind == "recall" for item in read_items(run, "rollouts"))
    page.wait_for_function(f"document.querySelector('#count').innerText == '{n} of 8 replies'")
    choose("kind", "all")
    page.get_by_label("not right").check()
    n = sum(not item.right for item in read_items(run, "rollouts"))
    page.wait_for_function(f"document.querySelector('#count').innerText == '{n} of 8 replies'")
    page.get_by_label("gamed").check()
    page.fill("#note textarea, #note input", "seen in a test")
    page.click("#save")
    page.wait_for_function("document.querySelector('#said').innerText.includes('Saved to')", timeout=30_000)
    last = json.loads((run / "tags.jsonl").read_text().splitlines()[-1])
    assert (last["source"], last["tags"], last["note"]) == ("rollouts", ["gamed"], "seen in a test")
    seen.finish()


@pytest.mark.parametrize("more", [{}, {"width": 390, "height": 844}, {"color_scheme": "dark"}])
def test_the_report_is_small_loads_nothing_and_can_be_used_by_all(browser, run, more):
    path = write_report(run)
    assert path.stat().st_size < 5_000_000
    seen = Seen(browser, path.as_uri(), **more)
    # The page forbids scripts, so the checker is given the same text where it may run.
    bypass = browser.new_page(viewport={"width": more.get("width", 1280), "height": 900}, bypass_csp=True,
                              color_scheme=more.get("color_scheme", "light"))  # fmt: skip
    bypass.goto(path.as_uri())
    check_axe(bypass)
    bypass.close()
    seen.finish()


def test_a_stranger_needs_the_token(run):
    pytest.importorskip("gradio")
    token = "a-token-of-twenty-ch"
    process, address = start(run, "--allow-remote", "--host", "0.0.0.0", GAZAL_UI_TOKEN=token)
    try:
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{address}/config", timeout=10)
        data = f"username=gazal&password={token}".encode()
        assert urllib.request.urlopen(f"{address}/login", data=data, timeout=10).status == 200
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.parametrize(
    "host, allowed, token, said",
    [
        ("0.0.0.0", False, "x" * 20, "would open the page to other machines"),
        ("::", False, None, "would open the page to other machines"),
        ("192.168.0.7", True, None, "needs a token of 16 characters"),
        ("example.org", True, "short", "needs a token of 16 characters"),
    ],
)
def test_the_page_is_not_opened_to_others_by_mistake(run, host, allowed, token, said, monkeypatch):
    with pytest.raises(ConfigError, match=said):
        check_binding(host, allowed, token)
    monkeypatch.setenv("GAZAL_UI_TOKEN", token or "")
    words = ["ui", str(run), "--host", host, *(["--allow-remote"] if allowed else [])]
    assert said in str(CliRunner().invoke(app, words).exception)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.9.1"])
def test_this_machine_needs_no_token(host):
    assert check_binding(host, False, None) is None
