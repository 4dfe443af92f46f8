"""Oracles: Fourier analysis with a window of low leakage, and the textbook's Fourier series."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from stemtasks.dsp.oscillators import WAVEFORMS, Oscillator, harmonics_below_nyquist, wavetable

RATE = 48000
FRAMES = 1 << 16


def energy_off_harmonics_db(x, frequency_hz, rate=RATE):
    """Return the energy of everything but harmonics of the frequency, in dB of the whole."""
    power = np.abs(np.fft.rfft(x * signal.windows.kaiser(len(x), 24))) ** 2
    bins = np.fft.rfftfreq(len(x), 1 / rate)
    nearest = np.round(bins / frequency_hz)
    off = (np.abs(bins - nearest * frequency_hz) > 12 * rate / len(x)) | (nearest == 0)
    return 10 * np.log10(power[off].sum() / power.sum())


@pytest.mark.parametrize("waveform", WAVEFORMS)
@pytest.mark.parametrize("frequency_hz", [27.5, 110.0, 440.0, 1661.2, 4186.0, 9956.3])
def test_nothing_but_harmonics(waveform, frequency_hz):
    assert energy_off_harmonics_db(Oscillator(waveform, frequency_hz, RATE).read(0, FRAMES), frequency_hz) < -90


def test_the_measure_of_aliasing_sees_a_naive_saw():
    assert energy_off_harmonics_db(signal.sawtooth(2 * np.pi * 1661.2 / RATE * np.arange(FRAMES)), 1661.2) > -40


@pytest.mark.parametrize("waveform", ["triangle", "saw", "square"])
def test_harmonics_have_the_levels_of_the_fourier_series_up_to_nyquist(waveform):
    frequency_hz = 32 * RATE / FRAMES * 10
    spectrum = np.abs(np.fft.rfft(Oscillator(waveform, frequency_hz, RATE).read(0, FRAMES)))[320::320]
    h = np.arange(1, len(spectrum) + 1)
    textbook = {"saw": 1 / h, "square": (h % 2) / h, "triangle": (h % 2) / h**2}[waveform]
    textbook[h * frequency_hz >= RATE / 2] = 0
    assert len(spectrum) > 100
    assert np.max(np.abs(spectrum / spectrum[0] - textbook)) < 1e-5


@pytest.mark.parametrize("waveform", WAVEFORMS)
def test_the_peak_is_one_and_the_start_a_rising_zero(waveform):
    x = Oscillator(waveform, 55.0, RATE).read(0, FRAMES)
    assert np.max(np.abs(x)) == pytest.approx(1.0, abs=1e-3)
    assert abs(x[0]) < 1e-9 < x[1]


@pytest.mark.parametrize("waveform", WAVEFORMS)
def test_reading_in_parts_is_reading_at_once(waveform):
    whole = Oscillator(waveform, 777.7, RATE, 0.3).read(0, 5000)
    parts = Oscillator(waveform, 777.7, RATE, 0.3)
    joined = np.concatenate([parts.read(0, 1), parts.read(1, 2999), parts.read(3000, 2000)])
    assert np.max(np.abs(joined - whole)) < 1e-10


def test_the_phase_has_not_drifted_after_two_hours():
    start = RATE * 7200 + 12345
    # 1234.5 Hz at 48 kHz repeats every 32000 frames exactly
    late, early = (Oscillator("sine", 1234.5, RATE).read(n, 1000) for n in (start, start % 32000))
    assert np.max(np.abs(late - early)) < 1e-6


def test_a_sine_is_numpys():
    n = np.arange(20000)
    assert (
        np.max(np.abs(Oscillator("sine", 1234.5, RATE).read(0, 20000) - np.sin(2 * np.pi * 1234.5 / RATE * n))) < 1e-9
    )


@pytest.mark.parametrize(
    ("frequency_hz", "count"), [(12000.0, 1), (11999.0, 2), (8000.0, 2), (100.0, 239), (23999.0, 1)]
)
def test_harmonics_are_counted_to_just_below_nyquist(frequency_hz, count):
    assert harmonics_below_nyquist(frequency_hz, RATE) == count


def test_tables_are_shared_between_notes():
    assert wavetable("saw", 100)[0] is wavetable("saw", 100)[0]
