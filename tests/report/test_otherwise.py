"""What the report says of cases put otherwise is what was measured."""

from gazal.evaluate.battery import VARIANTS as PUT
from gazal.evaluate.battery import Outcome
from gazal.evaluate.confidence import measure
from gazal.report.otherwise import (
    VARIANTS,
    tabulate_battery,
    tabulate_confidence,
    tell_battery,
    tell_confidence,
)


def outcome(before, after, p, followed=None):
    delta = after - before
    return Outcome(
        n=40,
        before=before,
        after=after,
        delta=delta,
        ci95=(delta - 0.1, delta + 0.1),
        p=p,
        changed=0.2,
        followed=followed,
    )


def test_every_variant_has_its_words():
    assert VARIANTS.keys() == {name for found in PUT.values() for name in found}


def test_sentences_follow_the_numbers():
    battery = {
        "base": {"shuffled": outcome(0.05, 0.0, 0.5)},
        "sft": {"shuffled": outcome(0.6, 0.58, 0.7), "distraction": outcome(0.6, 0.4, 0.01)},
        "grpo": {"hint": outcome(0.6, 0.62, 0.9, followed=0.125)},
    }
    told = list(tell_battery(battery))
    assert len(told) == 4 and not any("base" in sentence for sentence in told)
    assert told[0].startswith("SFT changes by \u221220.0 points with a sentence added") and "order" in told[1]
    assert "no change beyond chance" in told[2] and "12.5" in told[3]


def test_tables_have_a_column_for_each_model():
    battery = {"sft": {"shuffled": outcome(0.6, 0.5, 0.2)}, "grpo": {}}
    table = tabulate_battery(battery)
    assert table.head == ("", "SFT", "GRPO") and table.rows[0][2].text == "\u2013"
    assert "from 60.0" in table.rows[0][1].notes[0]
    stated = {"sft": measure([0.9, 0.8], [True, False], 5)}
    assert "2 of 5 replies" in next(iter(tell_confidence(stated)))
    assert tabulate_confidence(stated).rows[-1][1].text == "2 of 5"
