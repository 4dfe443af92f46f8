"""The oracles: the phase of a first-order all-pass in closed form, and the circuit solved sample by sample."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from stemtasks.errors import SpecError

RATE = 48000


def turned(hz, centre_hz, stages):
    """Return the response of all stages (J. O. Smith 2010): each turns by twice the angle of the warped ratio."""
    angle = -2 * np.arctan(np.tan(np.pi * hz / RATE) / np.tan(np.pi * centre_hz / RATE))
    return np.exp(1j * stages * angle)


@pytest.mark.parametrize("stages", [2, 4, 6, 12])
def test_two_stages_make_a_notch_where_the_phase_says(level_db, stages):
    for notch in range(stages // 2):
        angle = (2 * notch + 1) * np.pi / stages / 2
        hz = RATE / np.pi * np.arctan(np.tan(np.pi * 1000 / RATE) * np.tan(angle))
        arguments = {"low_hz": 1000.0, "high_hz": 1000.0, "stages": stages, "feedback": 0.0}
        assert level_db("phaser", hz, **arguments) < -60


@pytest.mark.parametrize("feedback", [0.0, 0.7, -0.7, 0.95])
@pytest.mark.parametrize("stages", [2, 3, 6])
def test_at_rest_it_has_the_response_of_the_formula(apply, feedback, stages):
    x = np.zeros((1 << 15, 1))
    x[0] = 1.0
    out = apply("phaser", x, low_hz=1000.0, high_hz=1000.0, stages=stages, feedback=feedback, mix=0.4)[: 1 << 15, 0]
    hz = np.fft.rfftfreq(len(out), 1 / RATE)[1:-1]
    chain = turned(hz, 1000.0, stages)
    np.testing.assert_allclose(np.fft.rfft(out)[1:-1], 0.6 + 0.4 * chain / (1 - feedback * chain), atol=1e-7)


def circuit(x, a, stages, feedback):
    """Return the chain solved frame by frame; the loop has no delay, so that each frame is one linear equation."""
    ins, outs, result = np.zeros(stages), np.zeros(stages), np.empty(len(x))
    for n, (value, c) in enumerate(zip(x, a, strict=True)):
        slope, rest = 1.0, 0.0
        for stage in range(stages):
            slope, rest = c * slope, c * rest + ins[stage] - c * outs[stage]
        result[n] = (slope * value + rest) / (1 - feedback * slope)
        went = value + feedback * result[n]
        for stage in range(stages):
            came = c * (went - outs[stage]) + ins[stage]
            ins[stage], outs[stage], went = went, came, came
    return result


@pytest.mark.parametrize("feedback", [0.0, 0.5, -0.9, 1e-4])
@pytest.mark.parametrize("stages", [2, 5, 8])
def test_while_it_sweeps_it_is_the_circuit_frame_by_frame(apply, feedback, stages):
    x = np.random.default_rng(stages).standard_normal((6000, 2))
    arguments = {"rate_hz": 11.0, "low_hz": 200.0, "high_hz": 16_000.0, "start_degrees": 40.0, "stereo_degrees": 90.0}
    out = apply("phaser", x, stages=stages, feedback=feedback, mix=1.0, **arguments)[:6000]
    for channel in (0, 1):
        swing = np.sin(2 * np.pi * (11.0 * np.arange(6000) / RATE + (40 + 90 * channel) / 360))
        hz = 200.0 * 80.0 ** ((1 + swing) / 2)
        expected = circuit(x[:, channel], np.tan(np.pi * hz / RATE - np.pi / 4), stages, feedback)
        np.testing.assert_allclose(out[:, channel], expected, atol=3e-6)


def test_a_sweeping_tone_has_sidebands_of_the_rate_and_no_zipper_noise(apply):
    x = np.sin(2 * np.pi * 1000 * np.arange(3 * RATE) / RATE)[:, None]
    out = apply("phaser", x, rate_hz=2.0, feedback=0.5, mix=1.0)[RATE : 2 * RATE, 0]
    spectrum = 20 * np.log10(np.abs(np.fft.rfft(out)) / (RATE / 2) + 1e-15)
    odd = spectrum[1001 - 200 : 1200 : 2]
    assert odd.max() < -110
    assert np.delete(spectrum, np.arange(700, 1301)).max() < -110
    assert spectrum[1000] < 0


def test_the_sweep_is_even_in_octaves_and_goes_at_its_rate(apply):
    x = np.random.default_rng(3).standard_normal((4 * RATE, 1)) * 0.1
    out = apply("phaser", x, rate_hz=0.5, low_hz=500.0, high_hz=2000.0, stages=2, feedback=0.0)[: 4 * RATE, 0]
    times = ((0.0, 1000.0), (0.5, 2000.0), (1.0, 1000.0), (1.5, 500.0), (2.5, 2000.0))
    for seconds, hz in times[1:]:
        part = slice(int((seconds - 0.03) * RATE), int((seconds + 0.03) * RATE))
        frequencies, power = signal.welch(out[part], RATE, nperseg=960, noverlap=720)
        low = (frequencies > 250) & (frequencies < 4000)
        assert frequencies[low][power[low].argmin()] == pytest.approx(hz, rel=0.12), seconds


def test_a_sweep_that_ends_below_its_start_is_one_clear_line(apply):
    with pytest.raises(SpecError, match="phaser: low_hz 900 is above high_hz 300: swap them"):
        apply("phaser", np.zeros((10, 1)), low_hz=900.0, high_hz=300.0)
