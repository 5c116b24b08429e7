"""What examiners wrote below a MedMCQA key, cleaned, or dropped for a reason that is counted.

Many of these notes name the key first, cite books, lean on a picture that is not there, or have lost letters
and line breaks on their way into the file. What can be told apart by its form is taken out; a note that still
carries damage is dropped, not mended.
"""

import re
from functools import lru_cache

from gazal.cases.sentences import LEAST_LENGTH, Dropped, space_out, split_sentences, tidy
from gazal.core.case import Case

_NAMED = r"[\s:.=\-]*(?:is|are)?[\s:.=\-]*(?:option\b\s*)?['\"(\[]*"
_LETTER = r"(?:([A-D])(?![\w+%])(?!-\d)|([a-d])(?=\s*['\").,:\]-]|\s+i\.?\s?e|\s*$))"
_PREFIX = re.compile(
    rf"\s*(?i:answers?|ans|correct\s+(?:answer|option)|key){_NAMED}{_LETTER}['\")\],.:;\s\-]*(?:i\.?\s?e\b[.,:\s]*)?"
)
_BARE = re.compile(
    r"\s*(?:\(([A-Da-d])\)|['\"]([A-Da-d])['\"]|([A-D])[.):]|([A-D])(?=\s+i\.?e\b))[\s:.\-]*(?:i\.?\s?e\b[.,:\s]*)?"
)
_MORE = re.compile(r"['\")\].]*\s*(?:and|or|&|,|/|\+)\s*['\"(\[]*(?:[A-D](?!\w)|[a-d](?=['\").,:\]]|\s*$))")
_CLAIM = re.compile(
    rf"\b(?i:answer|ans|correct\s+(?:option|choice)|right\s+(?:option|choice|answer)){_NAMED}{_LETTER}"
    r"|\b(?i:option|choice)\s*['\"(]*([A-Da-d])['\")]*\s*(?i:is|being)\s+(?i:the\s+)?(?i:answer|correct|right)\b"
)
_SAYS = re.compile(
    r"\b(?:answer|ans|diagnosis|choice)\b[^.\n]{0,30}?\b(?:is|are|be)\b[\s:.\-\"'(]*(?:option\s+)?"
    r"(?:[a-d][.)\]:,\s]+)?(?:i\.?e\.?,?\s+)?(?:the |an? )?",
    re.IGNORECASE,
)
_CITES = re.compile(
    r"\b(?:ref(?:erences?|e)?|source\s*:|https?:|www\.|edn?|edition|pp?(?!450\b)\d{3,}|"
    r"pp?(?:g|age)?[\s.:]*(?:no[\s.:]*)?(?<!p)\d{2,}|"
    r"pages?|pg|text\s?book|et al|harrison(?:'?s)?|nelson|bailey|guyton|ganong|robbins|park'?s?|kdt|sabiston|"
    r"dutta|obs|schwar?t?z(?:'?s)?|ghai|chapter|vol)\b|\d\s?(?:st|nd|rd|th)?\s?/\s?e\b",
    re.IGNORECASE,
)
_BRACKETS = re.compile(r"\s*[(\[][^()\[\]\n]*[)\]]")
_PICTURE = re.compile(
    r"\b(?:images?|pictures?|photo(?:graph|micrograph)?s?|figures?|fig|diagrams?|arrows?|marked|labell?ed|"
    r"illustrations?|shown (?:below|above|here|in the)|given (?:below|x-?ray|ecg|ct|graph|slide|specimen)|"
    r"(?:below|following) (?:x-?ray|ecg|ct|mri|graph|slide|table|instrument)|identify (?:the|this)|"
    r"(?:ecg|x-?ray|ct|mri|scan|graph) (?:was|is) (?:done|given|shown)|"
    r"findings (?:was|were|are) (?:seen|shown|given)|following \w+ findings)\b|<img|^\s*this\b",
    re.IGNORECASE,
)
_ELSEWHERE = re.compile(
    r"\b(?:previous|above|earlier) (?:explanation|question|session)|\bsee (?:explanation|above|below|table)|"
    r"\b(?:discussed|explained|already|given|mentioned|table|chart) (?:above|below|earlier|previously)|"
    r"\b(?:friends|dear|AIIMS|AIPG|PGI|NEET|DNB)\b|\bQ\.? ?(?:no\.? ?)?\d|"
    r"\b(?:my|I'm|I (?:am|have|had|think|would|will|was|feel))\b|\btable\b|\bflow ?chart\b",
    re.IGNORECASE,
)
_GLUED = re.compile(
    r"[a-z]{3}[A-Z][a-z]{2}|[a-z]{4}\d+-\d|\d[A-Z][a-z]{3}|\)[A-Z][a-z]|[a-z]\([A-Z][a-z]{3,} [a-z]+ [a-z]+|"
    r"/e[A-Z]|[A-Z]\d(?:st|nd|rd|th)\b|\b[A-Z]{3,}(?!s\b|ase)[a-z]{3}|[a-z]{3}\)?\.[a-z]{2}|"
    r"[a-z)] a [A-Z][a-z]+(?:s|ing|ed) |"
    r"[a-z] (?:This|It|These|They|The|Here|There|Thus|Hence|Therefore|Other|However|But|If|In) [a-z]"
)
_LOST = re.compile(
    r"hea|heaburn|heabeat|aery|aeries|aerial|aeriol\w+|\w*aeritis|aeriosus|bihs?|stillbihs?|impoan\w+|"
    r"(?:anti)?hypeens\w+|hypeon\w+|hypeh\w+|hyperoph\w+|sta|staed|staing|stas|sho|shoer|sholy|shoness|shoen\w*|"
    r"moality|\w*moem|inse|inses|inseed|inseions?|\w*ahr(?:iti|opl|opa|osc|ogr|alg)\w+|ahrodesis|pube[ya]\w*|fuher|aboions?|aoic|aoo\w+|"
    r"(?:un)?ceain\w*|ceif\w+|suppo(?:s|ed|ive|ing)?|(?:in)?feil\w+|transpo(?:s|er|ers|ed|ing|ation)?|\w*veebra\w*|"
    r"\w*coic\w+|coex|\w*cois\w+|\w*cailag\w*|paic[iu]\w+|paicles?|\w+paum|paial\w*|paly|(?:pro)?poions?\w*|"
    r"conve(?:s|ed|ing)?|repo(?:s|ed|ing)?|veigo|veical|veex|poal|aicul\w+|aicles?|depaments?|compaments?|"
    r"(?:dis)?comfo|\w*comfoab\w+|\w+saan|expes?|propey|propeies|aspa(?:ate|ic)|hamaoma\w*|aifi?c\w+|aifacts?|uicar\w+|"
    r"viual\w*|effos?|diveicul\w+|peussis|teiary|\w*quailes?|oho(?:p|s|d)\w+|exe(?:s|ed|ion\w*)?|thiy|undeak\w+|"
    r"fouh|cohos?|paners?|seraline|chlohal\w+|(?:in|retro|e)veed|dysahr\w+|endaer\w+|sympo|sympoer|"
    r"quaer\w*|unfou\w+|paurition|viue|oppounity|distoed|assoment|poable|hypehermia|inea|depaure|shoage|"
    r"adve[ie]\w+|touous|mo[a]lity|aesun\w+|baonella|weheim|alpo",
    re.IGNORECASE,
)
_DASHES = re.compile(r"\s-+\s?|(?<=[A-Za-z)])-\s")
_MOST_DASHES, _MOST_CAPITALS = 3, 0.25
_CAPITAL_WORD = re.compile(r"(?<=[a-z0-9),;%] )[A-Z][a-z]{2,}")
_GRAMMAR = frozenset(
    {"this", "that", "with", "from", "which", "following", "true", "false", "most", "none", "above"}
)


def clean_note(case: Case, text: str) -> list[str]:
    """The sentences of an examiner's note that explain the key of its case.

    Raises:
        Dropped: With the reason, where the note cannot be used.
    """
    if any(map(_lost_letters, set(re.findall(r"[a-z]{3,}", text.casefold())))):
        raise Dropped("lost_letters")
    if _PICTURE.search(case.question) or _PICTURE.search(text):
        raise Dropped("needs_picture")
    text = _BRACKETS.sub(lambda found: "" if _CITES.search(found[0]) else found[0], tidy(text))
    text = _drop_prefix(case, text)
    if _claims_another(case, text):
        raise Dropped("names_another_option")
    if _ELSEWHERE.search(text):
        raise Dropped("refers_elsewhere")
    found = split_sentences(text)
    if _GLUED.search(text) or any(map(_is_table, found)):
        raise Dropped("lost_line_breaks")
    sentences = list(dict.fromkeys(sentence for sentence in found if not _CITES.search(sentence)))
    if found and not sentences:
        raise Dropped("only_a_reference")
    sentences = _drop_cut_end(sentences)
    if len(" ".join(sentences)) >= LEAST_LENGTH and not _mentions(case, " ".join(sentences)):
        raise Dropped("no_option_mentioned")
    return sentences


def _drop_prefix(case: Case, text: str) -> str:
    """Take "Ans. is (b) i.e., Heparin" off the front; it must agree with the key."""
    if found := _PREFIX.match(text):
        letter = (found[1] or found[2]).upper()
    elif found := _BARE.match(text):
        letter = next(group for group in found.groups() if group).upper()
        if not _starts_with(text[found.end() :], case.options[letter]):
            return text
    else:
        return text
    rest = text[found.end() :]
    if letter != case.answer:
        raise Dropped("names_another_option")
    if _MORE.match(text, max(found.span(group)[1] for group in range(1, found.re.groups + 1))):
        raise Dropped("names_several_options")
    if rest.startswith("(") and _starts_with(rest[1:], case.options[letter]):
        rest = rest[1:]
    if _starts_with(rest, case.options[letter]):
        return _drop_option(rest, case.options[letter])
    if any(len(option) > 3 and _starts_with(rest, option) for option in case.options.values()):
        raise Dropped("names_another_option")
    return rest


def _starts_with(text: str, option: str) -> bool:
    return text.casefold().startswith(_plain(option).casefold())


def _drop_option(text: str, option: str) -> str:
    """Take the option's text off where it stands as a heading, not where it begins a sentence."""
    rest = text[len(_plain(option)) :]
    return rest.lstrip(" '\".,;:)]-*\n") if re.match(r"\s*(?:$|['\".,;:)\]\-(*\n]|[A-Z])", rest) else text


@lru_cache(maxsize=1 << 16)
def _lost_letters(word: str) -> bool:
    """Whether this is a word without its "rt", as many are in this file: hea, impoant, veebra."""
    return _LOST.fullmatch(word) is not None


def _claims_another(case: Case, text: str) -> bool:
    """Whether the text says that the answer is another letter, or the words of another option."""
    if any((claim[1] or claim[2] or claim[3]).upper() != case.answer for claim in _CLAIM.finditer(text)):
        return True
    said = [text[claim.end() : claim.end() + 300] for claim in _SAYS.finditer(text)]
    right = case.options[case.answer]
    others = [option for letter, option in case.options.items() if letter != case.answer]
    return any(
        _starts_with(words, option) and not _starts_with(words, right) for words in said for option in others
    )


def _is_table(sentence: str) -> bool:
    """Whether rows of a table or items of a list stand run together in what should be a sentence."""
    n_words, n_capitals = len(sentence.split()), len(_CAPITAL_WORD.findall(sentence))
    return len(_DASHES.findall(sentence)) > _MOST_DASHES or (
        n_words > 12 and n_capitals > _MOST_CAPITALS * n_words
    )


def _drop_cut_end(sentences: list[str]) -> list[str]:
    """Leave out a last sentence that breaks off, as notes longer than their field do."""
    whole = [bool(re.search(r"[.!?][\"')\]]*$", sentence)) for sentence in sentences]
    return sentences[:-1] if sum(whole) >= 2 and not whole[-1] else sentences


def _mentions(case: Case, text: str) -> bool:
    """Whether a telling word of the keyed option, or of two others, stands in the text."""
    words = set(re.findall(r"\w+", text.casefold()))
    named = {letter: _telling(option) for letter, option in case.options.items()}
    hit = {letter for letter, telling in named.items() if telling & words}
    return case.answer in hit or len(hit) >= 2


def _telling(option: str) -> set[str]:
    words = re.findall(r"\w+", _plain(option).casefold())
    return {word for word in words if len(word) > 3 and word not in _GRAMMAR} or set(words)


def _plain(option: str) -> str:
    return space_out(" ".join(option.split())).rstrip(" .")
