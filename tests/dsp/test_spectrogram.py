"""Spectrograms: a tone is where it is and as loud as it is, whatever the sample rate."""

from __future__ import annotations

import numpy as np
import pytest

from stemtasks.dsp import spectrogram

BANDS = 80


def tone(rate, hz, amplitude=1.0):
    return amplitude * np.sin(2 * np.pi * hz * np.arange(spectrogram.window_frames(rate)) / rate)


def band_of(rate, hz):
    """Return the band of a frequency: they are equally wide in octaves."""
    top = min(20_000, rate / 2)
    return int(np.log(hz / 40) / np.log(top / 40) * BANDS)


@pytest.mark.parametrize("rate", [8000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("hz", [110.0, 1000.0, 3500.0])
def test_a_full_scale_sine_has_a_power_of_one_in_its_band(rate, hz):
    power = spectrogram.powers(tone(rate, hz), rate, BANDS)
    assert abs(int(np.argmax(power)) - band_of(rate, hz)) <= (1 if hz > 200 else 4)  # bins are 12 Hz apart
    assert 10 * np.log10(power.max()) == pytest.approx(0.0, abs=1.5)  # a Hann window between two bins
    edges = np.geomspace(40, min(20_000, rate / 2), BANDS + 1)
    bins = 10 * rate / spectrogram.window_frames(rate)
    far = power[(edges[1:] < hz - bins) | (edges[:-1] > hz + bins)]
    assert 10 * np.log10(far.max()) < -60


def test_steps_are_of_six_decibels_and_end_at_both_sides():
    decibels = np.array([-200.0, -91.0, -89.0, -13.0, -11.0, -7.0, -5.0, 0.0, 20.0])
    assert spectrogram.steps(10 ** (decibels / 10)).tolist() == [0, 0, 1, 13, 14, 14, 15, 15, 15]
    assert spectrogram.steps(np.zeros(2)).tolist() == [0, 0]


def test_the_power_of_several_windows_is_that_of_each():
    windows = np.random.default_rng(0).uniform(-1, 1, (3, 2, 4096)).astype(np.float32)
    together = spectrogram.powers(windows, 48_000, BANDS)
    assert together.shape == (3, 2, BANDS)
    assert together.dtype == np.float32
    np.testing.assert_array_equal(together[1, 0], spectrogram.powers(windows[1, 0], 48_000, BANDS))
