"""The house itself: who may import whom, how large things may grow, what the command line loads."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src" / "gazal"
FLOORS = {
    "errors": 0,
    "core": 1,
    "config": 2,
    "world": 3,
    "score": 4,
    "cases": 4,
    "model": 4,
    "engine": 5,
    "curate": 6,
    "train": 6,
    "evaluate": 6,
    "report": 7,
    "serve": 8,
    "path": 8,
    "cli": 9,
}
HEAVY = ("torch", "transformers", "peft")
HEAVY_ROOMS = ("model", "train", "engine")
FILES = sorted(SRC.rglob("*.py"))
MOST_LINES, MOST_BODY, MOST_PARAMETERS = 300, 40, 6


def room_of(path: Path) -> str:
    parts = path.relative_to(SRC).with_suffix("").parts
    return parts[0]


def imports_of(path: Path) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return names


def find_upward(room: str, imported: list[str]) -> list[str]:
    """Imports that a file of a room may not make."""
    wrong = []
    for name in imported:
        if not name.startswith("gazal."):
            continue
        other = name.split(".")[1]
        if other == "__version__":
            continue
        if other != room and FLOORS[other] >= FLOORS[room]:
            wrong.append(name)
    return wrong


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SRC)))
def test_a_file_imports_only_its_room_and_lower_floors(path):
    if path.parent == SRC and path.stem == "__init__":
        assert not imports_of(path)
        return
    assert find_upward(room_of(path), imports_of(path)) == []


def test_the_layer_test_sees_an_upward_import():
    assert find_upward("world", ["gazal.score.answer", "gazal.core.case", "json"]) == ["gazal.score.answer"]
    assert find_upward("score", ["gazal.cases.table"]) == ["gazal.cases.table"]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SRC)))
def test_only_some_rooms_load_heavy_libraries(path):
    heavy = [name for name in imports_of(path) if name.split(".")[0] in HEAVY]
    assert not heavy or room_of(path) in HEAVY_ROOMS


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SRC)))
def test_nothing_grows_too_large(path):
    text = path.read_text()
    assert text.count("\n") <= MOST_LINES
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        body = node.body[1:] if ast.get_docstring(node) else node.body
        length = body[-1].end_lineno - body[0].lineno + 1 if body else 0  # pyright: ignore[reportOptionalOperand]
        assert length <= MOST_BODY, f"{node.name}: {length} lines"
        if room_of(path) != "cli":  # A verb has one parameter per option.
            n = len(node.args.posonlyargs) + len(node.args.args) + len(node.args.kwonlyargs)
            assert n <= MOST_PARAMETERS, f"{node.name}: too many parameters"


@pytest.mark.parametrize(
    "words", [[], ["cases"], ["score"], ["attack"], ["show"], ["run"], ["evaluate"], ["report"], ["doctor"]]
)
def test_help_is_cheap(words):
    code = (
        "import sys\nfrom gazal.cli.main import main\n"
        f"sys.argv = ['gazal', *{words!r}, '--help']\n"
        "try:\n    main()\nexcept SystemExit as done:\n    assert not done.code\n"
        "print(sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(ast.literal_eval(done.stderr.strip().splitlines()[-1]))
    assert loaded.isdisjoint({*HEAVY, "scipy", "yaml", "numpy"})
    assert "Usage: gazal" in done.stdout


def test_curation_scoring_and_served_models_load_no_heavy_library():
    code = (
        "import sys\nimport gazal.world.generate, gazal.world.check, gazal.score.tally, gazal.cases.table\n"
        "import gazal.evaluate.stage, gazal.engine.api\n"
        "print(sorted({name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(ast.literal_eval(done.stdout)).isdisjoint({*HEAVY, "openai"})


def test_no_two_tests_share_a_file_name():
    """pytest imports test files by their bare names, so two of one name stop the whole run."""
    names = [path.name for path in SRC.parents[1].joinpath("tests").rglob("test_*.py")]
    assert sorted(set(names)) == sorted(names)
