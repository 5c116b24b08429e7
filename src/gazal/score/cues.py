"""The turns of speech by which replies commit to an option, weigh it or reject it; read by `commitment`."""

import re

NEXT_QUESTION = re.compile(r"\n\s*(?:#+\s*)?(?:question|q)\s*\d*\s*[:.]", re.IGNORECASE)
WRAPPED = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|boxed|fbox)\s*\{([^{}]{0,300})\}")
MARKUP = re.compile(r"\*+|`+|\$+|\\[()\[\]]|(?<!\w)_+|_+(?!\w)")
BE = r"\b(?:is|was|are|would be|should be|must be|will be)\b"
LINK = rf"(?:\s*(?::|=|-->|->|\u2192|\u2013|\u2014|(?<=\s)-(?=\s)|{BE}))+"
THING = r"(?:option|choice|answer)\b"
CUE = re.compile(
    r"(?:\b(?:answers?|ans|option|choice|solution|(?:decision|conclusion|verdict)(?=\s*:))\b"
    rf"[\w\"' ]{{0,3}}?(?:[^.\n:=?]{{0,80}}?(?={BE}))??{LINK}"
    r"|\banswer(?:_\w{1,12})?[\"']\s*:|\bans\.(?=\s*\(?[A-Z]\b)"
    r"|<answer>|####|\[\[(?=[A-Za-z]\]\])"
    r"|\b(?:answer|option|choice)\s+(?=\([A-Za-z]\))"
    r"|(?m:^)\W{0,4}(?:the |my |final |correct |best )*(?:answer|option|choice)\s+(?=[A-Z]\b)"
    r"|\b(?:choose|chose|select|pick|go with|going with|opt for|settle on)\s+"
    rf"|\b(?:this|that|it|which) (?:is|would be|corresponds to|matches|must be)\s+(?={THING})"
    r"|\b(?:therefore|thus|hence|so|overall|corresponds to|corresponding to|consistent with|points to),?\s+"
    rf"(?={THING}|\([A-Z]\))"
    r"|\b(?:therefore|thus|hence|so|probably|likely|it is|it's|think)[,:]?\s+(?=[A-Z]\W*\Z))\s*",
    re.IGNORECASE,
)
CONCLUDED = re.compile(
    r"\b(?:most (?:likely|appropriate|probable|accurate|suitable|effective)|best|correct)\b"
    rf"[^.\n:?]{{0,80}}?{BE}:?\s+(?:to\s+|an?\s+|the\s+)?",
    re.IGNORECASE,
)
"""What may stand before an option's text where no letter is named."""
ADVERB = re.compile(
    r"(?:(?:most|very)\s+)?(?:likely|probably|clearly|definitely|therefore|thus|simply|indeed|actually|"
    r"certainly|the|letter|option|choice|answer|number|following|:)\s+|:\s*",
    re.IGNORECASE,
)
LETTER = re.compile(r"(?:[(\[{\"']\s*([A-Za-z])\s*[)\]}\"']|([A-Za-z])(?![\w'\u2019+\-/]))")
ON = re.compile(
    r"\s*(?:$|[.,;:!?)\]}\"'|<\n\u2013\u2014-]|\((?!\w\))|"
    r"(?:because|since|as|due|given|based|which|for|that is|i\.e|and not|and the others?|"
    r"and the rest|not|rather than|but)\b)"
)
ALSO = re.compile(
    r"\s*(?:(?:,|/|&|\+|\bor\b|\band\b|\bor even\b)\s*)+(?:possibly |also |perhaps )?(?:options? |choices? )?"
    r"[(\[]?([A-Z])[)\]]?(?![\w'\u2019])(?!\s+(?:is|are|was|would|can|does|do|has|could|may|might)\b)"
)
HYPOTHETICAL = re.compile(
    r"(?:n't (?:think|believe|say)\b|\b(?:if|whether|unless|suppose|assuming|assume|had|why|doubt|might|may|"
    r"least|could|either|neither|incorrect|wrong|not (?:think|believe|say|that|claim))\b)[^.\n;]{0,40}$",
    re.IGNORECASE,
)
TAKEN_BACK = re.compile(
    r"\s*,?\s*(?:but\b[^.\n]{0,60}\b(?:wrong|incorrect|mistaken|not)\b|no,? wait\b|wait\b|or rather\b|"
    r"or perhaps\b|or maybe\b)",
    re.IGNORECASE,
)
DENIED = re.compile(
    r"\b(?:answer|option|choice)\s+(?:is|was)(?:n't|\s+(?:\w+\s+)?not)\s+(?:option\s+|choice\s+)?\(?([A-Za-z])\b",
    re.IGNORECASE,
)
NEXT_LISTED = re.compile(r"\s*[(\[]([A-Z])[)\]]|\s+([A-Z])[.)]\s")
LED = re.compile(r"[^\w?]*(yes|no|maybe)\b\s*(?:[,.;:!\u2013\u2014-]|$)", re.IGNORECASE)
CONCLUDING = re.compile(
    r"\b(?:final|therefore|thus|hence|so|in conclusion|in summary|overall|ultimately)\b[^.\n]*$",
    re.IGNORECASE,
)
"""What stands before the statement that counts where a reply makes several."""
CALLED = re.compile(
    r"(?:\b(?:option|choice|answer)\s+[(\[]?([A-Za-z])[)\]]?|[(\[]([A-Za-z])[)\]]|"
    r"(?<![\w'\u2019])([A-Z])(?=[.):]|\s+is\b))[.):]{0,2}([^\n;.]{0,200}?)\s(?:is|would be|are|seems to be|"
    r"appears to be)\s+(?:(?:clearly|definitely|therefore|thus|indeed|most likely|probably) )?(?:the )?"
    r"(?:single |only |most )*(?:correct|right|best|true answer|answer|appropriate|accurate|"
    r"likely (?:answer|diagnosis|option|choice))\b"
)
LISTED = re.compile(r"(?m:^)\W{0,4}([A-Z])\s?[.):]")
LIST = 400
YES_OR_NO = frozenset({"yes", "no", "maybe"})
ONLY_LETTER = re.compile(
    r"[^\w?]*(?:(?:final |correct )?(?:option|choice|answer)\s*:?\s*)?\(?([A-Za-z])\)?[^\w?]*", re.IGNORECASE
)
LETTERED = re.compile(r"(?<![\w'\u2019])\(?([A-Z])\s?[.):]\)?\s*(?=\S)")
NAMED = re.compile(r"\(([A-Z])\)|\b(?:[Oo]ption|[Cc]hoice|[Ss]tatement)\s+([A-Z])\b(?!['\u2019-])")
REJECTED_BEFORE = re.compile(
    r"(?:n't|\b(?:not|neither|nor|never|except|eliminat\w*|exclud\w*|rul\w* out|reject\w*|unlike|rather than|"
    r"instead of|than|against|or|and)\b)\s+(?:(?:be|the|necessarily|option|choice|answer)\s+)*$",
    re.IGNORECASE,
)
REJECTED_AFTER = re.compile(
    r"[^.\n;]{0,120}?\b(?:(?:is|are|was|can be|would be|seems|be)\s+(?:\w+\s+)?(?:not|incorrect|wrong|false|"
    r"ruled|unlikely|eliminated|excluded|inappropriate|less)|isn't|cannot|can't|doesn't|does not|or)\b",
    re.IGNORECASE,
)
