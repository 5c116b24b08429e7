"""Which option does a reply commit to, whatever its format? For replies that were not asked for a box.

Five ways of saying it are looked for, the plainest first: a box; a sentence or label that calls an option the
answer ("The answer is (B)", "Answer: B. heparin", "C is correct"); a first or last line that is nothing but
an option; the text of an option that is called the most likely, best or correct one; the only option that
the reply names with its letter. The first way that is used decides. Where it names two options the reply has
not committed, and neither has one that only rejects or weighs options. Nothing is guessed: letters inside the
thinking, of other alphabets, or after another question do not count.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping

from gazal.core.case import Case
from gazal.core.chat import ABSTENTION, CLOSE, OPEN, find_boxes
from gazal.core.score import Score
from gazal.core.trace import Trace
from gazal.score.answer import judge_answer
from gazal.score.choice import read_choice

SEVERAL = "several"
_LONGEST = 20_000
"""Characters at the end of a reply that are read: it commits there."""
_NEAR = 48
"""Characters of an option's text that are enough to know it by."""
_NEXT_QUESTION = re.compile(r"\n\s*(?:#+\s*)?(?:question|q)\s*\d*\s*[:.]", re.IGNORECASE)
_WRAPPED = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|boxed|fbox)\s*\{([^{}]{0,300})\}")
_MARKUP = re.compile(r"\*+|`+|\$+|\\[()\[\]]|(?<!\w)_+|_+(?!\w)")
_BE = r"\b(?:is|was|are|would be|should be|must be|will be)\b"
_LINK = rf"(?:\s*(?::|=|-->|->|\u2192|\u2013|\u2014|{_BE}))+"
_THING = r"(?:option|choice|answer)\b"
_CUE = re.compile(
    r"(?:\b(?:answers?|ans|options?|choices?|solution)\b"
    rf"[\w\"' ]{{0,3}}?(?:[^.\n:=?]{{0,80}}?(?={_BE}))??{_LINK}"
    r"|\banswer(?:_\w{1,12})?[\"']\s*:"
    r"|<answer>|####|\[\[(?=[A-Za-z]\]\])"
    r"|\b(?:answer|option|choice)\s+(?=\([A-Za-z]\))"
    r"|(?m:^)\W{0,4}(?:the |my |final |correct |best )*(?:answer|option|choice)\s+(?=[A-Z]\b)"
    r"|\b(?:choose|chose|select|pick|go with|going with|opt for|settle on)\s+"
    rf"|\b(?:this|that|it|which) (?:is|would be|corresponds to|matches|must be)\s+(?={_THING})"
    r"|\b(?:therefore|thus|hence|so|overall|corresponds to|corresponding to|consistent with|points to),?\s+"
    rf"(?={_THING}|\([A-Z]\))"
    r"|\b(?:therefore|thus|hence|so|probably|likely|it is|it's|think)[,:]?\s+(?=[A-Z]\W*\Z))\s*",
    re.IGNORECASE,
)
_CONCLUDED = re.compile(
    r"\b(?:most (?:likely|appropriate|probable|accurate|suitable|effective)|best|correct)\b"
    rf"[^.\n:?]{{0,80}}?{_BE}:?\s+(?:to\s+|an?\s+|the\s+)?",
    re.IGNORECASE,
)
"""What may stand before an option's text where no letter is named."""
_ADVERB = re.compile(
    r"(?:(?:most|very)\s+)?(?:likely|probably|clearly|definitely|therefore|thus|simply|indeed|actually|"
    r"certainly|the|letter|option|choice|answer|number|following|:)\s+|:\s*",
    re.IGNORECASE,
)
_LETTER = re.compile(r"(?:[(\[{\"']\s*([A-Za-z])\s*[)\]}\"']|([A-Za-z])(?![\w'\u2019+\-/]))")
_ON = re.compile(
    r"\s*(?:$|[.,;:!?)\]}\"'|<\n\u2013\u2014-]|\((?!\w\))|"
    r"(?:because|since|as|due|given|based|which|for|that is|i\.e|and not|not|rather than|but)\b)"
)
_ALSO = re.compile(
    r"\s*(?:(?:,|/|&|\+|\bor\b|\band\b|\bor even\b)\s*)+(?:possibly |also |perhaps )?(?:options? |choices? )?"
    r"[(\[]?([A-Z])[)\]]?(?![\w'\u2019])(?!\s+(?:is|are|was|would|can|does|do|has|could|may|might)\b)"
)
_HYPOTHETICAL = re.compile(
    r"(?:n't (?:think|believe|say)\b|\b(?:if|whether|unless|suppose|assuming|assume|had|why|doubt|might|may|"
    r"could|either|neither|incorrect|wrong|not (?:think|believe|say|that|claim))\b)[^.\n;]{0,40}$",
    re.IGNORECASE,
)
_CONCLUDING = re.compile(
    r"\b(?:final|therefore|thus|hence|so|in conclusion|in summary|overall|ultimately)\b[^.\n]*$",
    re.IGNORECASE,
)
"""What stands before the statement that counts where a reply makes several."""
_CALLED = re.compile(
    r"(?:\b(?:option|choice|answer)\s+[(\[]?([A-Za-z])[)\]]?|[(\[]([A-Za-z])[)\]]|"
    r"(?<![\w'\u2019])([A-Z])(?=[.):]|\s+is\b))[.):]{0,2}([^\n;.]{0,200}?)\s(?:is|would be|are|seems to be|"
    r"appears to be)\s+(?:(?:clearly|definitely|therefore|thus|indeed|most likely|probably) )?(?:the )?"
    r"(?:single |only |most )*(?:correct|right|best|true answer|answer|appropriate|accurate|"
    r"likely (?:answer|diagnosis|option|choice))\b"
)
_LISTED = re.compile(r"(?m:^)\W{0,4}([A-Z])\s?[.):]")
_LIST = 400
_ONLY_LETTER = re.compile(
    r"\W*(?:(?:final |correct )?(?:option|choice|answer)\s*:?\s*)?\(?([A-Za-z])\)?\W*", re.IGNORECASE
)
_LETTERED = re.compile(r"(?<![\w'\u2019])\(?([A-Z])\s?[.):]\)?\s*(?=\S)")
_NAMED = re.compile(r"\(([A-Z])\)|\b(?:[Oo]ption|[Cc]hoice|[Ss]tatement)\s+([A-Z])\b(?!['\u2019-])")
_REJECTED_BEFORE = re.compile(
    r"(?:n't|\b(?:not|neither|nor|never|except|eliminat\w*|exclud\w*|rul\w* out|reject\w*|unlike|rather than|"
    r"instead of|than|against|or|and)\b)\s+(?:(?:be|the|necessarily|option|choice|answer)\s+)*$",
    re.IGNORECASE,
)
_REJECTED_AFTER = re.compile(
    r"[^.\n;]{0,120}?\b(?:(?:is|are|was|can be|would be|seems|be)\s+(?:\w+\s+)?(?:not|incorrect|wrong|false|"
    r"ruled|unlikely|eliminated|excluded|inappropriate|less)|isn't|cannot|can't|doesn't|does not|or)\b",
    re.IGNORECASE,
)


def judge_leniently(case: Case, trace: Trace) -> Score:
    """Score the option that a reply commits to in any of the usual ways.

    Returns:
        1.0 ``right``; 0.0 ``abstained``; -1.0 ``wrong``, ``unparsed`` where it commits to none, ``several``,
        or ``truncated`` where it was cut off before it did; None ``engine_error``. Cases without options are
        judged as `judge_answer` does.
    """
    strict = judge_answer(case, trace)
    if not case.options or strict.why in ("right", "wrong", "abstained", "engine_error"):
        return strict
    found = read_commitment(trace.text, case.options)
    if found == ABSTENTION:
        return Score(value=0.0, why="abstained")
    if found in case.options:
        return Score(value=1.0, why="right") if found == case.answer else Score(value=-1.0, why="wrong")
    if trace.stop == "length" and found is None:
        return Score(value=-1.0, why="truncated")
    return Score(value=-1.0, why=found or "unparsed")


def read_commitment(text: str, options: Mapping[str, str]) -> str | None:
    """Find the option that a reply commits to.

    Returns:
        Its letter; `ABSTENTION`; `SEVERAL` where it commits to more than one; None where to none.
    """
    before, closed, after = text.partition(CLOSE)
    if not closed and OPEN in text:
        return None
    said = after if closed else before
    boxes = [read_choice(box, options) for box in find_boxes(said[-_LONGEST:])]
    if named := {choice for choice in boxes if choice}:
        return named.pop() if len(named) == 1 else SEVERAL
    plain = _tidy(said)
    texts = {letter: _fold(option) for letter, option in options.items()}
    for way in (_list_statements, _list_lines, _list_told, _list_mentions):
        found = list(way(plain, texts))
        if found:
            return found[0] if len(set(found)) == 1 else SEVERAL
    return None


def _tidy(said: str) -> str:
    """The end of what was said without markup, up to where the reply goes on to another question."""
    text = unicodedata.normalize("NFKC", said[-_LONGEST:]).replace("\r\n", "\n")
    for _ in range(2):
        text = _WRAPPED.sub(r"\1", text)
    text = _MARKUP.sub("", text).strip()
    following = _NEXT_QUESTION.search(text, 1)
    return text[: following.start()] if following else text


def _fold(option: str) -> str:
    return " ".join(_tidy(option).casefold().split()).rstrip(". ")


def _list_statements(text: str, texts: Mapping[str, str]) -> Iterator[str]:
    """What is called the answer; of several, the last alone where it is called final."""
    found: list[tuple[int, str]] = []
    for cue in _CUE.finditer(text):
        if not _HYPOTHETICAL.search(text[max(0, cue.start() - 60) : cue.start()]):
            found += [
                (cue.start(), choice) for choice in _read_named(text[cue.end() : cue.end() + 700], texts)
            ]
    for called in _CALLED.finditer(text):
        letter = (called[1] or called[2] or called[3]).upper()
        between = called[4]
        rejected = _REJECTED_BEFORE.search(text[max(0, called.start() - 40) : called.start()])
        told = not between.strip(" .):") or _starts_with(between.lstrip(" .):"), texts.get(letter, ""))
        if letter in texts and told and not rejected:
            found.append((called.start(), letter))
    found.sort()
    if found and _CONCLUDING.search(text[max(0, found[-1][0] - 60) : found[-1][0] + 6]):
        found = [entry for entry in found if entry[0] == found[-1][0]]
    yield from (choice for _, choice in found)


def _read_named(rest: str, texts: Mapping[str, str]) -> list[str]:
    """The option that stands first in ``rest``; two where another is set beside it; none if none does."""
    for _ in range(4):
        if skipped := _ADVERB.match(rest):
            rest = rest[skipped.end() :]
    if rest.casefold().startswith(ABSTENTION.casefold()):
        return [ABSTENTION]
    if len(set(_LISTED.findall(rest[:_LIST]))) > 1:
        return []  # "Each option:", and then all of them.
    by_text = _find_text(rest, texts)
    found = _LETTER.match(rest)
    letter = (found[1] or found[2]).upper() if found else ""
    if found is None or letter not in texts:
        return [by_text] if by_text else []
    after = rest[found.end() :]
    wrapped = found[1] is not None
    lettered = re.match(r"\s*[.):,\-\u2013\u2014]?\s*", after)
    told = after[lettered.end() :] if lettered else after
    if not (wrapped or _ON.match(after) or _ALSO.match(after) or _starts_with(told, texts[letter])):
        return [by_text] if by_text else []
    if (found[2] or "").islower() and not re.match(r"\s*(?:$|[.)\n])", after):
        return [by_text] if by_text else []
    other = _find_text(told, texts)
    if other and other != letter and texts[other] != texts[letter] and not _starts_with(told, texts[letter]):
        return [letter, other]  # "B. heparin" where heparin is C.
    also = _ALSO.match(after)
    return [letter, also[1]] if also and also[1] in texts and also[1] != letter else [letter]


def _find_text(rest: str, texts: Mapping[str, str]) -> str | None:
    """The option whose whole text begins ``rest`` and ends a clause there; the longest where several do."""
    folded = " ".join(rest[:700].casefold().split()).lstrip("\"'( ")
    fitting = [
        letter
        for letter, option in texts.items()
        if option and folded.startswith(option) and _ON.match(folded[len(option) :])
    ]
    return max(fitting, key=lambda letter: len(texts[letter]), default=None)


def _starts_with(told: str, option: str) -> bool:
    """Whether words that follow a letter are those of its option, as far as both go."""
    folded = " ".join(told[: _NEAR * 4].casefold().split()).lstrip("\"'( ")
    near = option[:_NEAR]
    return bool(near) and folded.startswith(near)


def _list_lines(text: str, texts: Mapping[str, str]) -> Iterator[str]:
    """A first or last line that is nothing but an option, where no other line is."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    whole = [_read_line(line, texts) for line in lines[:200]] if len(lines) <= 200 else []
    if any(whole) and (whole[0] or whole[-1]):
        yield from (choice for choice in whole if choice)


def _read_line(line: str, texts: Mapping[str, str]) -> str | None:
    only = _ONLY_LETTER.fullmatch(line)
    if only and (only[1].isupper() or "(" in line or len(line) <= 2) and only[1].upper() in texts:
        return only[1].upper()
    lettered = _LETTERED.match(line)
    if lettered and lettered[1] in texts and _starts_with(line[lettered.end() :], texts[lettered[1]]):
        return lettered[1]
    folded = " ".join(line.casefold().split()).rstrip(". ")
    same = [letter for letter, option in texts.items() if option == folded]
    if len(same) == 1:
        return same[0]
    return ABSTENTION if folded == ABSTENTION.casefold() else None


def _list_told(text: str, texts: Mapping[str, str]) -> Iterator[str]:
    """An option's text in a sentence that calls it the most likely, the best or the correct one."""
    for cue in _CONCLUDED.finditer(text):
        named = _find_text(text[cue.end() : cue.end() + 700], texts)
        if named and not _HYPOTHETICAL.search(text[max(0, cue.start() - 60) : cue.start()]):
            yield named


def _list_mentions(text: str, texts: Mapping[str, str]) -> Iterator[str]:
    """Every option that is named with its letter; one that is rejected makes it no commitment at all."""
    for pattern in (_NAMED, _LETTERED):
        for found in pattern.finditer(text):
            letter = next(group for group in found.groups() if group)
            lettered = pattern is _LETTERED
            if letter not in texts or (lettered and not _starts_with(text[found.end() :], texts[letter])):
                continue
            after = text[found.end() :]
            if lettered:
                after = after[len(texts[letter]) :]
            rejected = _REJECTED_BEFORE.search(text[max(0, found.start() - 40) : found.start()])
            if rejected or _REJECTED_AFTER.match(after[:200]):
                yield from (letter, SEVERAL)
            yield letter
