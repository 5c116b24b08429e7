"""What the pages say is what the commands print: every block marked as checked is run and compared."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"<!-- checked -->\n+```sh\n(.*?)```\n\n```text\n(.*?)\n```", re.DOTALL)
CHECKED = {page: BLOCK.findall(page.read_text()) for page in PAGES}


def test_pages_hold_checked_blocks_and_no_empty_places():
    assert len(CHECKED[ROOT / "docs" / "tour.md"]) >= 6 and CHECKED[ROOT / "README.md"]
    assert all(page.read_text().count("<!-- checked -->") == len(blocks) for page, blocks in CHECKED.items())
    assert not any("@@" in page.read_text() for page in PAGES)


@pytest.mark.parametrize(
    "page", [page for page, blocks in CHECKED.items() if blocks], ids=lambda page: page.name
)
def test_every_checked_block_prints_what_the_page_says(page, tmp_path):
    binaries = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{binaries}:{os.environ['PATH']}"}
    for command, expected in CHECKED[page]:
        here = command.replace(".venv/bin/gazal", "gazal")
        done = subprocess.run(
            ["bash", "-c", here], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.stderr == ""
        assert [line.rstrip() for line in done.stdout.splitlines()] == [
            line.rstrip() for line in expected.splitlines()
        ]


def test_links_between_pages_lead_somewhere():
    for page in [*PAGES, ROOT / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
