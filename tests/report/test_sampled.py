"""What the report says of altered reasoning and of several replies is what was measured."""

from gazal.evaluate.compare import Paired
from gazal.evaluate.reasoning import WHOLE, Outcome, alter
from gazal.evaluate.samples import Sampled, Share
from gazal.report.numbers import Asked
from gazal.report.sampled import ALTERED, tabulate_reasoning, tabulate_samples, tell_reasoning
from gazal.report.tables import tabulate_paired


def outcome(same, followed=None):
    return Outcome(n=40, same=same, ci95=(same - 0.1, same + 0.1), right=0.5, followed=followed)


def test_every_alteration_has_its_row():
    from gazal.evaluate.reasoning import ALTERATIONS

    assert set(ALTERED) == {WHOLE, "swapped", *ALTERATIONS} and alter([], []) == []


def test_a_model_without_a_reply_to_alter_has_dashes():
    found = {
        "sft": {WHOLE: outcome(1.0), "no_steps": outcome(0.4), "corrupted": outcome(0.3, 0.6)},
        "grpo": {},
    }
    table = tabulate_reasoning(found)
    assert table.head == ("", "SFT", "GRPO") and len(table.rows) == 3
    assert table.rows[-1][1].notes[-1] == "the option written in: 60.0\u00a0%"
    assert all(row[2].text == "\u2013" for row in table.rows)
    (told,) = tell_reasoning(found)
    assert "same answer without any step in 40.0" in told and "that option in 60.0" in told


def test_samples_have_a_row_for_each_way_to_count():
    share = Share(value=0.5, ci95=(0.4, 0.6))
    sampled = Sampled(
        n=9, k=4, mean=share, majority=None, passed={1: share, 2: share, 4: share}, agreement=None
    )
    table = tabulate_samples({"sft": sampled})
    assert [row[0].text for row in table.rows][2:] == ["The best of 2", "The best of 4"]
    assert table.rows[1][1].text == "\u2013" and "4 replies to each of 9 cases" in table.caption


def test_p_is_shown_corrected_with_the_plain_one_in_brackets():
    counted = {"n": 9, "delta": 0.1, "ci95": (0.0, 0.2), "only_a": 1, "only_b": 2}
    pair = Paired(a="sft", b="grpo", suite="world", p=0.02, p_holm=0.06, **counted)
    (row,) = tabulate_paired(Asked(n=9, of=None, limit=None), [pair], "x").rows
    assert row[3].text == "0.060" and row[3].notes == ("(0.020)",)
