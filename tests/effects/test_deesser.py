from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import signal

from stemtasks.audio.blocks import Stream
from stemtasks.audio.source import Source
from stemtasks.effects.deesser import check
from stemtasks.errors import SpecError
from tests.audio_files import RATE
from tests.effects.steps import MS, sine

HISS = signal.butter(6, 6500, "highpass", fs=RATE, output="sos")


def sung(level_db=0.0):
    """Return a vowel of 600 ms, and over its middle third an s."""
    vowel = sum(sine(180 * k, -14.0 - 6.0 * np.log2(k), 600) for k in range(1, 12))
    hiss = signal.sosfilt(HISS, np.random.default_rng(0).standard_normal(200 * MS)) * 0.3
    x = vowel.copy()
    x[200 * MS : 400 * MS, 0] += hiss
    x[200 * MS : 400 * MS] -= 0.8 * vowel[200 * MS : 400 * MS]
    return x * 10 ** (level_db / 20)


def band_db(x, kind):
    return 20 * np.log10(np.std(signal.sosfilt(signal.butter(6, 4000, kind, fs=RATE, output="sos"), x[:, 0])))


def changes(x, y, start_ms, stop_ms):
    """Return by how much the highs and the lows of a part were changed, in dB."""
    part = slice(start_ms * MS, stop_ms * MS)
    return [band_db(y[part], kind) - band_db(x[part], kind) for kind in ("highpass", "lowpass")]


def test_an_s_loses_highs_and_all_else_is_kept(apply):
    x = sung()
    y = apply("deesser", x, threshold_db=-12.0, ratio=4.0)
    highs, lows = changes(x, y, 230, 390)
    assert highs < -6.0
    assert lows == pytest.approx(0.0, abs=0.2)
    assert changes(x, y, 20, 190)[1] == pytest.approx(0.0, abs=0.1)
    assert changes(x, y, 480, 590)[1] == pytest.approx(0.0, abs=0.1)


def test_where_nothing_is_turned_down_every_frequency_keeps_its_level(apply):
    impulse = np.zeros((RATE, 1))
    impulse[0] = 1e-6
    y = apply("deesser", impulse)[:, 0]
    assert np.abs(20 * np.log10(np.abs(np.fft.rfft(y, RATE)) * 1e6)).max() < 0.01


def test_relative_hears_loud_and_soft_alike_and_absolute_does_not(apply):
    reductions = {}
    for mode, threshold_db in (("relative", -12.0), ("absolute", -30.0)):
        for level_db in (0.0, -20.0):
            x = sung(level_db)
            y = apply("deesser", x, mode=mode, threshold_db=threshold_db)
            reductions[mode, level_db] = changes(x, y, 230, 390)[0]
    assert reductions["relative", -20.0] == pytest.approx(reductions["relative", 0.0], abs=0.1)
    assert reductions["absolute", 0.0] < -5.0
    assert reductions["absolute", -20.0] > reductions["absolute", 0.0] + 4.0


def test_hiss_that_is_hardly_there_is_no_s(apply):
    x = signal.sosfilt(HISS, np.random.default_rng(0).standard_normal(RATE))[:, None] * 1e-4
    assert band_db(apply("deesser", x), "highpass") - band_db(x, "highpass") == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize("range_db", [3.0, 9.0])
def test_no_more_than_the_range_is_taken(apply, range_db):
    noted = {}
    apply("deesser", sung(), threshold_db=-40.0, ratio=20.0, range_db=range_db, noted=noted)
    assert noted["max_reduction_db"] == pytest.approx(range_db, abs=0.01)
    assert 0.0 < noted["mean_reduction_db"] < range_db


def test_both_sides_are_turned_down_alike(apply):
    x = np.concatenate([sung(), 0.1 * sung()], axis=1)
    y = apply("deesser", x)
    np.testing.assert_allclose(y[:, 1], 0.1 * y[:, 0], atol=1e-12)


def test_a_real_voice_loses_highs_only_now_and_then(apply, recordings):
    with Source(recordings / "vocals" / "vocadito_10.wav") as source:
        x = source.read(0, min(source.frames, 10 * source.sample_rate))
    noted = {}
    apply("deesser", x, frequency_hz=5000.0, noted=noted)
    assert 1.0 < noted["max_reduction_db"] <= 12.0
    assert noted["mean_reduction_db"] < 0.5 * noted["max_reduction_db"]


def test_a_band_above_the_sample_rates_half_is_refused():
    with pytest.raises(SpecError, match=r"frequency_hz 5500 is not below half the sample rate \(4000 Hz\): lower it"):
        check(stream=Stream(8000, 1, 0, Path()), frequency_hz=5500.0)
