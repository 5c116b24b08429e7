"""What an evaluation came to, as tables for a person."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = (
    *("n", "right", "accuracy", "95 %", "chance", "floor", "format", "abstained", "unparsed", "cut off"),
    *("failed", "steps supported", "pairs right"),
)
SHOWN = ("demand", "age", "sex", "item")
PROTOCOL_SHARES = ("abstained", "unparsed", "truncated")
SHARES = ("format_ok", "abstained", "unparsed", "truncated", "failed", "steps_supported", "pairs_right")


def show_results(whole: Mapping[str, Any]) -> None:
    """Print a table for each suite, then the paired differences.

    Args:
        whole: What ``results.json`` holds.
    """
    for suite, models in whole["evaluation"].items():
        about = whole["suites"][suite]
        n, of = about["n"], about["of"]
        share = f"{n:,} of {of:,} cases" if of is not None and of != n else f"{n:,} cases"
        typer.echo(f"{suite}: {share}")
        table = start_table("model", "kind", *COLUMNS)
        for name, result in models.items():
            kinds = result["by_kind"] if len(result["by_kind"]) > 1 else {}
            for kind, outcome in {**kinds, "all": result}.items():
                table.add_row(name, kind, *_write(outcome))
        print_table(table)
    if any(
        o["floor"] for ms in whole["evaluation"].values() for r in ms.values() for o in r["by_kind"].values()
    ):
        typer.echo("floor: accuracy of a classifier that sees only the options of cases without twins")
    _show_protocols(whole.get("protocols", {}))
    if whole["paired"]:
        columns = ("n", "b - a", "95 %", "p", "p (Holm)", "detectable", "only a right", "only b right")
        table = start_table("a", "b", "suite", *columns)
        for pair in whole["paired"]:
            low, high = pair["ci95"]
            shown = (
                str(pair["n"]),
                f"{pair['delta']:+.3f}",
                f"{low:+.3f} to {high:+.3f}",
                f"{pair['p']:.2g}",
                f"{pair['p_holm']:.2g}" if "p_holm" in pair else "",
                "" if pair.get("detectable") is None else f"{pair['detectable']:.3f}",
            )
            only = (str(pair["only_a"]), str(pair["only_b"]))
            table.add_row(pair["a"], pair["b"], pair["suite"], *shown, *only)
        typer.echo("paired differences in accuracy (exact McNemar test; Holm: corrected for all of a suite)")
        print_table(table)
        typer.echo("detectable: the smallest true difference that so many cases find four times in five")
    _show_calibration(whole.get("calibration", {}))
    _show_contamination(whole.get("contamination", {}))
    _show_groups(whole.get("groups", {}))
    _show_battery(whole.get("battery", {}))
    _show_reasoning(whole.get("reasoning", {}))
    _show_samples(whole.get("samples", {}))


def _show_calibration(calibration: Mapping[str, Any]) -> None:
    rows = [(suite, name, c) for suite, models in calibration.items() for name, c in models.items()]
    if not rows:
        return
    table = start_table("model", "suite", "stated", "accuracy", "confidence", "ECE", "Brier", "AURC")
    for suite, name, found in rows:
        shares = (f"{found[key]:.3f}" for key in ("accuracy", "mean", "ece", "brier", "aurc"))
        table.add_row(name, suite, f"{found['n']} of {found['of']}", *shares)
    typer.echo("confidence that replies state, held against being right")
    print_table(table)


def _show_contamination(contamination: Mapping[str, Any]) -> None:
    for suite, found in contamination.items():
        for pair in found["pairs"]:
            typer.echo(
                f"{suite}: {pair['case_id']} stands in what was trained on ({pair['how']}): {pair['id']}"
            )
        typer.echo(f"{suite}: {found['items']} items stand in what was trained on")
        if not found["items"]:
            continue
        table = start_table("model", "items", "n", "right", "accuracy", "95 %")
        for name, apart in found["models"].items():
            for part, outcome in apart.items():
                low, high = outcome["ci95"]
                numbers = (str(outcome["n"]), str(outcome["right"]), f"{outcome['accuracy']:.3f}")
                table.add_row(name, part, *numbers, f"{low:.3f}-{high:.3f}")
        print_table(table)


def _show_groups(groups: Mapping[str, Any]) -> None:
    """Accuracy by what cases are, a column for each model; kinds have their own table."""
    for suite, models in groups.items():
        names = list(models)
        table = start_table("by", "group", *(f"{name} (n)" for name in names))
        divisions = [d for d in SHOWN if any(d in found for found in models.values())]
        for division in divisions:
            known = dict.fromkeys(g for found in models.values() for g in found.get(division, {}))
            for group in known:
                outcomes = [models[name].get(division, {}).get(group) for name in names]
                cells = ("" if o is None else f"{o['accuracy']:.3f} ({o['n']})" for o in outcomes)
                table.add_row(division, group, *cells)
        if divisions:
            typer.echo(f"{suite}: lenient accuracy by group, of ten cases or more (all: results.json)")
            print_table(table)


def _show_battery(battery: Mapping[str, Any]) -> None:
    rows = [
        (suite, model, name, outcome)
        for suite, models in battery.items()
        for model, outcomes in models.items()
        for name, outcome in outcomes.items()
    ]
    if not rows:
        return
    columns = ("n", "before", "after", "after - before", "95 %", "p", "other answer", "followed")
    table = start_table("model", "put otherwise", "suite", *columns)
    for suite, model, name, found in rows:
        low, high = found["ci95"]
        shares = ("" if found[k] is None else f"{found[k]:.3f}" for k in ("changed", "followed"))
        numbers = (f"{found['before']:.3f}", f"{found['after']:.3f}", f"{found['delta']:+.3f}")
        interval = f"{low:+.3f} to {high:+.3f}"
        table.add_row(model, name, suite, str(found["n"]), *numbers, interval, f"{found['p']:.2g}", *shares)
    typer.echo("the same cases put otherwise: lenient accuracy before and after")
    print_table(table)
    typer.echo(
        "other answer: of cases answered both times, those answered with another option's text; followed: of "
        "those that had not chosen the hinted wrong option before, those that now do"
    )


def _show_reasoning(reasoning: Mapping[str, Any]) -> None:
    rows = [
        (s, model, *entry) for s, ms in reasoning.items() for model, o in ms.items() for entry in o.items()
    ]
    if not rows:
        return
    table = start_table("model", "its steps", "suite", "n", "same answer", "95 %", "right", "followed")
    for suite, model, name, found in rows:
        low, high = found["ci95"]
        followed = "" if found["followed"] is None else f"{found['followed']:.3f}"
        numbers = (f"{found['same']:.3f}", f"{low:.3f}-{high:.3f}", f"{found['right']:.3f}", followed)
        table.add_row(model, name, suite, str(found["n"]), *numbers)
    typer.echo(
        "the answer after a model's own steps, altered (by likelihood; whole: against the written reply)"
    )
    print_table(table)


def _show_samples(samples: Mapping[str, Any]) -> None:
    rows = [(suite, name, found) for suite, models in samples.items() for name, found in models.items()]
    if not rows:
        return
    table = start_table("model", "suite", "n", "k", "one reply", "majority", "best of", "")
    for suite, name, found in rows:
        cases, k = str(found["n"]), str(found["k"])
        majority = _write_share(found["majority"]) if found["majority"] else ""
        for number, (m, share) in enumerate(found["passed"].items()):
            first = (cases, k, _write_share(found["mean"]), majority) if not number else ("", "", "", "")
            table.add_row(name if not number else "", suite, *first, str(m), _write_share(share))
    typer.echo("several replies to each case, lenient: accuracy of one, of their majority, of the best of m")
    print_table(table)


def _write_share(share: Mapping[str, Any]) -> str:
    low, high = share["ci95"]
    return f"{share['value']:.3f} ({low:.3f}-{high:.3f})"


def _show_protocols(protocols: Mapping[str, Any]) -> None:
    """What is boxed beside what is committed to in any other way, where the two are not the same."""
    rows = [
        (suite, name, protocol, outcome)
        for suite, models in protocols.items()
        for name, outcomes in models.items()
        if outcomes and outcomes["strict"]["unparsed"] != outcomes["lenient"]["unparsed"]
        for protocol, outcome in outcomes.items()
    ]
    if not rows:
        return
    table = start_table("model", "protocol", "suite", "n", "right", "accuracy", "95 %", *PROTOCOL_SHARES)
    for suite, name, protocol, outcome in rows:
        low, high = outcome["ci95"]
        shares = (f"{outcome[share]:.3f}" for share in PROTOCOL_SHARES)
        numbers = (str(outcome["n"]), str(outcome["right"]), f"{outcome['accuracy']:.3f}")
        table.add_row(name, protocol, suite, *numbers, f"{low:.3f}-{high:.3f}", *shares)
    typer.echo(
        "strict: one box after the thinking; lenient: committed to one option in any of the usual ways"
    )
    print_table(table)


def show_disagreements(whole: Mapping[str, Any]) -> None:
    """Print every reply that is read otherwise than those read it who recorded an answer for it."""
    for models in whole["protocols"].values():
        for name, outcomes in models.items():
            found = outcomes["lenient"]
            for row in found["disagreements"]:
                typer.echo(
                    f"{name}: {row['case_id']}: read as {row['read']}, recorded as {row['recorded']!r}, "
                    f"key {row['key']}; the reply: {row['text'].strip()!r}"
                )
            if of := found["agreement"]["n"]:
                same = found["agreement"]["same"]
                typer.echo(
                    f"{name}: of {of} replies that commit to one option (lenient) {same} are read as "
                    f"recorded, {same / of:.2%}"
                )


def show_unparsed(whole: Mapping[str, Any]) -> None:
    """Print every recorded reply without an answer that can be read, and what was left out."""
    for name, rows in whole["unparsed"].items():
        for row in rows:
            typer.echo(f"{name}: {row['case_id']}: {row['why']}, ends {row['end']!r}")
        typer.echo(
            f"{name}: {len(rows)} replies have no answer that can be read; {whole['without_reply'][name]} "
            "cases have no reply and are not counted"
        )
        if name in whole["recorded"]:
            found = whole["recorded"][name]
            typer.echo(
                f"{name}: the answers that its authors recorded are right in {found['right']} of {found['n']}"
            )


def _write(outcome: Mapping[str, Any]) -> list[str]:
    low, high = outcome["ci95"]
    shares = [outcome.get(name) for name in ("chance", "floor", *SHARES)]
    shown = ["" if share is None else f"{share:.3f}" for share in shares]
    return [
        str(outcome["n"]),
        str(outcome["right"]),
        f"{outcome['accuracy']:.3f}",
        f"{low:.3f}-{high:.3f}",
        *shown,
    ]


def start_table(first: str, second: str, *others: str) -> "Table":
    """A table whose first two columns are texts and the rest numbers."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column(first)
    table.add_column(second)
    for name in others:
        table.add_column(name, justify="right")
    return table


def print_table(table: "Table") -> None:
    """Print it as wide as it needs to be where no terminal is."""
    from rich.console import Console

    Console(width=None if Console().is_terminal else 160).print(table)
