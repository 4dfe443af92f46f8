from __future__ import annotations

import numpy as np
import pytest

RATE = 48000


def sine(frequency_hz, level_db):
    return (10 ** (level_db / 20) * np.sin(2 * np.pi * frequency_hz * np.arange(RATE) / RATE))[:, None]


def spectrum_db(y):
    """Return the level of each whole frequency in Hz over the second half second, a sine of 1 being 0 dB."""
    part = y[RATE // 2 : RATE]
    window = np.blackman(len(part))
    return 20 * np.log10(np.abs(np.fft.rfft(part * window)) * 2 / window.sum() + 1e-12)


def at(spectrum, frequency_hz):
    return spectrum[round(frequency_hz / 2)]


@pytest.mark.parametrize(("kind", "even"), [("tanh", False), ("soft", False), ("tube", True)])
def test_the_harmonics_are_those_of_the_kind(apply, kind, even):
    spectrum = spectrum_db(apply("saturation", sine(1000, -6), drive_db=6.0, kind=kind)[:, 0])
    assert -60 < at(spectrum, 3000) < at(spectrum, 1000) - 20
    assert (at(spectrum, 2000) > -50) == even
    assert at(spectrum, 0) < -60


@pytest.mark.parametrize("kind", ["tanh", "soft", "tube"])
def test_what_aliases_stays_below_the_bound(apply, kind):
    # 4998 Hz: harmonics past Nyquist fold to frequencies that are not among the harmonics below it
    spectrum = spectrum_db(apply("saturation", sine(4998, -6), drive_db=18.0, kind=kind)[:, 0])
    keep = np.ones(len(spectrum), bool)
    keep[:20] = False
    for harmonic in range(1, 5):
        centre = harmonic * 4998 // 2
        keep[centre - 6 : centre + 7] = False
    assert at(spectrum, 3 * 4998) > -30
    naive = spectrum_db(np.tanh(sine(4998, -6) * 10 ** (18 / 20))[:, 0])
    assert naive[keep].max() > -40
    assert spectrum[keep].max() < -70


@pytest.mark.parametrize("kind", ["tanh", "soft", "tube"])
@pytest.mark.parametrize("drive_db", [0.0, 12.0, 36.0])
def test_a_sine_at_minus_12_keeps_its_level(apply, kind, drive_db):
    x = sine(1000, -12)
    y = apply("saturation", x, drive_db=drive_db, kind=kind)[RATE // 2 : RATE]
    assert 20 * np.log10(np.std(y) / np.std(x)) == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize("kind", ["tanh", "soft"])
def test_what_is_very_quiet_stays_clean_and_in_place(apply, kind):
    x = np.random.default_rng(0).standard_normal((9000, 2)) * 1e-5
    y = apply("saturation", x, drive_db=0.0, kind=kind)
    factor = np.sum(x * y) / np.sum(x * x)
    np.testing.assert_allclose(y, x * factor, atol=1e-12)


def test_more_drive_brings_the_peaks_closer_to_the_average(apply):
    x = sine(100, -3)
    crest = [np.abs(y).max() / np.std(y) for y in (apply("saturation", x, drive_db=d) for d in (0.0, 6.0, 12.0))]
    assert crest[0] > crest[1] > crest[2]
