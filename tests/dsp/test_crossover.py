"""The oracle is scipy.signal."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from stemtasks.dsp.crossover import Crossover

RATE = 48000
FRAMES = 1 << 16
FREQUENCIES = np.fft.rfftfreq(FRAMES, 1 / RATE)


def responses(crossovers_hz):
    impulse = np.zeros((FRAMES, 1))
    impulse[0] = 1.0
    return [np.fft.rfft(band[:, 0]) for band in Crossover(crossovers_hz, RATE, 1)(impulse)]


@pytest.mark.parametrize("crossovers_hz", [[500.0], [200.0, 2000.0], [90.0, 800.0, 7000.0], [1000.0, 1100.0, 1200.0]])
def test_bands_sum_flat(crossovers_hz):
    bands = responses(crossovers_hz)
    assert len(bands) == len(crossovers_hz) + 1
    assert np.abs(20 * np.log10(np.abs(sum(bands)))).max() < 1e-6


@pytest.mark.parametrize("cutoff_hz", [90.0, 1000.0, 9000.0])
def test_a_band_is_two_butterworth_filters_and_6_db_down_at_the_crossover(cutoff_hz):
    for band, kind in zip(responses([cutoff_hz]), ("lowpass", "highpass"), strict=True):
        once = signal.sosfreqz(signal.butter(2, cutoff_hz, kind, fs=RATE, output="sos"), FREQUENCIES, fs=RATE)[1]
        np.testing.assert_allclose(np.abs(band), np.abs(once) ** 2, atol=1e-6)
        assert 20 * np.log10(np.abs(np.interp(cutoff_hz, FREQUENCIES, np.abs(band)))) == pytest.approx(-6.02, abs=0.02)


def test_neighbours_are_in_phase_where_they_cross():
    low, middle, high = responses([200.0, 2000.0])
    for lower, upper, cutoff_hz in ((low, middle, 200.0), (middle, high, 2000.0)):
        place = round(cutoff_hz * FRAMES / RATE)
        assert np.angle(lower[place] / upper[place]) == pytest.approx(0.0, abs=0.01)
