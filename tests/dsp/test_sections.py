"""The sections' oracle is scipy.signal."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from stemtasks.dsp import sections

RATE = 48000


@pytest.mark.parametrize("kind", ["lowpass", "highpass"])
@pytest.mark.parametrize("order", [1, 2, 3, 4, 7, 8, 16])
@pytest.mark.parametrize("cutoff_hz", [30.0, 1000.0, 20000.0])
def test_butterworth_has_scipys_response(kind, order, cutoff_hz):
    frequencies = np.geomspace(10, 23_900, 500)
    ours = signal.sosfreqz(sections.butterworth(kind, order, cutoff_hz, RATE), frequencies, fs=RATE)[1]
    theirs = signal.sosfreqz(signal.butter(order, cutoff_hz, kind, fs=RATE, output="sos"), frequencies, fs=RATE)[1]
    assert np.max(np.abs(np.abs(ours) - np.abs(theirs))) < 1e-7


@pytest.mark.parametrize("cuts", [[1, 2, 777], [500], []])
def test_filtering_in_blocks_is_sosfilt_of_the_whole_bit_for_bit(cuts):
    x = np.random.default_rng(0).standard_normal((2000, 2))
    sos = signal.butter(5, 3000, fs=RATE, output="sos")
    run = sections.Filter(sos, 2)
    ours = np.concatenate([run(part) for part in np.split(x, cuts)])
    assert np.array_equal(ours, signal.sosfilt(sos, x, axis=0))


def test_the_public_fallback_gives_the_kernels_bits(monkeypatch):
    x = np.random.default_rng(1).standard_normal((3000, 2))
    sos = signal.butter(4, 800, fs=RATE, output="sos")
    fast = sections.Filter(sos, 2)
    expected = [fast(x[:1000]), fast(x[1000:])]
    monkeypatch.setattr(sections, "_run", sections._public_kernel)
    slow = sections.Filter(sos, 2)
    assert all(np.array_equal(slow(part), want) for part, want in zip([x[:1000], x[1000:]], expected, strict=True))


@pytest.mark.parametrize("order", [1, 2, 5, 8])
def test_steady_state_is_sosfilt_zi_bit_for_bit(order):
    sos = signal.butter(order, 1234, fs=RATE, output="sos")
    assert np.array_equal(sections.steady_state(sos), signal.sosfilt_zi(sos))


@pytest.mark.parametrize("gain_db", [-12.0, 6.0])
def test_eq_reaches_its_gain_where_it_says(gain_db):
    def level(sos, frequency_hz):
        return 20 * np.log10(np.abs(signal.sosfreqz(sos, [frequency_hz], fs=RATE)[1][0]))

    assert level(sections.peaking(1000, gain_db, 1.0, RATE), 1000) == pytest.approx(gain_db, abs=1e-9)
    assert level(sections.peaking(1000, gain_db, 1.0, RATE), 20) == pytest.approx(0, abs=0.05)
    low = sections.shelf("low", 200, gain_db, 0.7071, RATE)
    assert level(low, 1) == pytest.approx(gain_db, abs=0.01)
    assert level(low, 200) == pytest.approx(gain_db / 2, abs=1e-9)
    assert level(low, 20_000) == pytest.approx(0, abs=0.01)
    high = sections.shelf("high", 2000, gain_db, 0.7071, RATE)
    assert level(high, 23_999) == pytest.approx(gain_db, abs=0.01)
    assert level(high, 2000) == pytest.approx(gain_db / 2, abs=1e-9)
    assert level(high, 10) == pytest.approx(0, abs=0.01)
