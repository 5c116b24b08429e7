"""Rewards of the user's own in training: their totals, and what is refused."""

import pytest
from pydantic import ValidationError

from gazal.config.grpo import GRPOConfig
from gazal.config.reward import RewardConfig
from gazal.core.trace import Trace
from gazal.errors import ConfigError
from gazal.score.compose import compose
from gazal.score.own import load_own_reward, pay_by
from gazal.world.generate import make_cases
from gazal.world.solve import solve

CASE = next(iter(make_cases(n=1, seed=2)))
TEXT = """
def long(case, trace):
    return min(1.0, len(trace.text) / 1000)

def nothing(case, trace):
    return None

def too_much(completions, **_):
    return [12.0] * len(completions)

def not_a_number(completions, **_):
    return [float("nan")] * len(completions)

def wrong_syntax_elsewhere():
    pass
"""


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "rewards.py"
    path.write_text(TEXT)
    return path


def judged(*stops):
    traces = [Trace(case_id=CASE.id, sample=n, text=solve(CASE).text, stop=s) for n, s in enumerate(stops)]
    return traces, [compose(CASE, t, RewardConfig(), max_new_tokens=400) for t in traces]


def test_its_totals_take_the_place_of_ours_and_the_judges_stay(own):
    traces, verdicts = judged("end", "error")
    paid, failed = pay_by(f"{own}:long", CASE, traces, verdicts)
    assert paid.total == min(1.0, len(traces[0].text) / 1000) and paid.parts == {"own": paid.total}
    assert paid.scores == verdicts[0].scores
    assert failed.total is None and failed.parts == {}


def test_none_is_unscored(own):
    traces, verdicts = judged("end")
    (paid,) = pay_by(f"{own}:nothing", CASE, traces, verdicts)
    assert paid.total is None and paid.parts == {}


@pytest.mark.parametrize("name", ["too_much", "not_a_number"])
def test_what_is_out_of_range_is_refused(own, name):
    with pytest.raises(ConfigError, match="within -1 and 1"):
        pay_by(f"{own}:{name}", CASE, *judged("end"))


def test_a_file_that_cannot_be_imported_is_refused(tmp_path):
    path = tmp_path / "torn.py"
    path.write_text("def f(:\n")
    with pytest.raises(ConfigError, match="cannot be imported"):
        load_own_reward(f"{path}:f", chat=False)


def test_components_need_a_reward_that_has_some():
    with pytest.raises(ValidationError, match="reward_function gives one number"):
        GRPOConfig.model_validate(
            {
                "cases": [{"source": "world", "n": 20}],
                "steps": 1,
                "learning_rate": 1e-5,
                "advantage": "per_component",
                "reward_function": "a.py:b",
            }
        )
