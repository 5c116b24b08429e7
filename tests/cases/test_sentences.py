import pytest

from gazal.cases.sentences import LONGEST_STEP, MOST_STEPS, Dropped, make_steps, split_sentences, tidy


@pytest.mark.parametrize(
    "text",
    [
        "Use e.g. Heparin here.",
        "Compare type I vs. Type II here.",
        "Dr. Koch found it.",
        "A dose of 0.5 mg is safe.",
        "Infection with E. Coli is common.",
        "Cells (i.e. Neurons) die.",
        "Smith et al. Wrote it.",
        "Give no. 5 of them.",
        "It is approx. 7 days.",
    ],
)
def test_an_abbreviation_ends_no_sentence(text):
    assert split_sentences(text) == [text]


def test_sentences_end_at_stops_and_lines_and_lose_their_labels():
    text = 'It helps. Does it? "Yes!" 5 of them agree.\n1. First item\n(ii) Second item\n- Third.'
    assert split_sentences(text) == [
        "It helps.",
        "Does it?",
        '"Yes!"',
        "5 of them agree.",
        "First item",
        "Second item",
        "Third.",
    ]


def test_a_number_at_the_start_of_a_sentence_is_no_label():
    assert split_sentences("12 patients died. 3.5 mg was given.") == [
        "12 patients died.",
        "3.5 mg was given.",
    ]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("<p>p &lt; 0.05</p><br/>a<sub>2</sub>", "p < 0.05\na\n2"),
        ("\ufb01ne\u00a0\u201cword\u201d \u2013 it\u2019s\u200b", 'fine "word" - it\'s'),
        ("Heals.Then it scars ,as seen.", "Heals. Then it scars, as seen."),
        ("1,000 of 2.5 at 10:30", "1,000 of 2.5 at 10:30"),
        ("in RNA.Heparin ( a drug )", "in RNA. Heparin (a drug)"),
        ("\u2751 one \u2751 two* Three", "one\ntwo\nThree"),
        ("<5 mg and >3 mg", "<5 mg and >3 mg"),
        ("it rises --> it falls", "it rises -> it falls"),
    ],
)
def test_characters_are_put_in_order(text, plain):
    assert tidy(text) == plain


@pytest.mark.parametrize(
    "text", ["a \ufffd b", "a | b", r"\boxed{A}", "**x**", "37\u4e2d", "20-24?C", "a __ b", "\x07"]
)
def test_what_no_plain_text_holds_is_dropped(text):
    with pytest.raises(Dropped, match="odd_characters"):
        tidy(text)


def test_steps_join_headings_items_and_short_sentences():
    sentences = [
        "Features include:",
        "fever",
        "a rash on both arms and legs",
        "Clinical signs of the disease are many and they vary.",
        "No.",
    ]
    assert make_steps(sentences) == [
        "Features include: fever; a rash on both arms and legs.",
        "Clinical signs of the disease are many and they vary. No.",
    ]


def test_there_are_never_too_many_steps_and_no_word_is_lost():
    sentences = [
        f"Sentence number {n} is of about this length, or {'very ' * (n % 4)}near." for n in range(17)
    ]
    steps = make_steps(sentences)
    assert len(steps) == MOST_STEPS
    assert " ".join(steps) == " ".join(sentences)
    assert max(map(len, steps)) < 3 * min(map(len, steps))


@pytest.mark.parametrize(
    ("sentences", "reason"),
    [
        ([], "too_short"),
        (["It is so by definition."], "too_short"),
        (["This sentence has about fifty characters, or so."] * 40, "too_long"),
        (["word " * (LONGEST_STEP // 5 + 1)], "run_on"),
        (["1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20"], "no_words"),
    ],
)
def test_what_makes_no_steps_is_dropped_with_its_reason(sentences, reason):
    with pytest.raises(Dropped, match=reason):
        make_steps(sentences)


def test_a_heading_is_told_from_an_item():
    sentence = "It is an inherited disorder of transport."
    assert make_steps(["Cystinuria", sentence]) == [f"Cystinuria. {sentence}"]
    heading = "The signs of this disorder in a small child are these:"
    assert make_steps([heading, sentence]) == [f"{heading} {sentence}"]
