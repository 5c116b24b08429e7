"""Which cases are asked, which groups are kept, and that nothing of it is lost from the accounts."""

import copy
from collections import Counter
from dataclasses import replace

import pytest
from small import CASES, grpo_config, make_case, make_tokenizer, solve

from gazal.core.case import Case
from gazal.core.score import Score
from gazal.engine.scripted import ScriptedEngine
from gazal.train.asking import Asked, CaseStream, ask, find_advantages, has_signal
from gazal.train.seen import describe, write_records

MANY = [make_case(number) for number in range(12)]
NOTHING_BUT_THE_ANSWER = {"format": 0.0, "length": 0.0, "repetition": 0.0, "grounding": 0.0}


def script(kinds: dict[str, str]):
    """Replies by case id: all right, all wrong, mixed, or a right one that is cut off among wrong ones."""
    cases = {case.id: case for case in MANY}

    def reply(request) -> str:
        case, kind = cases[request.case_id], kinds.get(request.case_id, "mixed")
        first = request.sample == 0
        text = solve(case, "A" if kind == "right" or (kind == "mixed" and first) else "B").text
        return "It may be this. " * 40 + text if kind == "long" and first else text

    return ScriptedEngine(reply, make_tokenizer())


def ask_for(config, kinds: dict[str, str], stream: CaseStream | None = None) -> Asked:
    engine = script(kinds)
    return ask(
        (stream or CaseStream(MANY, 0)).draw, lambda asked: engine.generate(asked, config.sampling, 0), config
    )


def order() -> list[Case]:
    """The cases as a fresh stream gives them."""
    return CaseStream(MANY, 0).draw(len(MANY))


def make_config(**changes):
    known = {
        "cases_per_step": 4,
        "group_size": 3,
        "dynamic_sampling": 2,
        "reward": NOTHING_BUT_THE_ANSWER,
        "sampling": {"max_new_tokens": 120},
    }
    return grpo_config(**known | changes)


def test_a_stream_gives_every_case_once_before_any_comes_again():
    stream = CaseStream(MANY, 0)
    rounds = [[case.id for _ in range(3) for case in stream.draw(4)] for _ in range(3)]
    assert all(sorted(ids) == sorted(case.id for case in MANY) for ids in rounds)
    assert len({tuple(ids) for ids in rounds}) == 3, "each time in another order"
    assert [case.id for case in CaseStream(MANY, 0).draw(4)] == rounds[0][:4]
    assert [case.id for case in CaseStream(MANY, 1).draw(12)] != rounds[0]


def test_a_case_that_must_not_come_again_is_held_back_and_not_lost():
    stream, drawn = CaseStream(CASES, 0), Counter()
    steps = []
    for n, more in [(4, 2), (4, 1), (4, 2), (5, 1), (4, 2)] * 6:
        step = stream.draw(n)
        step += stream.draw(more, step)
        steps.append([case.id for case in step])
        drawn.update(steps[-1])
    assert all(len(set(ids)) == len(ids) for ids in steps)
    # Some may wait in the stream; none is ever more than one behind another by more than those.
    assert max(drawn.values()) - min(drawn.values()) <= 1 and sum(drawn.values()) > 100
    assert stream.draw(7, CASES[:2]) != [] and len(CaseStream(CASES, 0).draw(7, CASES[:2])) == 4
    assert CaseStream(CASES, 0).draw(3, CASES) == []


def test_a_stream_goes_on_from_what_it_kept():
    stream = CaseStream(CASES, 3)
    held = 0
    for _ in range(20):
        step = stream.draw(4)
        step += stream.draw(2, step)
        facts = stream.keep()
        held += bool(facts["held"])
        other = CaseStream(CASES, 3)
        other.restore(facts)
        expected = [case.id for case in copy.deepcopy(stream).draw(5)]
        assert [case.id for case in other.draw(5)] == expected
        stream.draw(1)
    assert held, "a stream that holds nothing back tests less"


def test_groups_without_a_signal_are_replaced_by_other_cases():
    first = order()
    kinds = {first[0].id: "right", first[2].id: "wrong", first[4].id: "wrong"}
    asked = ask_for(make_config(), kinds)
    # Two of four teach; of the two in their places one does; then one more.
    assert [g.case.id for g in asked.groups] == [first[k].id for k in (1, 3, 5, 6)]
    assert [g.case.id for g in asked.discarded] == [first[k].id for k in (0, 2, 4)]
    assert (asked.rounds, asked.n_fillers) == (3, 0)
    assert all(has_signal(group, make_config()) for group in asked.groups)


def test_off_keeps_every_group_and_asks_once():
    first = order()
    kinds = {case.id: "right" for case in first}
    asked = ask_for(make_config(dynamic_sampling=0), kinds)
    assert [g.case.id for g in asked.groups] == [case.id for case in first[:4]]
    assert asked.discarded == () and asked.rounds == 1


@pytest.mark.parametrize("rounds", [1, 2])
def test_at_the_limit_the_first_groups_without_a_signal_fill_the_step(rounds):
    first = order()
    kinds = {case.id: "wrong" for case in first}
    del kinds[first[1].id], kinds[first[5].id]
    asked = ask_for(make_config(dynamic_sampling=rounds), kinds)
    assert [g.case.id for g in asked.groups] == [first[k].id for k in (0, 1, 2, 5)]
    assert asked.n_fillers == 2 and asked.rounds == rounds + 1
    # 4 cases, then 3 for the 3 that teach nothing, then 2.
    assert len(asked.discarded) == (3 if rounds == 1 else 5)


def test_where_no_other_case_is_left_the_search_ends():
    config = make_config(cases_per_step=5, dynamic_sampling=50)
    asked = ask_for(config, {case.id: "wrong" for case in MANY})
    assert asked.rounds == 3 and len(asked.groups) == 5 and len(asked.discarded) == 7
    assert len({g.case.id for g in (*asked.groups, *asked.discarded)}) == 12


def test_what_only_cut_off_replies_differ_in_is_no_signal_where_they_are_masked():
    first = order()
    kinds = {case.id: "wrong" for case in first} | {first[0].id: "long"}
    for masked in (False, True):
        config = make_config(mask_truncated=masked)
        asked = ask_for(config, kinds)
        (group,) = [g for g in (*asked.groups, *asked.discarded) if g.case.id == first[0].id]
        assert [r.trace.stop for r in group.rollouts] == ["length", "end", "end"]
        (values,) = find_advantages([group], config).values_PG
        # Replies that were not cut off stand above the one that was: that is learnt in either case.
        assert values[0] < 0.0 < values[1] and has_signal(group, config)


def test_a_group_of_nothing_but_cut_off_replies_is_replaced_where_they_are_masked():
    """They differ in what they earn: one says the same again and again."""
    first = order()
    engine = ScriptedEngine(
        lambda r: "It may be this. " * 40 if r.sample == 0 else solve(MANY[0], "B").text * 3, make_tokenizer()
    )
    for masked in (False, True):
        config = make_config(
            mask_truncated=masked,
            reward=NOTHING_BUT_THE_ANSWER | {"repetition": 0.3},
            sampling={"max_new_tokens": 44},
        )
        asked = ask(CaseStream(MANY, 0).draw, lambda r, c=config: engine.generate(r, c.sampling, 0), config)
        assert all(r.trace.stop == "length" for g in asked.groups for r in g.rollouts)
        assert all(any(values) for values in find_advantages(asked.groups, config).values_PG)
        assert [has_signal(group, config) for group in asked.groups] == [not masked] * 4
        assert [g.case.id for g in asked.groups] == [case.id for case in first[:4]]
        assert (asked.n_fillers, len(asked.discarded)) == ((4, 8) if masked else (0, 0))


def test_the_accounts_add_up_and_means_are_over_all_that_was_sampled():
    first, config = order(), make_config()
    kinds = {first[0].id: "right", first[2].id: "right", first[4].id: "wrong"}
    asked = ask_for(config, kinds)
    advantages = find_advantages(asked.groups, config)
    seen = describe(asked, advantages, config)
    records = write_records(7, asked, advantages, config)
    kept, away = ([r for r in records if r["kept"] == which] for which in (True, False))
    assert seen["sampling/sampled_groups"] == 7 and seen["sampling/discarded_groups"] == 3
    assert (len(records), len(away)) == (
        seen["sampling/sampled_rollouts"],
        seen["sampling/discarded_rollouts"],
    )
    assert seen["sampling/sampled_tokens"] == sum(r["n_tokens"] for r in records)
    assert seen["sampling/discarded_tokens"] == sum(r["n_tokens"] for r in away) > 0
    assert [seen[f"sampling/discarded_{kind}"] for kind in ("right", "wrong", "other")] == [2, 1, 0]
    for name, rows in {
        "reward/total": records,
        "kept/reward": kept,
        "sampling/discarded_reward": away,
    }.items():
        assert seen[name] == pytest.approx(sum(r["total"] for r in rows) / len(rows)), name
    for name, rows in {"rollout/right": records, "kept/right": kept}.items():
        assert seen[name] == pytest.approx(sum(r["why"]["answer"] == "right" for r in rows) / len(rows)), name
    assert seen["rollout/right"] != seen["kept/right"]
    assert seen["advantage/groups_equal"] == pytest.approx(3 / 7)
    assert all(r["advantage"] == 0.0 for r in away) and all(r["advantage"] != 0.0 for r in kept)


@pytest.mark.parametrize("other", ["abstained", "unscored"])
def test_advantages_are_held_against_replies_that_are_right_or_wrong_alone(other):
    """The second reply abstains or failed: it would hide that the right one earns more than the wrong one."""
    config = make_config(dynamic_sampling=0)
    asked = ask_for(config, {})
    groups = []
    for group in asked.groups:
        first, second, *rest = group.verdicts
        if other == "unscored":
            second = replace(second, total=None)
        else:
            answer = Score(value=0.0, why="abstained")
            second = replace(second, scores={**second.scores, "answer": answer}, total=0.9)
        groups.append(replace(group, verdicts=(first, second, *rest)))
    asked = replace(asked, groups=tuple(groups))
    seen = describe(asked, find_advantages(asked.groups, config), config)
    assert seen["advantage/follows_right"] == pytest.approx(1.0)


def test_without_dynamic_sampling_nothing_is_said_of_it():
    config = make_config(dynamic_sampling=0)
    asked = ask_for(config, {})
    advantages = find_advantages(asked.groups, config)
    assert not [k for k in describe(asked, advantages, config) if k.startswith(("sampling/", "kept/"))]
    assert not [r for r in write_records(1, asked, advantages, config) if "kept" in r]


def test_a_right_reply_below_one_that_is_not_right_is_counted():
    """One of the right replies repeats itself; with a heavy weight on that, wrong ones come out above it."""
    config = make_config(
        advantage="per_component",
        group_size=8,
        reward=NOTHING_BUT_THE_ANSWER | {"repetition": 0.99},
        sampling={"max_new_tokens": 400},
    )
    cases = {case.id: case for case in MANY}

    def reply(request) -> str:
        text = solve(cases[request.case_id], "A" if request.sample < 4 else "B").text
        return text.replace("Look at both.", "Look at both. " * 30) if request.sample == 0 else text

    engine = ScriptedEngine(reply, make_tokenizer())
    asked = ask(CaseStream(MANY, 0).draw, lambda r: engine.generate(r, config.sampling, 0), config)
    advantages = find_advantages(asked.groups, config)
    assert describe(asked, advantages, config)["advantage/inversions"] == 1.0
    by_sum = config.model_copy(update={"advantage": "sum"})
    for values in find_advantages(asked.groups, by_sum).values_PG:
        assert min(values[:4]) > max(values[4:]), "the composed reward never lets that happen"
    assert "advantage/inversions" not in describe(asked, find_advantages(asked.groups, by_sum), by_sum)
