"""The tables that ``gazal doctor`` prints."""

from typing import TYPE_CHECKING, Any

from gazal.cli.plan_table import write_bytes

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

FOR = {"trl": "only for examples/grpo_with_trl.py", "vllm": "only for grpo.engine.kind vllm"}
"""What a package is for that gazal runs without."""


def show_findings(found: dict[str, Any]) -> None:
    """Print what `gazal.cli.doctor.examine` gives."""
    from rich.console import Console

    console = Console(width=None if Console().is_terminal else 120, highlight=False, markup=False)
    console.print(_tabulate_machine(found))
    console.print()
    console.print(_tabulate_packages(found))
    console.print()
    _show_fits(console, found)
    console.print()
    for kind in ("warnings", "faults"):
        for line in found[kind]:
            console.print(f"{kind.removesuffix('s')}: {line}", soft_wrap=True)
    n = len(found["faults"])
    console.print(
        "gazal can run here" if not n else f"gazal cannot run here: {n} fault{'s' if n > 1 else ''}"
    )


def _tabulate_machine(found: dict[str, Any]) -> "Table":
    from rich.table import Table

    host, data = found["machine"], found["data"]

    def size(n: int | None) -> str:
        return "unknown" if n is None else write_bytes(n)

    gpu = host["gpu"]
    card = (
        f"{gpu['name']}, {size(gpu['memory_bytes'])}, driver {gpu['driver'] or 'unknown'}" if gpu else "none"
    )
    there = [name for name, at_hand in data["suites"].items() if at_hand]
    absent = [name for name, at_hand in data["suites"].items() if not at_hand]
    rows = {
        "gazal": found["gazal"],
        "system": host["system"],
        "cores": str(host["cores"] or "unknown"),
        "main memory": size(host["memory_bytes"]),
        "free disk": f"{size(host['disk_free_bytes'])} in {host['folder']}",
        "GPU": card,
        "torch computes on": found["torch_build"] or "unknown",
        "tiny base": found["tiny_base"] or "not in this installation",
        "GAZAL_DATA": data["folder"] or "not set: no public question sets",
    }
    if data["folder"]:
        rows |= {"files at hand": ", ".join(there) or "none", "not there": ", ".join(absent) or "none"}
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in rows.items():
        table.add_row(name, text)
    return table


def _tabulate_packages(found: dict[str, Any]) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("package", "installed", "gazal takes", "state"):
        table.add_column(name)
    for package in found["packages"]:
        state, name = package["state"], package["name"]
        note = f"{state} ({FOR[name]})" if name in FOR and state != "ok" else state
        table.add_row(name, package["version"] or "", package["range"] or "", note)
    return table


def _show_fits(console: "Console", found: dict[str, Any]) -> None:
    from rich.table import Table

    room = found["room"]
    of = f"{room['of']}: {write_bytes(room['bytes'])}" if room["bytes"] else f"{room['of']}: size unknown"
    console.print(f"what fits into {of}, estimated, with the default adapter")
    table = Table(box=None, pad_edge=False)
    table.add_column("model", no_wrap=True)
    table.add_column("parameters", justify="right")
    table.add_column("stage")
    table.add_column("takes", justify="right")
    table.add_column("result")
    table.add_column("with", overflow="fold")
    before = None
    for fit in found["fits"]:
        new = fit["model"] != before
        before = fit["model"]
        table.add_row(
            fit["model"] if new else "",
            f"{fit['n_parameters'] / 1e6:,.0f} M" if new else "",
            fit["stage"],
            write_bytes(fit["total"]),
            fit["result"],
            ("even with " if fit["result"] == "does not fit" else "")
            + (" ".join(fit["settings"]) or "defaults"),
        )
    console.print(table)
