from __future__ import annotations

import numpy as np
import pytest

from stemtasks.audio.source import Source
from tests.audio_files import RATE
from tests.effects.steps import MS, gain_db, sine, steps
from tests.true_peak_oracle import band_limited, exact_peak

NOISE = np.random.default_rng(0).standard_normal((2 * RATE, 2)) * 0.3


@pytest.mark.parametrize("manner", ["clean", "hard"])
@pytest.mark.parametrize("ceiling_db", [-1.0, -9.0])
def test_no_sample_is_above_the_ceiling(apply, manner, ceiling_db):
    y = apply("limiter", NOISE, ceiling_db=ceiling_db, peaks="sample", manner=manner)
    highest = 20 * np.log10(np.abs(y).max())
    assert highest <= ceiling_db + 1e-9
    assert highest > ceiling_db - 0.1


@pytest.mark.parametrize("manner", ["clean", "hard"])
def test_no_true_peak_is_above_the_ceiling(apply, manner):
    x = band_limited(NOISE)
    y = apply("limiter", x, ceiling_db=-6.0, manner=manner)
    assert 20 * np.log10(exact_peak(x)) > 0.0
    assert -6.6 < 20 * np.log10(exact_peak(y)) <= -6.0


def test_what_is_below_the_ceiling_keeps_every_bit(apply):
    x = np.random.default_rng(0).uniform(-0.4, 0.4, (RATE, 2))
    assert np.array_equal(apply("limiter", x, ceiling_db=-1.0), x)
    assert np.array_equal(apply("limiter", x, ceiling_db=-1.0, peaks="sample"), x)


def test_the_gain_comes_before_the_ceiling(apply):
    x = sine(1000, -20.0, 1000)
    np.testing.assert_allclose(apply("limiter", x, gain_db=12.0), x * 10 ** (12 / 20))
    y = apply("limiter", x, gain_db=24.0, ceiling_db=-3.0, peaks="sample")
    assert np.abs(y[RATE // 4 : -RATE // 4]).max() == pytest.approx(10 ** (-3 / 20), rel=0.01)


def test_a_peak_is_turned_down_where_it_is_and_for_both_sides_alike(apply):
    x = np.full((RATE, 2), [0.1, 0.01])
    x[RATE // 2, 0] = 1.0
    y = apply("limiter", x, ceiling_db=-6.0, peaks="sample")
    np.testing.assert_allclose(y[:, 0] / x[:, 0], y[:, 1] / x[:, 1], rtol=1e-12)
    gains = gain_db(y, x)
    # the lowest gain lasts for a segment of 8 frames on each side at most
    assert gains[RATE // 2] == pytest.approx(-6.0, abs=0.05)
    assert np.argmin(gains) == pytest.approx(RATE // 2, abs=8)
    assert gains[RATE // 2 - 3 * MS] == 0.0


def test_the_reduction_is_noted_over_time(apply):
    noted = {}
    x = steps((-20.0, 2000), (0.0, 2000))
    apply("limiter", x, ceiling_db=-6.0, peaks="sample", noted=noted)
    # while the slow stage takes over, both are at work
    assert 6.0 <= noted["max_reduction_db"] < 7.0
    assert noted["mean_reduction_db"] == pytest.approx(3.0, abs=0.4)
    assert noted["reduction_db"]["step_s"] == 0.1
    values = noted["reduction_db"]["values"]
    assert len(values) == 40
    assert values[:10] == [0.0] * 10
    np.testing.assert_allclose(values[25:], 6.0, atol=0.1)


def test_a_real_song_keeps_its_length_and_loses_its_overs(apply, recordings):
    with Source(recordings / "loops" / "loop_amen_full.flac") as source:
        x = source.read(0, source.frames)
    y = apply("limiter", x, gain_db=9.0, ceiling_db=-1.0)
    assert y.shape == x.shape
    assert np.abs(x * 10 ** (9 / 20)).max() > 1.5
    assert exact_peak(y) <= 10 ** (-1 / 20)
