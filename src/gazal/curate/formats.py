"""A curated set in the columns that others read: Parquet, and the layouts of published sets."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from gazal.core.chat import HEADING, write_prompt
from gazal.core.example import EXAMPLES, Example, parse_example
from gazal.core.store import read_objects

PARQUET = "examples.parquet"
ANSWER = "**Answer:**"
BATCH = 5_000
LAYOUTS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "case": lambda row: {
        "case": row["question"],
        "options": json.loads(row["options"]),
        "reasoning": row["reasoning"],
        "answer": row["answer_text"],
    },
    "medreason": lambda row: {
        "question": row["question"],
        "options": "\n".join(f"{k}. {text}" for k, text in json.loads(row["options"]).items()),
        "reasoning": row["reasoning"],
        "answer": row["answer_text"],
    },
    "medical-o1": lambda row: {
        "Question": write_stem(row),
        "Complex_CoT": row["reasoning"],
        "Response": f"{row['response'].partition(ANSWER)[0]}The answer is {row['answer_text']}.",
    },
    "messages": lambda row: {"messages": row["messages"]},
}
"""Name of a layout to how a row is written in it."""


def write_parquet(folder: Path) -> Path:
    """Write ``examples.parquet`` beside ``examples.jsonl``, a batch at a time.

    Columns: ``id``, ``kind``, ``question``, ``options`` (a JSON text), ``answer`` (letter or text),
    ``answer_text``, ``reasoning`` (the steps, a line each), ``response`` (what follows them), ``messages``
    (``role`` and ``content``: what gazal itself trains on), ``source``, ``licence``.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    text = pa.string()
    message = pa.list_(pa.struct([("role", text), ("content", text)]))
    names = ("id", "kind", "question", "options", "answer", "answer_text", "reasoning", "response")
    fields = [*((name, text) for name in names), ("messages", message), ("source", text), ("licence", text)]
    target = folder / PARQUET
    with pq.ParquetWriter(target, pa.schema(fields)) as writer:
        rows: list[dict[str, Any]] = []
        for example in read_examples(folder):
            rows.append(tell_row(example))
            if len(rows) == BATCH:
                writer.write_table(pa.Table.from_pylist(rows, schema=writer.schema))
                rows = []
        writer.write_table(pa.Table.from_pylist(rows, schema=writer.schema))
    return target


def write_layouts(folder: Path, layouts: Sequence[str]) -> None:
    """Write ``examples.<layout>.jsonl`` for each; ``id``, ``source`` and ``licence`` come on top."""
    for name in layouts:
        with (folder / f"examples.{name}.jsonl").open("w", encoding="utf-8") as file:
            for example in read_examples(folder):
                row = tell_row(example)
                told = LAYOUTS[name](row) | {key: row[key] for key in ("id", "source", "licence")}
                file.write(json.dumps(told, ensure_ascii=False) + "\n")


def write_stem(row: dict[str, Any]) -> str:
    """A question with its options below it, for layouts without a column for them."""
    options = (f"{letter}. {text}" for letter, text in json.loads(row["options"]).items())
    return "\n".join([row["question"], *options])


def read_examples(folder: Path) -> Iterator[Example]:
    """The examples of a curated set.

    Raises:
        DataError: At the first line that is none.
    """
    path = folder / EXAMPLES
    for number, value in read_objects(path):
        yield parse_example(value, f"{path}, line {number}")


def tell_row(example: Example) -> dict[str, Any]:
    """One example in the columns of `write_parquet`."""
    case, reply = example.case, example.trace.reply
    response = reply.after.partition(HEADING)[2] or reply.after
    question = f"{case.context}\n\n{case.question}" if case.context else case.question
    return {
        "id": case.id,
        "kind": case.kind,
        "question": question,
        "options": json.dumps(dict(case.options)),
        "answer": case.answer,
        "answer_text": case.options.get(case.answer, case.answer),
        "reasoning": "\n".join(reply.steps),
        "response": response.strip(),
        "messages": [
            {"role": "user", "content": write_prompt(case)},
            {"role": "assistant", "content": example.reply},
        ],
        "source": example.lineage.source,
        "licence": example.lineage.licence,
    }
