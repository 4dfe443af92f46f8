from __future__ import annotations

import pytest

from stemtasks.report import dynamics
from stemtasks.report.drawing import Axis

AXIS = Axis(8000, 1000, 100, ())


def noted(values, step_s=0.1):
    mean = sum(values) / len(values)
    reduction = {"step_s": step_s, "values": values}
    return {
        "effect": "gate",
        "max_reduction_db": max(values),
        "mean_reduction_db": mean,
        "reduction_db": reduction,
    }


@pytest.mark.parametrize("step_s", [0.1, 0.03, 0.7])
def test_a_column_has_the_highest_step_that_it_shares_time_with(step_s):
    values = [0.0] * round(8.0 / step_s)
    values[round(5.05 / step_s)] = 7.0
    columns = dynamics.columns(AXIS, step_s, values)
    assert len(columns) == 80
    assert columns[50] == 7.0
    assert 1 <= sum(each > 0 for each in columns) <= 1 + round(step_s / 0.1) + 1


def test_a_curve_that_ends_before_the_song_is_0_from_there_on():
    assert dynamics.columns(AXIS, 0.1, [3.0] * 20) == [3.0] * 20 + [0.0] * 60


def test_reducers_are_said_drawn_together_and_listed_with_their_bands():
    bands = [{"max_reduction_db": 1.0, "mean_reduction_db": 0.5}]
    facts = {
        "noted": [
            noted([1.0] * 80),
            {"effect": "transient_shaper", "max_gain_db": 3.0},
            noted([2.0] * 80) | {"effect": "<compressor>", "bands": bands},
        ]
    }
    assert dynamics.line(facts) == ", gate -1.0 dB, &lt;compressor&gt; -2.0 dB"
    drawn = dynamics.drawn(AXIS, facts, "A & B")
    assert "at most 3.0 dB" in drawn
    assert "A &amp; B" in drawn
    assert drawn.count('<th scope="row">') == 3
    assert "shaper" not in drawn


def test_where_nothing_turns_down_nothing_is_said():
    assert dynamics.line({}) == dynamics.drawn(AXIS, {"noted": [{"effect": "x", "places": 3}]}, "A") == ""
