"""What is installed here, told without importing it: packages, what torch computes on, the GPU's driver."""

import platform
import re
import subprocess
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

GAZAL = "gazal"
NEEDED = ("torch", "transformers", "peft", "accelerate", "tokenizers", "safetensors")
"""Looked at even where the metadata of an older installation does not name them."""
OPTIONAL = ("trl", "vllm")
_BUILDS = ("cuda", "hip", "xpu")
State = Literal["ok", "missing", "out of range", "no range", "not installed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One package, as it is installed and as gazal asks for it."""

    name: str
    version: str | None
    """None: not installed."""
    range: str | None
    """What gazal declares, such as ``>=5.19,<6``; None where it declares nothing."""
    needed: bool
    """Whether gazal cannot run without it."""

    @property
    def state(self) -> State:
        """``missing`` where it is needed, ``not installed`` where it is not."""
        if self.version is None:
            return "missing" if self.needed else "not installed"
        if self.range is None:
            return "no range"
        inside = SpecifierSet(self.range).contains(self.version, prereleases=True)
        return "ok" if inside else "out of range"


def list_packages() -> list[Package]:
    """Python, what gazal needs, and what some of its uses need. Nothing is imported."""
    declared, extras, python = _read_declared()
    names = dict.fromkeys((*NEEDED, *declared))
    return [
        Package(name="python", version=platform.python_version(), range=python, needed=True),
        *(Package(name=n, version=find_version(n), range=declared.get(n), needed=True) for n in names),
        *(Package(name=n, version=find_version(n), range=extras.get(n), needed=False) for n in OPTIONAL),
    ]


def find_version(name: str) -> str | None:
    """The version of a package that is installed; None where it is not."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def find_torch_build() -> str | None:
    """What the installed torch computes on: such as ``cuda 13.0``, or ``cpu``; None where nothing says."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    try:
        text = Path(spec.origin).with_name("version.py").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    if not re.search(r"^cuda\b", text, re.MULTILINE):
        return None
    found = {name: re.search(rf"^{name}\b[^=\n]*=\s*['\"]([^'\"]+)", text, re.MULTILINE) for name in _BUILDS}
    return next((f"{name} {match[1]}" for name, match in found.items() if match), "cpu")


def find_driver() -> str | None:
    """Version of the NVIDIA driver; None where nvidia-smi is absent or does not say."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=2, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return next((line.strip() for line in done.stdout.splitlines() if line.strip()), None)


def _read_declared() -> tuple[dict[str, str], dict[str, str], str | None]:
    """Ranges by package: of what gazal needs, of what its extras add, and of Python."""
    needed: dict[str, str] = {}
    extras: dict[str, str] = {}
    try:
        lines = metadata.requires(GAZAL) or []
        python = (metadata.metadata(GAZAL).get_all("Requires-Python") or [None])[0]
    except metadata.PackageNotFoundError:
        return needed, extras, None
    for requirement in map(Requirement, lines):
        plain = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        bounds = sorted(map(str, requirement.specifier), key=lambda bound: (bound.startswith("<"), bound))
        name = canonicalize_name(requirement.name)
        (needed if plain else extras).setdefault(name, ",".join(bounds))
    return needed, extras, python
