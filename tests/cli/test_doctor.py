"""``gazal doctor``: what it says of machines that are not this one, and what it never loads."""

import ast
import json
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from itertools import pairwise
from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

from gazal.cases.table import SUITES
from gazal.cli.doctor import doctor, examine
from gazal.errors import ConfigError
from gazal.model import fits, installed, machine, place

GB = 10**9
DECLARED = [
    "accelerate>=1.15,<2",
    "numpy>=2.0",
    "peft>=0.21,<0.22",
    "safetensors>=0.6",
    "tokenizers>=0.22",
    "torch>=2.13",
    "transformers>=5.19,<6",
    "trl==1.16.*; extra == 'dev'",
    "scikit-learn>=1.5; extra == 'bench'",
]
VERSIONS = {
    "accelerate": "1.15.0",
    "numpy": "2.4.6",
    "peft": "0.21.2",
    "safetensors": "0.8.0",
    "tokenizers": "0.23.3",
    "torch": "2.13.0+cpu",
    "transformers": "5.19.0",
    "trl": "1.16.0",
}


class Host:
    """A machine that can be changed."""

    def __init__(self):
        self.versions, self.declared = dict(VERSIONS), list(DECLARED)
        self.memory, self.gpu, self.driver, self.build = 16 * GB, None, None, "cpu"


@pytest.fixture
def host(monkeypatch, tmp_path):
    """A laptop with all that gazal needs, a tiny base, and no public data."""
    here = Host()

    def version(name):
        if name not in here.versions:
            raise PackageNotFoundError(name)
        return here.versions[name]

    monkeypatch.setattr(machine, "find_gpu", lambda: here.gpu)
    monkeypatch.setattr(machine, "find_memory", lambda: here.memory)
    monkeypatch.setattr(machine, "find_disk", lambda folder: 50 * GB)
    monkeypatch.setattr(installed, "find_driver", lambda: here.driver)
    monkeypatch.setattr(installed, "find_torch_build", lambda: here.build)
    metadata = SimpleNamespace(
        version=version,
        requires=lambda name: here.declared,
        metadata=lambda name: SimpleNamespace(get_all={"Requires-Python": [">=3.11"]}.get),
        PackageNotFoundError=PackageNotFoundError,
    )
    monkeypatch.setattr(installed, "metadata", metadata)
    monkeypatch.setattr(place, "find_tiny_base", lambda: tmp_path)
    monkeypatch.delenv("GAZAL_DATA", raising=False)
    return here


def run(*words):
    """Exit status and what was printed."""
    app = typer.Typer()
    app.command()(doctor)
    done = CliRunner().invoke(app, list(words))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout


def state(found, name):
    return next(package["state"] for package in found["packages"] if package["name"] == name)


def result(found, model, stage):
    return next(fit for fit in found["fits"] if (fit["model"], fit["stage"]) == (model, stage))


def test_a_machine_with_everything(host):
    status, said = run()
    assert status == 0 and said.endswith("gazal can run here\n")
    assert "fault:" not in said and "warning:" not in said
    assert (
        "not set: no public question sets" in said
        and "not installed (only for grpo.engine.kind vllm)" in said
    )


def test_json_says_the_same(host):
    status, said = run("--json")
    found = json.loads(said)
    assert status == 0 and found == json.loads(json.dumps(examine()))
    assert found["room"] == {"of": "main memory", "bytes": 16 * GB}
    assert {state(found, name) for name in VERSIONS} == {"ok"} and state(found, "vllm") == "not installed"
    assert state(found, "python") == "ok" and found["faults"] == found["warnings"] == []
    assert found["data"] == {"folder": None, "suites": dict.fromkeys(SUITES, False)}


@pytest.mark.parametrize("name", ["torch", "transformers", "peft", "accelerate", "tokenizers", "numpy"])
def test_a_missing_package_is_a_fault(host, name):
    del host.versions[name]
    status, said = run()
    asked = next(line for line in DECLARED if line.startswith(name))
    assert status == 1 and f"fault: {name}: is not installed. Run `pip install '{asked}'`." in said
    assert said.endswith("gazal cannot run here: 1 fault\n")


@pytest.mark.parametrize(
    "name, version, bad",
    [
        ("transformers", "6.0.0", True),
        ("transformers", "5.18.9", True),
        ("transformers", "5.20.1", False),
        ("transformers", "5.20.0.dev0", False),
        ("peft", "0.22.0", True),
        ("torch", "2.13.0+cu130", False),
        ("torch", "2.9.1+cu128", True),
    ],
)
def test_a_version_out_of_range_is_a_fault(host, name, version, bad):
    host.versions[name] = version
    found = examine()
    assert state(found, name) == ("out of range" if bad else "ok")
    assert len(found["faults"]) == bad == run()[0]
    assert all(version in fault and "gazal needs" in fault for fault in found["faults"])


def test_what_gazal_runs_without_is_no_fault(host):
    host.versions["trl"] = "1.15.0"
    found = examine()
    assert found["faults"] == [] and "trl: 1.15.0" in found["warnings"][0]
    del host.versions["trl"]
    assert state(examine(), "trl") == "not installed" and run()[0] == 0


def test_an_old_python_is_a_fault(host, monkeypatch):
    monkeypatch.setattr(installed.platform, "python_version", lambda: "3.10.4")
    assert examine()["faults"] == ["python: 3.10.4 runs, gazal needs >=3.11. Install such a Python."]


def test_metadata_older_than_the_code_is_told_and_survived(host):
    host.declared = ["numpy>=2.0"]
    found = examine()
    assert found["faults"] == [] and state(found, "torch") == "no range"
    assert "says nothing of torch, transformers" in found["warnings"][0]


def test_without_a_gpu_main_memory_counts(host):
    found = examine()
    assert found["machine"]["gpu"] is None and found["room"]["of"] == "main memory"
    assert result(found, "tiny-base", "grpo")["result"] == "fits"
    assert result(found, "Qwen/Qwen3-32B", "sft")["result"] == "does not fit"


def test_with_a_gpu_its_memory_counts(host):
    host.gpu, host.driver, host.build = ("NVIDIA H100", 80 * GB), "580.1", "cuda 13.0"
    host.versions["torch"] = "2.13.0"
    found = examine()
    assert found["room"] == {"of": "GPU", "bytes": 80 * GB} and found["warnings"] == []
    assert result(found, "Qwen/Qwen3-8B", "sft")["result"] == "fits"
    assert "NVIDIA H100, 80.0 GB, driver 580.1" in run()[1]


def test_a_torch_that_cannot_use_the_gpu_is_told_and_main_memory_counts(host):
    host.gpu = ("NVIDIA H100", 80 * GB)
    found = examine()
    assert "the NVIDIA H100 stays idle" in found["warnings"][0] and found["faults"] == []
    assert found["room"] == {"of": "main memory", "bytes": 16 * GB}


def test_memory_that_nobody_knows(host):
    host.memory = None
    found = examine()
    assert {fit["result"] for fit in found["fits"]} == {"unknown"} and run()[0] == 0


def test_no_tiny_base_is_told(host, monkeypatch):
    def refuse():
        raise ConfigError("model.path: this installation holds no tiny-base.")

    monkeypatch.setattr(place, "find_tiny_base", refuse)
    found = examine()
    assert found["tiny_base"] is None and "holds no tiny base" in found["warnings"][0]
    assert found["faults"] == [] and result(found, "tiny-base", "sft")["n_parameters"] > 1_000_000


def test_suites_are_looked_for_and_not_read(host, monkeypatch, tmp_path):
    monkeypatch.setenv("GAZAL_DATA", str(tmp_path))
    assert "where no suite has its files" in examine()["warnings"][0]
    (tmp_path / "medqa_us_test").mkdir()
    (tmp_path / "medqa_us_test" / "test_4opt.jsonl").touch()
    found = examine()
    assert [name for name, there in found["data"]["suites"].items() if there] == ["medqa_4opt"]
    assert found["warnings"] == []
    assert "files at hand medqa_4opt not there medqa_5opt," in " ".join(run()[1].split())


def test_more_memory_never_fits_less_and_asks_for_no_more():
    ranks = ["does not fit", "tight", "fits"]
    found = [fits.list_fits(room * GB) for room in (8, 24, 48, 80, 141, 400)]
    for less, more in pairwise(found):
        for a, b in zip(less, more, strict=True):
            assert (a.model, a.stage) == (b.model, b.stage)
            assert ranks.index(a.result) <= ranks.index(b.result) and len(a.settings) >= len(b.settings)
    assert {fit.result for fits_ in found for fit in fits_} == set(ranks)


def test_results_are_what_they_say():
    room = 24 * GB
    for fit in fits.list_fits(room):
        expected = "fits" if fit.total <= 0.85 * room else "tight" if fit.total <= room else "does not fit"
        assert fit.result == expected


@pytest.mark.parametrize(
    "text, build",
    [
        ("cuda: Optional[str] = None\nhip: Optional[str] = None\n", "cpu"),
        ("cuda: Optional[str] = '13.0'\nhip: Optional[str] = None\n", "cuda 13.0"),
        ("cuda = None\nhip = '6.4.2'\n", "hip 6.4.2"),
        ("__version__ = '9'\n", None),
    ],
)
def test_what_torch_computes_on_is_read_from_its_files(tmp_path, monkeypatch, text, build):
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise ImportError('was imported')\n")
    (tmp_path / "torch" / "version.py").write_text(text)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert installed.find_torch_build() == build


def test_it_loads_no_heavy_library():
    code = (
        "import sys\nfrom gazal.cli.doctor import examine\nexamine()\n"
        "print(sorted({name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"torch", "transformers", "peft", "accelerate", "tokenizers", "safetensors", "trl", "scipy"}
    assert set(ast.literal_eval(done.stdout.strip().splitlines()[-1])).isdisjoint(heavy)
