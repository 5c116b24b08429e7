"""What a report says of the alarms of a run, and of the reward that they were held against."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gazal.config.grpo import GRPOConfig
from gazal.core.store import read_objects
from gazal.report.numbers import Run
from gazal.report.phrases import plural
from gazal.report.tables import DASH, Cell, Table, write_number
from gazal.score.outline import outline_reward

ALARMS, ROLL_BACKS = "alarms.jsonl", "roll_backs.jsonl"
ACTIONS = {"warn": "warned", "pause": "paused the run", "roll_back": "rolled back"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """Alarms, roll-backs and reward of a GRPO stage."""

    told: str
    alarms: Table | None
    roll_backs: Table | None
    told_reward: str
    reward: Table


def view_watched(run: Run) -> Watched | None:
    """Put it together; None for a run without GRPO."""
    config = run.recipe.grpo if run.recipe else None
    if config is None or "grpo" not in run.steps:
        return None
    folder = run.folder / ("grpo" if "grpo" in run.stages else "grpo.part")
    alarms, back = (_read(folder / name) for name in (ALARMS, ROLL_BACKS))
    return Watched(
        told=_tell(config, len(run.steps.get("grpo", ())), alarms, back),
        alarms=_tabulate_alarms(alarms) if alarms else None,
        roll_backs=_tabulate_roll_backs(back) if back else None,
        told_reward=_tell_reward(config),
        reward=_tabulate_reward(config),
    )


def _read(path: Path) -> list[Mapping[str, Any]]:
    return [value for _, value in read_objects(path)] if path.exists() else []


def _tell(config: GRPOConfig, n_steps: int, alarms: list[Any], back: list[Any]) -> str:
    n, n_back = len(alarms), len(back)
    raised = (
        f"{n} {plural(n, 'alarm')} raised in {n_steps} steps"
        if n
        else (f"No alarm was raised in {n_steps} steps")
    )
    rolled = f"; {n_back} {plural(n_back, 'attempt')} rolled back, whose steps are kept" if n_back else ""
    held = (
        "The reward was held against the truth channel: held-out counterfactual pairs, asked greedily, for "
        "which nothing is paid."
        if config.truth_channel
        else "There was no truth channel, so nothing but the reward itself could be looked at."
    )
    return f"{raised}{rolled}. {held}"


def _tell_reward(config: GRPOConfig) -> str:
    if config.reward_function is not None:
        return f"Paid by the function {config.reward_function}; the judges below were logged beside it."
    bands = [
        f"{band.name} {write_number(band.least)} to {write_number(band.most)}"
        for band in reversed(outline_reward(config.reward).bands)
    ]
    return (
        f"What each class of reply can earn: {'; '.join(bands)}. Judges move a reply within its class alone."
    )


def _tabulate_alarms(alarms: list[Mapping[str, Any]]) -> Table:
    rows = tuple(
        (
            Cell(text=str(alarm["name"]).replace("_", " ")),
            Cell(text=f"{alarm['step']}", notes=(f"since {alarm['since']} or later",)),
            Cell(
                text=str(alarm["what"]),
                notes=(f"{write_number(alarm['value'])}, threshold {write_number(alarm['threshold'])}",),
            ),
            Cell(text=ACTIONS.get(alarm["action"], str(alarm["action"]))),
            Cell(text="", notes=tuple(alarm["rollouts"])),
        )
        for alarm in alarms
    )
    head = ("Alarm", "Step", "What was seen", "What it did", "Rollouts to read")
    return Table(caption="Alarms, in the order of the steps", head=head, rows=rows)


def _tabulate_roll_backs(back: list[Mapping[str, Any]]) -> Table:
    rows = tuple(
        (
            Cell(text=f"{record['attempt']}"),
            Cell(text=f"{record['from_step']} to {record['to_step']}"),
            Cell(text=str(record["alarm"]["name"]).replace("_", " "), notes=(str(record["alarm"]["what"]),)),
            Cell(
                text=f"learning rate times {record['learning_rate_times']:g}",
                notes=(f"kl {record['kl']:g}",) if record["kl"] is not None else (),
            ),
        )
        for record in back
    )
    head = ("Attempt", "Rolled back", "Because of", "Remedy from then on")
    return Table(caption="Attempts that were rolled back", head=head, rows=rows)


def _tabulate_reward(config: GRPOConfig) -> Table:
    rows = tuple(
        (
            Cell(text=term.name),
            Cell(text=f"{term.weight:g}"),
            Cell(text=DASH if term.gate is None else f"{term.gate:g}"),
            Cell(text=f"\u00b1{term.moves:.3g}"),
            Cell(text=", ".join(term.counts_in)),
        )
        for term in outline_reward(config.reward).terms
    )
    head = ("Judge", "Weight", "Gate", "Moves a reward by", "Counts in")
    return Table(caption="What shapes the reward", head=head, rows=rows)
