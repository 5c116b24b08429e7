"""``card.md``: what a set holds, where it comes from, and what was left out."""

from collections.abc import Mapping, Sequence
from typing import Any

BARS = 40
"""Characters of the longest bar."""
REASONS = {
    "exact_duplicate": "the same question, options in any order, and the same answer stood before",
    "near_duplicate": "nearly the same words, and the same answer, stood before",
    "leak": "a copy or edited copy of an evaluation item; `dropped.jsonl` shows the pair",
    "evaluation_split": "its id names a split that is kept for evaluation",
    "no_sample_passes": "no reply of the teacher passes the gates; `dropped.jsonl` says which each failed",
    "samples_disagree": "too few replies of the teacher are right: the right one may be luck",
    "second_model_faults": "a second model finds no right reply sound",
    "enough": "as many of its stratum as were wanted stood before",
    "not_asked": "asking was ended before its turn",
    "left_out": "from a source that was to be left out",
    "too_short": "a question of hardly a word",
    "too_long": "more characters than are learnt from",
    "other_script": "too few of its letters are Latin",
    "tells_its_key": "the question says which option is right",
    "no_reasoning": "fewer than two steps of reasoning",
    "no_key": "its answer names none of its options",
    "no_case": "no question with a known answer",
    "wrong_type": "a column of another type",
    "missing": "a column is missing or empty",
    "unknown_layout": "columns of no known layout",
    "bad_json": "no JSON object",
    "bad_encoding": "no UTF-8",
    "wrong_step": "a step that the truth of the case contradicts",
    "wrong": "the reply answers otherwise than the key",
}


def write_card(name: str, counted: Mapping[str, Any], against: Sequence[str], command: str) -> str:
    """A page of Markdown.

    Args:
        name: Of the set.
        counted: What `count` found.
        against: The evaluation sets that it was held against; empty where none was.
        command: That makes it again.
    """
    kept, dropped = counted["kept"], counted["dropped"]
    lines = [
        f"# {name}",
        "",
        f"{kept:,} examples to learn clinical reasoning from: a question, a worked reply, and its answer.",
    ]
    lines += ["", f"Made by `{command}`; `manifest.json` holds versions and hashes.", ""]
    for title in ("kind", "source", "licence", "teacher", "difficulty"):
        lines += _table(title, counted[title], kept)
    lines += ["## Length of question and reply", "", "```text", *_draw(counted["lengths"]), "```", ""]
    total = sum(dropped.values())
    lines += ["## Left out", "", f"{total:,} of {kept + total:,} rows, each in `dropped.jsonl`.", ""]
    if dropped:
        lines += ["| reason | rows | is |", "|---|---:|---|"]
        lines += [
            f"| {reason} | {n:,} | {REASONS.get(reason, 'the judge said so')} |"
            for reason, n in dropped.items()
        ]
        lines.append("")
    lines += ["## Held against evaluation sets", ""]
    if against:
        leaks = counted["leaks"]
        lines += [f"{', '.join(against)}: question by question, edited copies too."]
        found = ", ".join(f"{n:,} of {source}" for source, n in leaks.items())
        lines += [f"Leaks taken out: {found}." if leaks else "No leak was found."]
    else:
        lines += ["None: nothing is known of leaks. Name the folder of the public sets with `--data`."]
    return "\n".join([*lines, ""])


def _table(title: str, counts: Mapping[str, int], kept: int) -> list[str]:
    rows = [
        f"| {name} | {n:,} | {n / kept:.1%} | {_bar(n, max(counts.values()))} |" for name, n in counts.items()
    ]
    return [f"## By {title}", "", f"| {title} | examples | share | |", "|---|---:|---:|---|", *rows, ""]


def _draw(lengths: Sequence[int], n: int = 12) -> list[str]:
    """A histogram of characters."""
    if not lengths:
        return ["nothing"]
    low, high = min(lengths), max(lengths) + 1
    width = max(1, -(-(high - low) // n))
    counts = [0] * n
    for length in lengths:
        counts[(length - low) // width] += 1
    return [
        f"{low + k * width:7,} to {low + (k + 1) * width - 1:7,}  {count:8,}  {_bar(count, max(counts))}"
        for k, count in enumerate(counts)
        if low + k * width < high
    ]


def _bar(n: int, most: int) -> str:
    return "#" * max(int(n > 0), round(BARS * n / max(most, 1)))
