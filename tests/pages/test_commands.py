"""Every command of the docs runs: `make test-docs`.

The commands are those of the pages, word for word but for sizes (`SMALLER`). What they name is put in place
first: a short run as ``runs/demo``, small models where pages name large ones, a service on port 8000, files
of the kinds that the pages speak of. Commands that need public files are left out where GAZAL_DATA is not
set; blocks with their output are run, and the output compared, by tests/e2e/test_docs.py.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from served_model import say, start

from gazal.core.chat import write_reply
from gazal.core.store import write_cases, write_traces
from gazal.model.place import find_tiny_base
from gazal.world.generate import make_cases
from gazal.world.solve import solve

pytestmark = pytest.mark.skipif(not os.environ.get("GAZAL_TEST_DOCS"), reason="make test-docs runs it")
ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"(<!-- checked -->\n+)?^( *)```sh\n(.*?)^\2```", re.DOTALL | re.MULTILINE)
OURS = re.compile(r"^(?:\w+=\S+ )*(?:gazal|python examples|sed|inspect)\b")
ELSEWHERE = {
    "make": "CI runs it as it is",
    "pip": "CI installs what is needed",
    "export": "the variable is set",
    "VLLM_SERVER_DEV_MODE=1": "make test-vllm runs a server",
    "accelerate": "tests/e2e/test_training.py launches two processes",
}
"""First words of lines that are not run here, and why."""
SMALLER = [
    (r"--world (?:107033|20000|5000|2000)\b", "--world 40"),
    (r"--limit \d+", "--limit 4"),
    (r"--max-new-tokens \d+", "--max-new-tokens 24"),
    (r"--protocol paper --samples 8", "--samples 2 --temperature 1 --limit 4 --max-new-tokens 24"),
    (r"--samples 4 --temperature 1", "--samples 2 --temperature 1 --max-new-tokens 24"),
    (r"review write runs/demo --n \d+", "review write runs/demo --n 4"),
    (r"(gazal evaluate runs/demo --suite medqa_4opt)$", r"\1 --limit 4 --max-new-tokens 24"),
    (r"(gazal evaluate --endpoint \S+ --model \S+ --suite world)$", r"\1 --limit 4"),
    (r"(gazal run recipes/(?:demo|real-questions)\.yaml)(?! --dry-run)(.*)$", r"\1\2 SETTINGS"),
    (r"(gazal run data/questions/recipe\.yaml)$", r"\1 OWN"),
    (r"gazal grpo RECIPE .*", "gazal run recipes/demo.yaml --dry-run"),
    (r"(gazal (?:ask) .*)$", r"\1 --max-new-tokens 24"),
    (r"(?<!--out )gazal show world/train/\w+ --set sets/mine", "gazal show KEPT --set sets/mine"),
]
SHORT = {
    "sft.steps": 1,
    "sft.rows_per_step": 2,
    "sft.micro_rows": 2,
    "grpo.steps": 1,
    "grpo.cases_per_step": 2,
    "grpo.group_size": 2,
    "grpo.sampling.max_new_tokens": 24,
    "grpo.reward.length_target": 16,
    "evaluate.limit": 4,
    "evaluate.sampling.max_new_tokens": 24,
}
NEED_DATA = re.compile(r"medqa|pubmedqa|mmlu|medmcqa|real-questions|qwen3-8b-one-gpu")
LONG = '"max_position_embeddings": 8192'
WHY = "It is worked out. So it ends."
QUESTIONS = "question,A,B,answer,explanation\n" + "".join(
    f"Is {n} * 37 + {n * n} even?,yes,no,{'AB'[(n * 37 + n * n) % 2]},{WHY}\n" for n in range(40)
)
EXPLAINED = {"sft.examples": "[{source: suite, suite: pubmedqa_explained, n: 8}]", "sft.pack_length": 1500}


def list_commands():
    """Page, and each command of its blocks as one line."""
    for page in PAGES:
        for checked, _, block in BLOCK.findall(page.read_text()):
            if checked:
                continue
            for line in block.replace("\\\n", " ").splitlines():
                command = re.sub(r"\s+#.*$", "", line).strip().replace(".venv/bin/", "")
                if command:
                    yield page.name, " ".join(command.split()) if "'" not in command else command


COMMANDS = list({command: (page, command) for page, command in reversed([*list_commands()])}.values())[::-1]
"""Each once, where it stands first."""
MADE = {"show world/train": "sets/mine/examples.jsonl", "sets/taught/": "sets/taught/examples.jsonl"}
"""What a command reads that another makes, which needs public files."""


def shorten(command):
    for pattern, smaller in SMALLER:
        command = re.sub(pattern, smaller, command)
    settings = SHORT | ({"evaluate.batteries": "null"} if "demo.yaml" in command else {})
    if "real-questions" in command:
        settings |= {
            "sft.examples": "[{source: suite, suite: pubmedqa_explained, n: 8}]",
            "sft.pack_length": 1500,
        }
    given = set(re.findall(r"--set '?([\w.]+)=", command))
    words = " ".join(f"--set '{name}={value}'" for name, value in settings.items() if name not in given)
    return command.replace("SETTINGS", words).replace("OWN", words)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder in which all that the pages name is there."""
    folder = tmp_path_factory.mktemp("docs")
    for name in ("recipes", "examples", "benchmarks", "docs"):
        (folder / name).symlink_to(ROOT / name)
    for name in ("Qwen/Qwen3-8B", "Qwen/Qwen3-32B", "Qwen/Qwen3-4B"):
        shutil.copytree(find_tiny_base(), folder / name)
        config = folder / name / "config.json"  # Recipes for large models want room for long replies.
        config.write_text(config.read_text().replace('"max_position_embeddings": 2048', LONG))
    cases = list(make_cases(n=12, split="train", seed=9))
    write_cases(folder / "mine.jsonl", cases)
    write_cases(folder / "test.jsonl", make_cases(n=4, split="test"))
    write_traces(folder / "replies.jsonl", map(solve, cases))
    write_traces(folder / "notes.jsonl", map(solve, cases))
    rows = [{"question": f"Which of {n} is it?", "options": ["this", "that"], "answer": "that",
             "reasoning": "One holds.\nAnother follows."} for n in range(4)]  # fmt: skip
    (folder / "theirs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "questions.csv").write_text(QUESTIONS)
    (folder / "my_rewards.py").write_text(
        "import re\n\n\ndef accuracy(case, trace):\n"
        "    found = re.findall(r'boxed\\{(\\w)\\}', trace.text)\n"
        "    return 1.0 if found == [case.answer] else -1.0\n"
    )
    run("gazal run recipes/demo.yaml SETTINGS", folder)
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", 8000)) == 0:
            pytest.skip("port 8000 is taken")
    _, server = start(answer, 8000)
    yield folder
    server.shutdown()
    server.server_close()


def answer(body, before):
    prompt = body["messages"][0]["content"]
    letters = re.findall(r"(?m)^([A-J])\. ", prompt) or ["yes"]
    return say(write_reply(["It is read.", "One fits."], "So.", letters[len(prompt) % len(letters)]))


def run(command, folder):
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HF_HUB_OFFLINE": "1",
        "TMPDIR": str(folder),
    }
    done = subprocess.run(
        ["bash", "-c", shorten(command)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, f"{shorten(command)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def prepare(command, folder):
    """What one command takes from another that stands on another page."""
    for word, path in MADE.items():
        if word in command and "synth" not in command and not (folder / path).exists():
            pytest.skip(f"{path} is made from public files")
    if "show KEPT" in shorten(command):
        kept = json.loads((folder / "sets/mine/examples.jsonl").read_text().splitlines()[0])
        command = shorten(command).replace("KEPT", kept["id"])
    if "review read" in command:
        for name in ("ann", "bob"):
            text = (folder / "review.csv").read_text()
            filled = re.sub(r",,,,(?=\n)", ",yes,4,no,", text)
            (folder / f"{name}.csv").write_text(filled)
    if "--replies theirs.jsonl" in command:
        command = command.replace("theirs.jsonl --suite mmlu_pro_medical", "notes.jsonl --cases mine.jsonl")
    return command


def test_every_line_is_run_or_has_a_reason():
    for page, command in COMMANDS:
        first = command.split()[0]
        assert OURS.match(command) or first in ELSEWHERE, f"{page}: {command}"
    assert sum(bool(OURS.match(command)) for _, command in COMMANDS) > 35


@pytest.mark.parametrize(
    "page, command", [pytest.param(*c, id=f"{c[0]}: {c[1][:60]}") for c in COMMANDS if OURS.match(c[1])]
)
def test_a_command_of_the_docs_runs(page, command, place):
    data = os.environ.get("GAZAL_DATA")
    if NEED_DATA.search(command) and "--replies" not in command and not data:
        pytest.skip("GAZAL_DATA is not set")
    command = prepare(command.replace("/path/to/data", data or ""), place)
    if command.startswith("gazal ui"):
        return  # tests/serve/test_page.py drives it.
    run(command, place)
