from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from stemtasks.errors import SpecError

RATE = 48000


@pytest.mark.parametrize("delay_ms", [1.0, 1.37, 3.003])
@pytest.mark.parametrize("odd", [1, 3, 9])
def test_notches_are_at_odd_multiples_of_half_the_delays_inverse(level_db, delay_ms, odd):
    arguments = {"delay_ms": delay_ms, "depth_ms": 0.0, "feedback": 0.0}
    assert level_db("flanger", odd * 500 / delay_ms, **arguments) < -70
    assert level_db("flanger", (odd + 1) * 500 / delay_ms, **arguments) == pytest.approx(0.0, abs=0.001)


@pytest.mark.parametrize("feedback", [0.6, -0.6])
@pytest.mark.parametrize("hz", [100.0, 400.0, 500.0, 900.0, 1000.0, 7300.0])
def test_feedback_makes_the_comb_of_the_formula(level_db, feedback, hz):
    turned = np.exp(-2j * np.pi * hz / 1000)
    expected = 0.5 + 0.5 * turned / (1 - feedback * turned)
    found = level_db("flanger", hz, delay_ms=1.0, depth_ms=0.0, feedback=feedback)
    assert found == pytest.approx(20 * np.log10(abs(expected)), abs=0.02)


def test_without_depth_it_is_scipys_comb_filter(apply):
    x = np.random.default_rng(2).standard_normal((9000, 2))
    comb = np.zeros(49)
    comb[0], comb[48] = 1.0, -0.9
    expected = signal.lfilter(np.eye(49)[48], comb, x, axis=0)
    out = apply("flanger", x, delay_ms=1.0, depth_ms=0.0, feedback=0.9, mix=1.0)
    np.testing.assert_allclose(out[:9000], expected, atol=1e-10)


def test_the_notch_sweeps_at_its_rate(apply):
    x = np.sin(2 * np.pi * 300 * np.arange(8 * RATE) / RATE)[:, None]
    out = apply("flanger", x, rate_hz=2.0, delay_ms=1.0, depth_ms=0.5, feedback=0.0)[: 8 * RATE, 0]
    envelope = np.abs(signal.hilbert(out))[RATE : 7 * RATE]
    spectrum = np.abs(np.fft.rfft(envelope - envelope.mean()))
    assert spectrum.argmax() / 6 == 2.0


def test_the_shortest_delays_and_the_most_feedback_stay_stable_and_die_away(apply):
    x = np.random.default_rng(0).standard_normal((3000, 2))
    out = apply("flanger", x, delay_ms=0.2, depth_ms=0.3, rate_hz=40.0, feedback=-0.95, mix=1.0)
    assert np.isfinite(out).all()
    assert np.abs(out).max() < 40
    assert np.abs(out[-10:]).max() < 1e-3


def test_rate_beats_needs_a_tempo(apply):
    with pytest.raises(SpecError, match="flanger: rate_beats needs the song's bpm"):
        apply("flanger", np.zeros((10, 1)), bpm=None, rate_beats=1.0)
