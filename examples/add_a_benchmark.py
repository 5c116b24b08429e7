"""A benchmark of your own, judged as every other: rows of a CSV file become cases, prompts and a tally.

    python examples/add_a_benchmark.py

You learn what a `Case` needs, how to write files that `gazal evaluate --cases` and `gazal score` read, and
how to judge replies. For a suite with a name, add a reader and an entry to `gazal/cases/table.py`.
"""

import csv
import json
import tempfile
from pathlib import Path

from gazal.core.case import LETTERS, Case, Tags, hash_content
from gazal.core.chat import write_prompt, write_reply
from gazal.core.store import read_cases, read_traces, write_cases, write_lines, write_traces
from gazal.core.trace import Trace
from gazal.score.tally import judge_all, tally_kinds

QUIZ = """stem,options,key,topic
Which vitamin is lacking in scurvy?,vitamin A;vitamin B12;vitamin C;vitamin D,vitamin C,nutrition
Which electrolyte disorder gives peaked T waves?,hyperkalaemia;hypokalaemia;hyponatraemia,hyperkalaemia,ECG
Which hormone do the beta cells of the pancreas make?,glucagon;insulin;somatostatin,insulin,endocrinology
Which drug reverses an opioid overdose?,atropine;flumazenil;naloxone;protamine,naloxone,toxicology
"""


def read_row(row: dict[str, str]) -> Case:
    """One row as a case; `Case` refuses what cannot be asked, such as a key that is no option."""
    options = dict(zip(LETTERS, row["options"].split(";"), strict=False))
    key = next((letter for letter, text in options.items() if text == row["key"]), row["key"])
    stem, tags = row["stem"], Tags(topic=row["topic"])
    name = f"ward_quiz/test/{hash_content('', stem, options)}"
    return Case(id=name, kind="exam", question=stem, options=options, answer=key, tags=tags, licence="MIT")


def dump_prompt(case: Case) -> bytes:
    """One line of what `gazal cases --prompts` writes: what to ask your model."""
    return json.dumps({"case_id": case.id, "prompt": write_prompt(case)}).encode()


if __name__ == "__main__":
    folder = Path(tempfile.mkdtemp(prefix="ward_quiz_"))
    (folder / "quiz.csv").write_text(QUIZ)  # Stands for the file that you have.
    with (folder / "quiz.csv").open(newline="") as file:
        n = write_cases(folder / "cases.jsonl", map(read_row, csv.DictReader(file)))
    print(f"{n} cases in {folder}")
    cases = read_cases(folder / "cases.jsonl")
    write_lines(folder / "prompts.jsonl", cases, dump_prompt)
    # Stands for what your model replied: two right, one wrong, one without a box.
    steps = ["Each option is held against the question.", "One of them fits."]
    said = [write_reply(steps, "It fits best.", letter) for letter in "CBBC"]
    said[2] = "I would say insulin."
    pairs = zip(cases, said, strict=True)
    write_traces(folder / "replies.jsonl", [Trace(case_id=case.id, text=text) for case, text in pairs])
    for kind, tally in tally_kinds(judge_all(cases, read_traces(folder / "replies.jsonl"))).items():
        low, high = tally.ci95
        print(f"{kind}: {tally.right} of {tally.n} right, {tally.accuracy:.3f} ({low:.3f} to {high:.3f})")
        print(*(f"  {judge}: {dict(reasons)}" for judge, reasons in tally.reasons.items()), sep="\n")
