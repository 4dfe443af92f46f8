from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from stemtasks.errors import SpecError

RATE = 48000
n = np.arange(RATE)


def ones(channels=1, frames=RATE):
    return np.ones((frames, channels))


@pytest.mark.parametrize("start_degrees", [0.0, 90.0, 200.0])
def test_the_gain_is_the_formula(apply, start_degrees):
    turns = 4.0 * n / RATE + start_degrees / 360
    sine = apply("tremolo", ones(), rate_hz=4.0, depth=0.7, start_degrees=start_degrees)[:, 0]
    np.testing.assert_allclose(sine, 1 - 0.7 * (1 - np.cos(2 * np.pi * turns)) / 2, atol=1e-7)
    triangle = apply("tremolo", ones(), rate_hz=4.0, depth=0.7, waveform="triangle", start_degrees=start_degrees)[:, 0]
    wave = signal.sawtooth(2 * np.pi * (turns + 0.5), width=0.5)
    np.testing.assert_allclose(triangle, 1 - 0.7 * (1 - wave) / 2, atol=1e-7)


def test_a_tone_has_its_two_sidebands_and_nothing_else(apply):
    x = np.sin(2 * np.pi * 1000 * n / RATE)[:, None]
    spectrum = np.abs(np.fft.rfft(apply("tremolo", x, rate_hz=7.0, depth=1.0)[:, 0])) / (RATE / 2)
    found = 20 * np.log10(spectrum[[993, 1000, 1007]])
    np.testing.assert_allclose(found, 20 * np.log10([0.25, 0.5, 0.25]), atol=1e-4)
    spectrum[[993, 1000, 1007]] = 0
    assert 20 * np.log10(spectrum.max()) < -120


def test_a_period_in_beats_follows_the_tempo(apply):
    a = apply("tremolo", ones(), bpm=96.0, rate_beats=0.5)
    np.testing.assert_allclose(a, apply("tremolo", ones(), rate_hz=3.2), atol=1e-9)


def test_the_sides_swell_in_turn_at_180_degrees(apply):
    out = apply("tremolo", ones(2), rate_hz=1.0, depth=1.0, stereo_degrees=180.0)
    np.testing.assert_allclose(out.sum(axis=1), 1.0, atol=1e-7)
    assert out[RATE // 2].tolist() == pytest.approx([0.0, 1.0], abs=1e-7)


def test_no_depth_is_the_input(apply):
    x = np.random.default_rng(0).standard_normal((5000, 2))
    assert np.array_equal(apply("tremolo", x, depth=0.0), x)


@pytest.mark.parametrize(
    ("arguments", "bpm", "message"),
    [
        ({"rate_hz": 1.0, "rate_beats": 1.0}, 120.0, "tremolo: give either rate_hz or rate_beats, found both"),
        ({"rate_beats": 1.0}, None, "tremolo: rate_beats needs the song's bpm: set it, or give rate_hz"),
        ({"rate_beats": 0.03125}, 120.0, "tremolo: a period of 0.03125 beats at 120 bpm is 64.0 Hz, at most 40 Hz"),
    ],
)
def test_what_the_signature_cannot_say_is_one_clear_line(apply, arguments, bpm, message):
    with pytest.raises(SpecError, match=message):
        apply("tremolo", ones(), bpm=bpm, **arguments)
