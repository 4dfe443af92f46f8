from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

RATE = 48000


def impulse(channels=1, frames=2000):
    x = np.zeros((frames, channels))
    x[0] = 1.0
    return x


def rt60(response):
    """Return T30 by Schroeder's backward integration (ISO 3382-1): the slope from -5 to -35 dB."""
    energy = np.cumsum(response[::-1] ** 2)[::-1]
    level = 10 * np.log10(energy / energy[0] + 1e-30)
    at = np.flatnonzero((level < -5) & (level > -35))
    slope = np.polyfit(at / RATE, level[at], 1)[0]
    return -60 / slope


def band(response, centre_hz):
    sos = signal.butter(4, [centre_hz / 2**0.5, centre_hz * 2**0.5], "bandpass", fs=RATE, output="sos")
    return signal.sosfilt(sos, response)


@pytest.mark.parametrize("decay_seconds", [0.3, 1.0, 2.5, 6.0])
@pytest.mark.parametrize("seed", [1, 2])
def test_the_decay_is_the_rt60(apply, decay_seconds, seed):
    out = apply("reverb", impulse(), mix=1.0, decay_seconds=decay_seconds, damping_hz=1e6, seed=seed)[:, 0]
    assert rt60(out) == pytest.approx(decay_seconds, rel=0.1)


def test_damping_shortens_the_highs_and_not_the_lows(apply):
    out = apply("reverb", impulse(), mix=1.0, decay_seconds=2.0, damping_hz=4000.0)[:, 0]
    assert rt60(band(out, 250)) == pytest.approx(2.0, rel=0.1)
    assert rt60(band(out, 4000)) == pytest.approx(2.0 / 2**0.5, rel=0.15)
    assert rt60(band(out, 12000)) == pytest.approx(2.0 / 10**0.5, rel=0.2)


def test_the_room_begins_after_the_predelay_and_has_energy_one(apply):
    out = apply("reverb", impulse(), mix=1.0, predelay_ms=20.0)[:, 0]
    assert np.abs(out[:960]).max() < 1e-12
    assert np.abs(out[960:1000]).max() > 1e-6
    assert np.sum(out**2) == pytest.approx(1.0, rel=1e-9)


def test_mono_comes_out_wide_and_width_zero_mono(apply):
    noise = np.repeat(np.random.default_rng(0).standard_normal((20000, 1)), 2, axis=1)
    wide = apply("reverb", noise, mix=1.0)
    assert abs(np.corrcoef(wide.T)[0, 1]) < 0.2
    narrow = apply("reverb", noise, mix=1.0, width=0.0)
    np.testing.assert_allclose(narrow[:, 0], narrow[:, 1], atol=1e-12)


def test_hard_left_sounds_on_the_right_too_but_softer(apply):
    left = np.random.default_rng(0).standard_normal((20000, 2)) * [1.0, 0.0]
    energy = np.sum(apply("reverb", left, mix=1.0) ** 2, axis=0)
    assert 3.0 < 10 * np.log10(energy[0] / energy[1]) < 9.0


def test_another_seed_is_another_room(apply):
    assert not np.array_equal(apply("reverb", impulse(), seed=1), apply("reverb", impulse(), seed=2))
