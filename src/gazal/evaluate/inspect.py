"""Our suites as tasks of Inspect AI: our prompt and our judges, any model that Inspect knows, its viewer.

    pip install 'gazal[inspect]'
    inspect eval gazal/medqa_4opt --model openai/gpt-4o --limit 100

There is a task for each suite for evaluation, named as `gazal evaluate --suite` names it, ``gazal/world``
and, for a file, ``gazal/cases`` (``-T path=cases.jsonl``). Two scores: ``strict``, one box after the
thinking, and ``lenient``, which also reads what is committed to in other usual ways. Nothing is guessed: what
commits to nothing is wrong in both, and the explanation of each score says why.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ContentReasoning, ContentText, ModelOutput
from inspect_ai.scorer import Score, Scorer, Target, accuracy, scorer, stderr
from inspect_ai.solver import TaskState, generate

from gazal.cases.own import read_cases_of
from gazal.cases.table import SUITES, load_suite
from gazal.core.case import Case
from gazal.core.chat import CLOSE, OPEN, write_prompt
from gazal.core.trace import Trace
from gazal.evaluate.protocols import PROTOCOLS, read_protocol
from gazal.world.generate import make_cases

WORLD_N = 300


def list_tasks() -> dict[str, Callable[..., Task]]:
    """Name to task: one for each suite for evaluation, the world, and a file of cases."""
    found: dict[str, Callable[..., Task]] = {}
    for name, suite in SUITES.items():
        if suite.use == "evaluation":
            found[name] = task(name=name)(_make_suite(name))
    found["world"] = task(name="world")(_ask_world)
    found["cases"] = task(name="cases")(_ask_file)
    return found


def make_task(name: str, cases: list[Case]) -> Task:
    """A task over cases; the prompt is the one that gazal asks and hashes."""
    samples = [
        Sample(id=case.id, input=write_prompt(case), target=case.answer, metadata={"kind": case.kind})
        for case in cases
    ]
    by_id = {case.id: case for case in cases}
    return Task(
        name=name,
        dataset=MemoryDataset(samples, name=name),
        solver=generate(),
        scorer=[judge("strict", by_id), judge("lenient", by_id)],
    )


def read_trace(case_id: str, output: ModelOutput) -> Trace:
    """What a model said, its reasoning put back between the tags where Inspect took it out."""
    content = output.message.content if output.choices else ""
    if isinstance(content, str):
        text, thought = content, ""
    else:
        text = "".join(part.text for part in content if isinstance(part, ContentText))
        thought = "\n".join(part.reasoning for part in content if isinstance(part, ContentReasoning))
    if thought and CLOSE not in text:
        text = f"{OPEN}\n{thought.strip()}\n{CLOSE}\n\n{text.lstrip()}"
    stop = "length" if output.stop_reason in ("max_tokens", "model_length") else "end"
    return Trace(case_id=case_id, text=text, model=output.model, stop=stop)


def judge(protocol: str, cases: dict[str, Case]) -> Scorer:
    """One protocol of ours as a scorer: 1.0 for right and 0.0 for anything else, with the reason."""

    @scorer(metrics=[accuracy(), stderr()], name=protocol)
    def make() -> Scorer:
        async def score(state: TaskState, target: Target) -> Score:
            case = cases[str(state.sample_id)]
            trace = read_trace(case.id, state.output)
            why = PROTOCOLS[protocol](case, trace).why
            read = read_protocol(protocol, case, trace)
            return Score(value=float(why == "right"), answer=read or "", explanation=why)

        return score

    return make()


def _make_suite(name: str) -> Callable[..., Task]:
    def ask() -> Task:
        return make_task(name, load_suite(name))

    return ask


def _ask_world(n: int = WORLD_N, seed: int = 0) -> Task:
    return make_task("world", list(make_cases(n=n, seed=seed, split="test")))


def _ask_file(path: str) -> Task:
    return make_task("cases", read_cases_of(Path(path)))


TASKS: dict[str, Any] = list_tasks()
globals().update(TASKS)  # Inspect finds tasks by the names of a module.
