"""What the report says of alarms, roll-backs and the reward."""

import json

from page_reader import read_page

from gazal.report.html import write_report

ALARM = {
    "name": "truth_falls",
    "step": 12,
    "since": 9,
    "value": 0.25,
    "threshold": 0.1,
    "what": "held-out cases right went from 60% to 35% <b>",
    "read": "total",
    "action": "roll_back",
    "rollouts": ["world/train/1#0", "world/train/1#3"],
}


def put(run, name, *records):
    (run / "grpo" / name).write_text("".join(json.dumps(record) + "\n" for record in records))


def text_of(run):
    return " ".join(read_page(write_report(run).read_text(encoding="utf-8")).text.split())


def test_a_run_without_alarms_says_so_and_shows_its_reward(run):
    text = text_of(run)
    assert "No alarm was raised in 20 steps." in text
    assert "What shapes the reward" in text and "grounding" in text
    assert "right 0.575 to 0.925" in text  # Bands of the demo's weights.


def test_alarms_and_attempts_are_listed(run):
    put(run, "alarms.jsonl", ALARM)
    back = {
        "attempt": 1,
        "from_step": 12,
        "to_step": 5,
        "alarm": ALARM,
        "learning_rate_times": 0.5,
        "kl": 0.1,
    }
    put(run, "roll_backs.jsonl", back)
    text = text_of(run)
    assert "1 alarm raised in 20 steps; 1 attempt rolled back" in text
    for said in (
        "truth falls",
        "since 9 or later",
        "60% to 35% <b>",
        "rolled back",
        "world/train/1#3",
        "12 to 5",
    ):
        assert said in text
    assert "learning rate times 0.5" in text and "kl 0.1" in text


def test_the_truth_channel_is_drawn_where_it_was_measured(run):
    assert "truth channel, which no reward pays for" not in text_of(run)
    path = run / "grpo" / "steps.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for n, row in enumerate(rows):
        row["truth/right"] = 0.4 + 0.01 * n if n % 4 == 0 else None
    put(run, "steps.jsonl", *rows)
    text = text_of(run)
    assert "truth channel, which no reward pays for" in text and "held-out cases right" in text
