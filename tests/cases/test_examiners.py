import pytest

from gazal.cases.examiners import clean_note
from gazal.cases.sentences import Dropped
from gazal.core.case import Case

OPTIONS = {"A": "Aspirin", "B": "Heparin sodium", "C": "Iron", "D": "None of the above"}
BODY = "Heparin sodium acts at once and is given into a vein."


def make_case(answer: str = "B", question: str = "Which drug acts first?") -> Case:
    return Case(id="s/train/1", kind="exam", question=question, options=OPTIONS, answer=answer, licence="MIT")


@pytest.mark.parametrize(
    "prefix",
    [
        "Ans. is (b) i.e., Heparin sodium ",
        "Ans: B. ",
        "Ans-b. ",
        "Answer is (b) ",
        "Answer- B. Heparin sodium",
        "Ans. B. Heparin sodium(Ref: Harrison 18/e p364) ",
        "ANSWER: B) ",
        "Correct answer is B: ",
        "Correct option: 'b' ",
        "(b) Heparin sodium - ",
        "B. Heparin sodium\n",
        "B i.e. Heparin sodium: ",
        "Explanation: ",
        "",
    ],
)
def test_a_prefix_that_agrees_is_taken_off(prefix):
    assert clean_note(make_case(), prefix + BODY) == [BODY]


@pytest.mark.parametrize("right", "ABCD")
@pytest.mark.parametrize("said", "ABCD")
@pytest.mark.parametrize(
    "text",
    [
        "Ans. is ({lower}). It acts at once and is given into a vein, as Aspirin and Iron are not.",
        "Ans {said} It acts at once and is given into a vein, as Aspirin and Iron are not.",
        "It acts at once, as Aspirin and Iron do not. Hence the answer is {said}.",
        "It acts at once, as Aspirin and Iron do not. So option {said} is correct.",
        "{said}. {option}, for Aspirin and Iron do not act at once but take some time.",
        "Aspirin and Iron take some time, so the best answer is {option}.",
    ],
)
def test_a_note_for_another_option_is_dropped(text, said, right):
    note = text.format(said=said, lower=said.lower(), option=OPTIONS[said])
    if said == right:
        assert clean_note(make_case(right), note)
    else:
        with pytest.raises(Dropped, match="names_another_option"):
            clean_note(make_case(right), note)


def test_an_article_is_no_letter():
    note = "The answer is a drug that acts at once. " + BODY
    assert len(clean_note(make_case(), note)) == 2
    assert clean_note(make_case(), "A vein takes it. " + BODY)[0] == "A vein takes it."


def test_a_list_of_the_options_is_no_claim():
    note = "Option A: Aspirin acts late and is swallowed. Option B: Heparin sodium acts at once."
    assert len(clean_note(make_case(), note)) == 2


@pytest.mark.parametrize(
    ("note", "reason"),
    [
        ("Ans. B and C. " + BODY, "names_several_options"),
        ("Ans. B, C " + BODY, "names_several_options"),
        ("Ans. (b) Aspirin. It acts at once, as Heparin sodium does not.", "names_another_option"),
        ("Ref: Harrison 18th edition page 234", "only_a_reference"),
        ("(Ref: Guyton 23/e p653) Robbins 9th ed p 75", "only_a_reference"),
        ("As the image shows, " + BODY, "needs_picture"),
        ("See explanation above. " + BODY, "refers_elsewhere"),
        ("This impoant drug is used. " + BODY, "lost_letters"),
        ("It dissolves a clot in the aery. " + BODY, "lost_letters"),
        ("Given in thrombosisHeparin sodium acts at once and is given.", "lost_line_breaks"),
        ("Action - At once - Route - Vein - Dose - Heparin sodium - Low", "lost_line_breaks"),
        ("The vessel is open This is why a clot does not form in it.", "lost_line_breaks"),
        (
            "Drug Action Route Rapid Vein Late Mouth Clot Dose Blood Heparin sodium Unit Test",
            "lost_line_breaks",
        ),
        ("A text about bones that has no bearing on the matter at all.", "no_option_mentioned"),
        ("It acts at once \ufffd and is given into a vein.", "odd_characters"),
    ],
)
def test_a_note_that_cannot_be_used_is_dropped_with_its_reason(note, reason):
    with pytest.raises(Dropped, match=reason):
        clean_note(make_case(), note)


@pytest.mark.parametrize(
    "question",
    [
        "The image shows?",
        "Identify the drug in the picture",
        "This drug is?",
        "A man falls. X-ray was done. Next?",
    ],
)
def test_a_question_about_a_picture_is_dropped(question):
    with pytest.raises(Dropped, match="needs_picture"):
        clean_note(make_case(question=question), BODY)


@pytest.mark.parametrize(
    "word", ["support", "comfort", "department", "start", "important", "imaging", "preferred"]
)
def test_words_that_are_whole_are_left_alone(word):
    assert clean_note(make_case(), f"It is of {word} here. {BODY}")[1] == BODY


def test_citations_go_and_the_rest_stays():
    note = f"{BODY} (Ref: Nelson 19/e p. 12)\nIt is fast (within minutes).\nHarrison 18th ed p 123\n{BODY}"
    assert clean_note(make_case(), note) == [BODY, "It is fast (within minutes)."]


def test_an_end_that_breaks_off_is_left_out():
    assert clean_note(make_case(), f"{BODY} It is fast. And it is also in use for the") == [
        BODY,
        "It is fast.",
    ]
    assert clean_note(make_case(), f"{BODY}\nlow cost\nfast action")[1:] == ["low cost", "fast action"]
