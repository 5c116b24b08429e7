"""``gazal doctor``: whether this machine can run gazal, with which models, and what is missing."""

import json
import os
import platform
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from gazal.model.installed import Package


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; sizes are in bytes.")] = False,
) -> None:
    """Look at this machine: packages, data, tiny base, which models fit. Status 1: something is missing."""
    from gazal.cli.doctor_table import show_findings

    found = examine()
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        show_findings(found)
    if found["faults"]:
        raise typer.Exit(1)


def examine() -> dict[str, Any]:
    """All that doctor says, as JSON values. Neither torch nor any other heavy library is imported."""
    from gazal import __version__
    from gazal.model.fits import list_fits
    from gazal.model.installed import find_torch_build, list_packages

    packages, build, host = list_packages(), find_torch_build(), _look_at_machine()
    data, base = _look_for_data(), _find_base()
    idle = host["gpu"] if build == "cpu" else None
    gpu = None if idle else host["gpu"]
    room = gpu["memory_bytes"] if gpu else host["memory_bytes"]
    warnings = [*_doubt_packages(packages), *_doubt_data(data), *_doubt_base(base)]
    if idle:
        advice = "Install a torch that is built for CUDA."
        warnings.append(f"torch computes on the CPU only, the {idle['name']} stays idle. {advice}")
    return {
        "gazal": __version__,
        "machine": host,
        "torch_build": build,
        "packages": [{**asdict(package), "state": package.state} for package in packages],
        "data": data,
        "tiny_base": base,
        "room": {"of": "GPU" if gpu else "main memory", "bytes": room},
        "fits": [asdict(fit) for fit in list_fits(room)],
        "faults": _blame_packages(packages),
        "warnings": warnings,
    }


def _look_at_machine() -> dict[str, Any]:
    from gazal.model import machine
    from gazal.model.installed import find_driver

    here, gpu = Path.cwd(), machine.find_gpu()
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": _count_cores(),
        "memory_bytes": machine.find_memory(),
        "folder": str(here),
        "disk_free_bytes": machine.find_disk(here),
        "gpu": {"name": gpu[0], "memory_bytes": gpu[1], "driver": find_driver()} if gpu else None,
    }


def _count_cores() -> int | None:
    """Those that this process may use; a container may have fewer than the machine."""
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # Not every system has it.
        return os.cpu_count()


def _look_for_data() -> dict[str, Any]:
    """Which suites' files are where GAZAL_DATA says; none is read."""
    from gazal.cases.table import SUITES, locate_suite
    from gazal.errors import GazalError

    def is_there(name: str) -> bool:
        try:
            locate_suite(SUITES[name], None)
        except GazalError:
            return False
        return True

    return {
        "folder": os.environ.get("GAZAL_DATA") or None,
        "suites": {name: is_there(name) for name in SUITES},
    }


def _find_base() -> str | None:
    from gazal.errors import GazalError
    from gazal.model.place import find_tiny_base

    try:
        return str(find_tiny_base())
    except GazalError:
        return None


def _blame_packages(packages: list["Package"]) -> list[str]:
    """What keeps gazal from running."""
    faults = []
    for package in packages:
        want = f"{package.name}{package.range or ''}"
        if package.state == "missing":
            faults.append(f"{package.name}: is not installed. Run `pip install '{want}'`.")
        elif package.state == "out of range" and package.name == "python":
            faults.append(
                f"python: {package.version} runs, gazal needs {package.range}. Install such a Python."
            )
        elif package.state == "out of range" and package.needed:
            faults.append(
                f"{package.name}: {package.version} is installed, gazal needs {package.range}. "
                f"Run `pip install '{want}'`."
            )
    return faults


def _doubt_packages(packages: list["Package"]) -> list[str]:
    """What gazal survives, but a person should know."""
    from gazal.cli.doctor_table import FOR

    unknown = [package.name for package in packages if package.needed and package.state == "no range"]
    doubts = [
        f"{package.name}: {package.version} is installed, tested with {package.range}; {FOR[package.name]}."
        for package in packages
        if package.state == "out of range" and not package.needed
    ]
    if unknown:
        doubts.append(
            f"the installed metadata of gazal says nothing of {', '.join(unknown)}: it is older than the "
            "code, or absent. Install gazal again."
        )
    return doubts


def _doubt_data(data: dict[str, Any]) -> list[str]:
    if data["folder"] and not any(data["suites"].values()):
        return [f"GAZAL_DATA is {data['folder']}, where no suite has its files. See docs/data.md."]
    return []


def _doubt_base(base: str | None) -> list[str]:
    if base is None:
        return [
            "this installation holds no tiny base, which recipes/demo.yaml starts from. Install gazal from "
            "its wheel, or train it with `gazal pretrain recipes/tiny-base.yaml`."
        ]
    return []
