from __future__ import annotations

import numpy as np
import pytest

from stemtasks.dsp.fractional import PLACES, SHORTEST, TAPS, DelayLine, interpolator

RATE = 48000


def test_between_frames_a_tone_is_read_to_90_db_up_to_14_khz():
    taps = np.arange(TAPS)
    places = np.arange(PLACES + 1)[:, None] / PLACES
    for hz in (20.0, 1000.0, 5000.0, 10_000.0, 14_000.0):
        turn = 2j * np.pi * hz / RATE
        read = (interpolator() * np.exp(turn * (taps - SHORTEST))).sum(axis=1)
        assert np.abs(read - np.exp(-turn * places[:, 0])).max() < 10 ** (-90 / 20)


def test_a_constant_stays_what_it_is():
    np.testing.assert_allclose(interpolator().sum(axis=1), 1.0, atol=1e-14)


@pytest.mark.parametrize("feedback", [0.0, 0.7])
def test_a_whole_delay_is_that_many_frames(feedback):
    x = np.random.default_rng(0).standard_normal((2, 512))
    line = DelayLine(2, 40.0, 128)
    delays = np.broadcast_to(np.array([[9.0], [40.0]]), (1, 2, 128))
    out = np.concatenate([line(x[:, at : at + 128], delays, feedback) for at in range(0, 512, 128)], axis=1)
    for channel, delay in enumerate((9, 40)):
        expected = np.zeros(512)
        for n in range(delay, 512):
            expected[n] = x[channel, n - delay] + feedback * expected[n - delay]
        np.testing.assert_allclose(out[channel], expected, atol=1e-12)


def test_a_delay_that_is_too_short_is_the_shortest():
    x = np.random.default_rng(0).standard_normal((1, 100))
    out = DelayLine(1, 0.0, 100)(x, np.zeros((1, 1, 100)), 0.5)
    assert out[0, SHORTEST] == pytest.approx(x[0, 0])
    assert not out[0, :SHORTEST].any()


def test_reading_pieces_of_any_length_gives_the_same():
    x = np.random.default_rng(1).standard_normal((2, 1024))
    delays = 30 + 20 * np.sin(np.arange(1024) / 50 + np.arange(2)[:, None])[None]
    whole, parts = DelayLine(2, 50.0, 1024), DelayLine(2, 50.0, 256)
    cut = [parts(x[:, at : at + 256], delays[..., at : at + 256], 0.6) for at in range(0, 1024, 256)]
    np.testing.assert_allclose(np.concatenate(cut, axis=1), whole(x, delays, 0.6), atol=1e-13)
