"""``gazal show --run``: what each stage of a run did with one case, from the files that a run leaves."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gazal.cli.show import show
from gazal.config.reward import RewardConfig
from gazal.core.stage import MANIFEST, close_stage, open_stage
from gazal.core.store import CASES, REPLIES, write_cases, write_lines, write_traces
from gazal.core.trace import Trace
from gazal.engine.base import Rollout
from gazal.errors import DataError, GazalError
from gazal.score.compose import compose
from gazal.train.advantage import compute_advantages
from gazal.train.asking import Group
from gazal.train.seen import write_group
from gazal.world.generate import make_cases
from gazal.world.solve import solve

GAZAL = Path(sys.executable).with_name("gazal")
WORLD = list(make_cases(("diagnosis",), n=5, seed=3))
EVERYWHERE, RETOLD, UNDRAWN, ASKED, LONELY = WORLD
"""In every stage; learnt from another solution; gathered for GRPO; asked only; in no stage."""
WRONG = next(letter for letter in EVERYWHERE.options if letter != EVERYWHERE.answer)
LAST = f"It is {EVERYWHERE.options[EVERYWHERE.answer]}, option {EVERYWHERE.answer}."


def gazal(*words):
    return subprocess.run([str(GAZAL), *map(str, words)], capture_output=True, text=True, check=False)


def miss(case, **more):
    """The worked solution with another letter at its end."""
    text = solve(case).text.replace(f"\\boxed{{{case.answer}}}", f"\\boxed{{{WRONG}}}")
    return replace(solve(case), text=text, **more)


def write_objects(path, records):
    write_lines(path, records, lambda record: json.dumps(record).encode())


def write_stage(final, counts, fill):
    stage = open_stage(final, {}, 0)
    fill(stage.part)
    close_stage(stage, counts)


def roll(step, traces):
    """What a step of GRPO writes down."""
    rollouts = [Rollout(trace=t, prompt_tokens=(1,), tokens=(2, 3), logprobs=(-0.1, -0.2)) for t in traces]
    verdicts = [compose(EVERYWHERE, trace, RewardConfig(), max_new_tokens=2000) for trace in traces]
    advantages = compute_advantages([[verdict.total for verdict in verdicts]])
    group = Group(case=EVERYWHERE, rollouts=tuple(rollouts), verdicts=tuple(verdicts))
    return write_group(step, group, advantages.values_PG[0])


def fill_cases(part):
    for name, cases in {
        "sft": [EVERYWHERE, RETOLD],
        "grpo": [EVERYWHERE, UNDRAWN],
        "evaluate": [ASKED, EVERYWHERE],
    }.items():
        (part / name).mkdir()
        write_cases(part / name / CASES, cases)
    retold = replace(solve(RETOLD), model="teacher", text=f"{solve(RETOLD).text}\n")
    write_traces(part / "sft" / REPLIES, [solve(EVERYWHERE), retold])


def fill_grpo(part):
    right, silent = solve(EVERYWHERE), Trace(case_id=EVERYWHERE.id, text="", stop="error", sample=2)
    mixed = [miss(EVERYWHERE, n_tokens=91), replace(right, sample=1, n_tokens=92), silent]
    equal = [right, replace(right, sample=1)]
    others = [record | {"case_id": "world/train/0123456789ab"} for record in roll(5, equal)]
    write_objects(part / "rollouts.jsonl", [*roll(2, mixed), *others, *roll(9, equal)])


def fill_evaluation(part):
    both = (ASKED, EVERYWHERE)
    replies = {
        "base": [Trace(case_id=case.id, text="Bubblegum.") for case in both],
        "sft": [solve(ASKED), miss(EVERYWHERE)],
        "grpo": [solve(case) for case in both],
    }
    for name, traces in replies.items():
        write_traces(part / f"{name}.jsonl", [replace(trace, model=name) for trace in traces])
    chosen = [
        {
            "case_id": case.id,
            "alone": {"chosen": wrong, "right": False},
            "listed": {"chosen": case.answer, "right": True},
        }
        for case, wrong in ((ASKED, "C"), (EVERYWHERE, WRONG))
    ]
    write_objects(part / "base_likelihood.jsonl", chosen)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run's folder as its stages leave it, without weights; never changed by a test."""
    run = tmp_path_factory.mktemp("runs") / "demo"
    write_stage(run / "cases", {}, fill_cases)
    steps = [{"step": k, "examples": 3.0} for k in (1, 2)]
    write_stage(
        run / "sft", {"examples": 2, "too_long": 0}, lambda part: write_objects(part / "steps.jsonl", steps)
    )
    write_stage(run / "grpo", {"cases": 2}, fill_grpo)
    write_stage(run / "evaluate", {"cases": 2, "models": 3}, fill_evaluation)
    return run


@pytest.fixture
def run(whole, tmp_path):
    return Path(shutil.copytree(whole, tmp_path / "demo"))


@pytest.fixture
def tell(capsys):
    """What is said about a case, without the cost of a new process."""

    def tell(case, run):
        show(case.id[-8:], run=run)
        return capsys.readouterr().out

    return tell


def test_a_case_that_every_stage_met(whole, tell):
    done = gazal("show", EVERYWHERE.id, "--run", whole)
    assert done.returncode == 0 and not done.stderr, done
    parts = (
        EVERYWHERE.question,
        f"check: read back from the text, the key is {EVERYWHERE.answer}",
        "reply of world, sample 0:",
        f"way through {whole}: SFT, GRPO, evaluation\n",
        "SFT: learnt from its solution, one of 2, 3.0 times on average\n",
        "  to learn: the worked solution above\n",
        "GRPO: one of 2 cases, drawn at steps 2, 9\n",
        "step 2, what each rollout earned:",
        "step 2, best rollout: sample 1, total +",
        "step 2, worst rollout: sample 0, total -",
        "step 9, what each rollout earned:",
        "step 9, first of equal rollouts: sample 0, total +",
        "evaluation: one of 2 cases asked",
        "Base, not right (no answer in a box):\n  Bubblegum.\n",
        f"Base, by likelihood: {WRONG} with the options not shown (wrong), "
        f"{EVERYWHERE.answer} with the options shown (right)\n",
        "SFT, wrong:\n  + Step 1:",
        "GRPO, right:\n  + Step 1:",
    )
    places = [done.stdout.find(part) for part in parts]
    assert -1 not in places and places == sorted(places), dict(zip(parts, places, strict=True))


def test_what_each_rollout_earned_stands_in_columns_that_add_up(whole, tell):
    said = tell(EVERYWHERE, whole)
    table = said.partition("step 2, what each rollout earned:\n")[2].splitlines()[:4]
    header = table[0].replace("answer is", "is").split()
    assert header[:4] == ["sample", "stop", "tokens", "answer"] and header[-3:] == [
        "total",
        "advantage",
        "is",
    ]
    rows = [dict(zip(header, row.split(), strict=True)) for row in table[1:3]]
    assert [(row["sample"], row["stop"], row["tokens"], row["is"]) for row in rows] == [
        ("0", "end", "91", "wrong"),
        ("1", "end", "92", "right"),
    ]
    for row, (low, high) in zip(rows, ((-1.0, 0.0), (0.5, 1.0)), strict=True):
        parts = [float(row[name]) for name in header[3:-3]]
        assert len(parts) == 5 and sum(parts) == pytest.approx(float(row["total"]), abs=0.003)
        assert low < float(row["total"]) < high
    assert -1 < float(rows[0]["advantage"]) < 0 < float(rows[1]["advantage"]) < 1
    assert table[3].split() == ["2", "error", "unscored", "+0.000", "engine_error"]


def test_rollouts_that_dynamic_sampling_threw_away_are_called_so(run, tell):
    path = run / "grpo" / "rollouts.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    write_objects(path, [row | {"kept": row["step"] != 9} for row in rows])
    said = tell(EVERYWHERE, run)
    assert "step 9, what each rollout earned (all alike: another case took its place):" in said
    assert "step 2, what each rollout earned:" in said


def test_the_best_and_the_worst_rollout_step_by_step_in_short(whole, tell):
    said = tell(EVERYWHERE, whole)
    best, worst = (
        said.partition(f"step 2, {which} rollout")[2].split("\n\n")[0] for which in ("best", "worst")
    )
    assert f": {LAST}" in best and f"answer {EVERYWHERE.answer}, confidence" in best
    assert f"answer {WRONG}, confidence" in worst and "\n  + Step 1:" in worst
    assert "grounding: " not in best + worst


def test_a_long_rollout_is_cut_and_says_so(whole, tell, monkeypatch):
    monkeypatch.setattr("gazal.cli.show.MOST_STEPS", 2)
    best = tell(EVERYWHERE, whole).partition("step 2, best rollout")[2].split("\n\n")[0]
    n = len(solve(EVERYWHERE).steps)
    assert "Step 2:" in best and "Step 3:" not in best and f"\n  and {n - 2} steps more\n" in best


def test_a_solution_that_is_not_the_worked_one_is_shown(whole, tell):
    said = tell(RETOLD, whole)
    assert f"way through {whole}: SFT; not in GRPO, evaluation\n" in said
    assert "\nto learn, by teacher:\n  + Step 1:" in said and "above" not in said


def test_a_case_that_was_gathered_and_not_drawn(whole, tell):
    said = tell(UNDRAWN, whole)
    assert said.endswith("\nGRPO: one of 2 cases, but drawn at no step\n") and "what each rollout" not in said


def test_a_run_that_is_under_way(run, tell):
    for name in ("sft", "grpo", "evaluate"):
        (run / name).rename(run / f"{name}.part")
    said = tell(EVERYWHERE, run)
    assert f"GRPO: one of 2 cases; {run / 'grpo'} is not there yet" in said and "rollout" not in said
    assert "learnt from" not in said and "to learn: the worked solution above" in said
    assert said.endswith(f"\nevaluation: one of 2 cases; {run / 'evaluate'} is not there yet\n")


def test_what_is_not_kept_about_sft_is_not_claimed(run, tell):
    manifest = run / "sft" / MANIFEST
    found = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**found, "counts": {"examples": 1, "too_long": 1}}))
    said = tell(EVERYWHERE, run)
    assert "left out as too long: 1 (which ones is not kept)" in said and "learnt from" not in said
    manifest.write_text(json.dumps(found))
    write_objects(run / "sft" / "steps.jsonl", [{"step": 1, "examples": 1.0}])
    said = tell(EVERYWHERE, run)
    assert "reached by the steps: 1 (which ones is not kept)" in said and "learnt from" not in said


def test_wrong_use_ends_with_status_2_and_one_line(run):
    done = gazal("show", EVERYWHERE.id)
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.count("\n") == 1, done
    assert done.stderr.startswith("gazal: say where the case is: --cases FILE, or --run FOLDER")


@pytest.mark.parametrize(
    "options, parts",
    [
        ({"run": "", "cases": "c.jsonl"}, ["say where the case is", "not both"]),
        ({"run": "", "replies": "r.jsonl"}, ["--replies goes with --cases", "Leave it out"]),
        ({"replies": "r.jsonl"}, ["say where the case is"]),
        ({"run": "no"}, ["no: no such folder. Name the folder of a run"]),
        ({"run": "sft"}, ["sft: has no cases", "gazal run RECIPE --out "]),
        ({"run": "recipe.yaml"}, ["recipe.yaml: no such folder"]),
    ],
)
def test_wrong_use(run, options, parts):
    (run / "recipe.yaml").write_text("name: demo")
    with pytest.raises(GazalError) as found:
        show(EVERYWHERE.id, **{name: run / value for name, value in options.items()})
    assert all(part in str(found.value) for part in parts), found.value


def test_a_case_that_is_in_no_stage(run):
    with pytest.raises(DataError, match=f"cases: no case '{LONELY.id}' among 4"):
        show(LONELY.id, run=run)


def spoil(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def cut(path):
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize(
    "name, tear, parts",
    [
        ("cases/grpo/cases.jsonl", cut, ["line 2: not a JSON object", "cut off"]),
        (
            "cases/sft/replies.jsonl",
            lambda p: spoil(p, EVERYWHERE.id, "x/y/z"),
            ["has no reply to", "Delete"],
        ),
        ("sft/steps.jsonl", lambda p: spoil(p, "examples", "exemples"), ["line 1: does not say", "Delete"]),
        ("sft/manifest.json", Path.unlink, ["no such file", "Delete"]),
        ("grpo/rollouts.jsonl", Path.unlink, ["no such file"]),
        ("grpo/rollouts.jsonl", cut, ["line 7: not a JSON object"]),
        (
            "grpo/rollouts.jsonl",
            lambda p: spoil(p, '"stop": "error"', '"stop": 7'),
            ["line 3", "stop", "Delete"],
        ),
        ("grpo/rollouts.jsonl", lambda p: spoil(p, '"sample": 2', '"sample": "2"'), ["line 3", "sample"]),
        ("grpo/rollouts.jsonl", lambda p: spoil(p, '"case_id"', '"id"'), ["line 1: not a rollout (case_id"]),
        ("evaluate/sft.jsonl", Path.unlink, ["has replies of 2 models", "Delete"]),
        ("evaluate/sft.jsonl", lambda p: spoil(p, EVERYWHERE.id, "x/y/z"), ["has no reply to", "Delete"]),
        ("evaluate/grpo.jsonl", cut, ["line 2: not a JSON object"]),
        (
            "evaluate/base_likelihood.jsonl",
            lambda p: spoil(p, "chosen", "c"),
            ["line 2: not a choice", "Delete"],
        ),
    ],
)
def test_a_torn_file_is_named_before_anything_is_shown(run, capsys, name, tear, parts):
    tear(run / name)
    with pytest.raises(DataError) as found:
        show(EVERYWHERE.id, run=run)
    assert all(part in str(found.value) for part in (str((run / name).parent), *parts)), found.value
    assert capsys.readouterr().out == ""
