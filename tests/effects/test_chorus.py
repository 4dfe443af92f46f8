"""The oracles: a sine that is delayed is a sine at another time; Bessel functions; Lagrange's interpolation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from stemtasks.errors import SpecError

RATE = 48000
n = np.arange(RATE)


def delay_frames(turns, delay_ms, depth_ms):
    return (delay_ms + depth_ms * (1 + np.sin(2 * np.pi * turns)) / 2) * RATE / 1000


@pytest.mark.parametrize(("hz", "floor"), [(440.0, 1e-5), (5000.0, 3e-5), (14_000.0, 1e-4)])
def test_a_tone_is_delayed_as_the_formula_says(apply, hz, floor):
    x = np.sin(2 * np.pi * hz * n / RATE)[:, None]
    out = apply("chorus", x, rate_hz=1.3, delay_ms=5.0, depth_ms=4.0, voices=1, mix=1.0, start_degrees=30.0)[:RATE, 0]
    expected = np.sin(2 * np.pi * hz * (n - delay_frames(1.3 * n / RATE + 30 / 360, 5.0, 4.0)) / RATE)
    assert np.abs(out - expected)[500:].max() < floor


def test_voices_share_the_swing_and_the_mix(apply):
    x = np.sin(2 * np.pi * 700 * n / RATE)[:, None]
    out = apply("chorus", x, rate_hz=0.9, delay_ms=6.0, depth_ms=3.0, voices=3, mix=0.6)[:RATE, 0]
    copies = [np.sin(2 * np.pi * 700 * (n - delay_frames(0.9 * n / RATE + k / 3, 6.0, 3.0)) / RATE) for k in range(3)]
    np.testing.assert_allclose(out[500:], (0.4 * x[:, 0] + 0.6 * np.mean(copies, axis=0))[500:], atol=1e-5)


def test_a_swinging_tone_has_its_sidebands_and_no_zipper_noise(apply):
    x = np.sin(2 * np.pi * 1000 * np.arange(2 * RATE) / RATE)[:, None]
    out = apply("chorus", x, rate_hz=2.0, delay_ms=5.0, depth_ms=2.0, voices=1, mix=1.0)[RATE : 2 * RATE, 0]
    spectrum = np.abs(np.fft.rfft(out)) / (RATE / 2)
    order = np.arange(-12, 13)
    # phase modulation by 2 pi 1000 Hz 1 ms (Chowning 1973): the k-th sideband is J_k of that
    expected = np.abs(special.jv(order, 2 * np.pi * 1000 * 0.001))
    np.testing.assert_allclose(spectrum[1000 + 2 * order], expected, atol=2e-6)
    assert spectrum.argmax() % 2 == 0
    spectrum[1000 - 60 : 1000 + 61] = 0
    assert 20 * np.log10(spectrum.max()) < -100


def test_the_right_channel_swings_ahead_so_that_mono_becomes_wide(apply):
    x = np.random.default_rng(0).standard_normal((RATE, 1)).repeat(2, axis=1)
    wide = apply("chorus", x, mix=1.0, stereo_degrees=90.0)
    assert abs(np.corrcoef(wide[:RATE].T)[0, 1]) < 0.5
    same = apply("chorus", x, mix=1.0, stereo_degrees=0.0)
    assert np.array_equal(same[:, 0], same[:, 1])


def test_without_depth_it_is_a_delay_of_whole_frames(apply):
    x = np.random.default_rng(1).standard_normal((3000, 1))
    out = apply("chorus", x, delay_ms=10.0, depth_ms=0.0, voices=1, mix=1.0)[:3000]
    np.testing.assert_allclose(out[480:], x[:-480], atol=1e-12)
    assert not out[:480].any()


def lagrange(line, at):
    """Return the value between frames by the polynomial through 8 of them (Laakso et al. 1996, eq. 42)."""
    first = int(np.floor(at)) - 3
    points = np.arange(first, first + 8)
    weights = [np.prod([(at - q) / (p - q) for q in points if q != p]) for p in points]
    return float(np.dot(weights, line[first : first + 8]))


def test_feedback_goes_round_again_while_the_delay_swings(apply):
    frames, start = 4000, 1000
    x = np.zeros(frames)
    x[: frames - 500] = np.sin(2 * np.pi * 300 * np.arange(frames - 500) / RATE) * np.hanning(frames - 500)
    line, wet = np.pad(x, (start, 0)), np.zeros(frames)
    delays = delay_frames(10.0 * np.arange(frames) / RATE, 1.0, 3.0)
    for frame in range(frames):
        wet[frame] = lagrange(line, start + frame - delays[frame])
        line[start + frame] += -0.8 * wet[frame]
    arguments = {"rate_hz": 10.0, "delay_ms": 1.0, "depth_ms": 3.0, "voices": 1, "feedback": -0.8}
    out = apply("chorus", x[:, None], mix=1.0, **arguments)[:frames, 0]
    np.testing.assert_allclose(out, wet, atol=1e-5)


def test_the_tail_is_the_longest_delay(apply):
    x = np.zeros((4096 - 700, 1))
    x[-1] = 1.0
    out = apply("chorus", x, delay_ms=90.0, depth_ms=0.0, voices=1)[:, 0]
    assert np.flatnonzero(np.abs(out) > 0.1).tolist() == [3395, 3395 + 4320]


def test_a_rate_given_twice_is_one_clear_line(apply):
    with pytest.raises(SpecError, match="chorus: give either rate_hz or rate_beats, found both"):
        apply("chorus", np.zeros((10, 1)), rate_hz=1.0, rate_beats=1.0)
