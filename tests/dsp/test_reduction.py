from __future__ import annotations

import numpy as np
import pytest

from stemtasks.dsp.reduction import MOST_VALUES, ReductionMeter


def measured(reduction, audio, lengths=(1 << 20,), rate=1000):
    meter, position, index = ReductionMeter(rate), 0, 0
    while position < len(reduction):
        stop = position + lengths[index % len(lengths)]
        meter(reduction[position:stop], audio[position:stop])
        position, index = stop, index + 1
    return meter.figures()


def test_the_largest_of_each_tenth_of_a_second_whatever_the_blocks():
    rng = np.random.default_rng(0)
    reduction, audio = rng.uniform(0, 12, 1050), rng.uniform(-1, 1, (1050, 2))
    expected = [round(reduction[start : start + 100].max(), 1) for start in range(0, 1050, 100)]
    for lengths in [(1050,), (1,), (7, 300, 1), (100,)]:
        figures = measured(reduction, audio, lengths)
        assert figures["reduction_db"] == {"step_s": 0.1, "values": expected}
        assert figures["max_reduction_db"] == round(reduction.max(), 2)
        assert figures["mean_reduction_db"] == pytest.approx(reduction.mean(), abs=0.006)


def test_the_mean_leaves_out_what_cannot_be_heard():
    audio = np.full((1000, 1), -0.1)
    audio[500:] = 0.0009
    figures = measured(np.repeat([2.0, 40.0], 500), audio)
    assert (figures["mean_reduction_db"], figures["max_reduction_db"]) == (2.0, 40.0)


def test_a_long_song_has_longer_steps_and_loses_no_maximum():
    reduction = np.zeros(100 * (2 * MOST_VALUES + 1))
    reduction[123_456] = 7.3
    figures = measured(reduction, np.ones((len(reduction), 1)))
    assert figures["reduction_db"]["step_s"] == 0.3
    assert len(figures["reduction_db"]["values"]) == 1334
    assert figures["reduction_db"]["values"][123_456 // 300] == 7.3


def test_nothing_is_nothing():
    assert ReductionMeter(44_100).figures() == {
        "max_reduction_db": 0.0,
        "mean_reduction_db": 0.0,
        "reduction_db": {"step_s": 0.1, "values": []},
    }
