from __future__ import annotations

import numpy as np
import pytest

from stemtasks.errors import SpecError

RATE = 48000
n = np.arange(RATE)
ONES = np.ones((RATE, 2))


@pytest.mark.parametrize("waveform", ["sine", "triangle"])
def test_the_power_is_constant(apply, waveform):
    out = apply("auto_pan", ONES, rate_hz=3.0, waveform=waveform)
    np.testing.assert_allclose((out**2).sum(axis=1), 2.0, atol=1e-6)


def test_it_goes_from_the_middle_to_the_right_and_then_left_by_the_constant_power_law(apply):
    out = apply("auto_pan", ONES, rate_hz=1.0, depth=0.8)
    angle = np.pi / 4 * (1 + 0.8 * np.sin(2 * np.pi * n / RATE))
    np.testing.assert_allclose(out, np.sqrt(2) * np.stack([np.cos(angle), np.sin(angle)], axis=1), atol=1e-7)
    assert out[0].tolist() == [1.0, 1.0]


@pytest.mark.parametrize(("start_degrees", "expected"), [(90.0, [0.0, 2**0.5]), (270.0, [2**0.5, 0.0])])
def test_the_phase_says_where_it_begins(apply, start_degrees, expected):
    out = apply("auto_pan", ONES, start_degrees=start_degrees)
    assert out[0].tolist() == pytest.approx(expected, abs=1e-7)


def test_no_depth_is_the_input(apply):
    x = np.random.default_rng(0).standard_normal((5000, 2))
    assert np.array_equal(apply("auto_pan", x, depth=0.0), x)


def test_a_period_in_beats_follows_the_tempo(apply):
    a = apply("auto_pan", ONES, bpm=150.0, rate_beats=5.0)
    np.testing.assert_allclose(a, apply("auto_pan", ONES, rate_hz=0.5), atol=1e-9)


def test_a_mono_song_has_no_sides(apply):
    with pytest.raises(SpecError, match="auto_pan: needs 2 channels, found 1: leave the effect out"):
        apply("auto_pan", ONES[:, :1])
