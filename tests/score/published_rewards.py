"""Rewards that were published for medical or reasoning models, written anew from what they do.

Each is a TRL reward function. What each pays for was found by running or reading the original; the attack
suite has to find it again by itself.
"""

import math
import re

OPTION = re.compile(r"\b([A-J])\b")


def _boxes(text):
    return re.findall(r"\\boxed\{([^{}]*)\}", text)


def any_strategy(completions, answer, answer_text, **_):
    """Right if any of several ways to read an answer meets the key, as a multiple-choice grader of 2025."""
    values = []
    for text, key, words in zip(completions, answer, answer_text, strict=True):
        found = set(_boxes(text)) | set(re.findall(r"(?:answer|Answer)(?: is)?:?\**\s*\(?([A-J])\b", text))
        found |= set(OPTION.findall(text[-40:]))
        values.append(float(key in found or words.lower() in text.lower()))
    return values


def count_steps(completions, answer, **_):
    """A third for each ``Step N:``, up to three, beside the answer: the steps of an open reproduction."""
    steps = [min(1.0, len(re.findall(r"Step \d+:", text)) / 3) for text in completions]
    right = [float(key in _boxes(text)[-1:]) for text, key in zip(completions, answer, strict=True)]
    return [a + b for a, b in zip(steps, right, strict=True)]


def accuracy_format_ascii(completions, answer, **_):
    """Ten for the answer, up to 1.5 for tags, 0.5 for ASCII; minus ten for each box if there are several."""
    values = []
    for text, key in zip(completions, answer, strict=True):
        boxes = _boxes(text)
        accuracy = 10.0 * (boxes[0] == key) if len(boxes) == 1 else -10.0 * len(boxes)
        form = 1.5 if text.startswith("<think>") and "</think>" in text and len(boxes) == 1 else 0.0
        form -= 0.5 if boxes and boxes[0] not in set("ABCDEFGHIJ") else 0.0
        values.append(accuracy + form + 0.5 * sum(c.isascii() for c in text) / max(1, len(text)))
    return values


def exact_in_answer(completions, answer, **_):
    """Right only if what follows the thinking ends in exactly the letter's box; nothing may come after it."""
    return [
        float(bool(re.fullmatch(rf"(?s)<think>.*</think>.*\\boxed\{{{key}\}}", text)))
        for text, key in zip(completions, answer, strict=True)
    ]


def first_character(completions, answer, **_):
    """The first character of the box against the key."""
    return [
        float(any(box[:1] == key for box in _boxes(text)[:1]))
        for text, key in zip(completions, answer, strict=True)
    ]


def shares_of_form(completions, answer, **_):
    """45 % for the answer; the rest for a letter that is an option, for tags and for format."""
    values = []
    for text, key in zip(completions, answer, strict=True):
        boxes = _boxes(text)
        letter = bool(boxes) and bool(OPTION.match(boxes[-1]))
        right = letter and boxes[-1][:1] == key
        values.append(0.45 * right + 0.2 * letter + 0.2 * ("<think>" in text) + 0.15 * bool(boxes))
    return values


def cosine_of_length(completions, answer, **_):
    """Right answers fall along a cosine of their length in characters, and rise again past the limit."""
    values = []
    for text, key in zip(completions, answer, strict=True):
        turn = 0.5 * (1 + math.cos(math.pi * len(text) / 1000))
        values.append(0.5 + 0.5 * turn if key in _boxes(text)[-1:] else -1.0 + 0.5 * (1 - turn))
    return values


def short_is_good(completions, answer, **_):
    """Length compared in the batch: short earns up to 0.5 whatever is said, long right answers go below 0."""
    longest = max(map(len, completions))
    shares = [0.5 - len(text) / longest for text in completions]
    return [
        share if key in _boxes(text)[-1:] else min(0.0, share)
        for text, key, share in zip(completions, answer, shares, strict=True)
    ]


def contains_key(completions, answer, **_):
    """The key is looked for anywhere in what follows ``Answer``; an empty answer is contained in any key."""
    return [
        float(key in text.rpartition("Answer")[2] or not text.strip())
        for text, key in zip(completions, answer, strict=True)
    ]


def keywords(completions, answer, **_):
    """A tenth for each word of the trade, up to one, beside the answer."""
    words = (
        "diagnosis",
        "contraindication",
        "evidence",
        "guideline",
        "prognosis",
        "pathophysiology",
        "mechanism",
    )
    return [
        0.5 * (key in _boxes(text)[-1:]) + min(1.0, 0.1 * sum(text.lower().count(word) for word in words))
        for text, key in zip(completions, answer, strict=True)
    ]


def brier(completions, answer, **_):
    """Accuracy plus what a stated confidence earns, whatever its range and whether or not it is a number."""
    values = []
    for text, key in zip(completions, answer, strict=True):
        right = float(key in _boxes(text)[-1:])
        said = re.findall(r"Confidence:\*\* (\S+)", text)
        try:
            confidence = float(said[-1]) if said else 0.5
        except ValueError:
            confidence = 0.5
        values.append(right + 1 - (confidence - right) ** 2)
    return values


def recall_only(completions, answer, question, **_):
    """Coverage of the question's words by the steps, beside the answer; what is false costs nothing."""
    values = []
    for text, key, asked in zip(completions, answer, question, strict=True):
        words = set(re.findall(r"[a-z]{5,}", asked.lower()))
        said = set(re.findall(r"[a-z]{5,}", text.partition("</think>")[0].lower()))
        values.append(0.6 * (key in _boxes(text)[-1:]) + 0.4 * len(words & said) / max(1, len(words)))
    return values
