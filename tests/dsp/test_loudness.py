"""The meter against libebur128, the EBU's own test signals and the standard's figures."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from stemtasks.dsp.loudness import LoudnessMeter, k_weighting
from tests import loudness_oracle

RATE = 48_000


def metered(samples, rate=RATE, cuts=()):
    meter = LoudnessMeter(rate, samples.shape[1])
    for part in np.split(samples, list(cuts)):
        if len(part):
            meter(part)
    return meter


def stereo(*segments):
    return loudness_oracle.sines([(seconds, (level, level)) for seconds, level in segments])


@pytest.mark.parametrize(
    ("segments", "lufs"),
    [
        ([(20, -23)], -23.0),
        ([(20, -33)], -33.0),
        ([(10, -36), (60, -23), (10, -36)], -23.0),
        ([(10, -72), (10, -36), (60, -23), (10, -36), (10, -72)], -23.0),
        ([(20, -26), (20.1, -20), (20, -26)], -23.0),
    ],
)
def test_ebu_3341_programmes_read_their_loudness(segments, lufs):
    assert metered(stereo(*segments)).integrated() == pytest.approx(lufs, abs=0.1)


def test_ebu_3341_weights_five_channels():
    samples = loudness_oracle.sines([(20, (-28, -28, -24, -30, -30))])
    assert metered(samples).integrated() == pytest.approx(-23.0, abs=0.1)


def test_the_lfe_of_a_5_1_file_does_not_count():
    samples = loudness_oracle.sines([(5, (-28, -28, -24, 0, -30, -30))])
    assert metered(samples).integrated() == pytest.approx(-23.0, abs=0.1)
    assert metered(samples).integrated() == pytest.approx(loudness_oracle.integrated_lufs(samples, RATE), abs=0.01)


@pytest.mark.parametrize(
    ("levels", "range_lu"),
    [((-20, -30), 10), ((-20, -15), 5), ((-40, -20), 20), ((-50, -35, -20, -35, -50), 15)],
)
def test_ebu_3342_programmes_read_their_range(levels, range_lu):
    samples = stereo(*((20, level) for level in levels))
    assert metered(samples).loudness_range() == pytest.approx(range_lu, abs=1.0)
    assert metered(samples).loudness_range() == pytest.approx(
        loudness_oracle.loudness_range_lu(samples, RATE), abs=0.01
    )


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 88_200, 96_000, 192_000])
def test_997_hz_at_full_scale_reads_minus_3_01_at_every_rate(rate):
    tone = np.sin(2 * np.pi * 997 * np.arange(rate * 2) / rate)[:, None]
    assert metered(tone, rate).integrated() == pytest.approx(-3.01, abs=0.005)


@pytest.mark.parametrize("rate", [44_100, 96_000, 192_000])
def test_k_weighting_has_the_48_khz_response_at_other_rates(rate):
    frequencies = np.geomspace(20, 10_000, 200)
    ours = signal.sosfreqz(k_weighting(rate), frequencies, fs=rate)[1]
    table = signal.sosfreqz(k_weighting(RATE), frequencies, fs=RATE)[1]
    assert np.max(np.abs(20 * np.log10(np.abs(ours / table)))) < 0.15


@pytest.mark.parametrize(("rate", "tolerance"), [(44_100, 0.01), (48_000, 0.0001), (96_000, 0.03)])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_noise_reads_as_libebur128_reads_it(rate, tolerance, channels):
    rng = np.random.default_rng(channels)
    samples = rng.standard_normal((rate * 8, channels)) * np.geomspace(0.001, 0.3, rate * 8)[:, None]
    meter = metered(samples, rate, cuts=[1, 4_799, 100_000])
    momentary, short_term = loudness_oracle.max_windows_lufs(samples, rate)
    assert meter.integrated() == pytest.approx(loudness_oracle.integrated_lufs(samples, rate), abs=tolerance)
    assert meter.loudness_range() == pytest.approx(loudness_oracle.loudness_range_lu(samples, rate), abs=0.01)
    assert meter.max_momentary() == pytest.approx(momentary, abs=tolerance)
    assert meter.max_short_term() == pytest.approx(short_term, abs=tolerance)


@pytest.mark.parametrize(
    "name", ["songs/metal_madness/song.ogg", "songs/lmms_reggaetry/MASTER.ogg", "vocals/vocadito_10.wav"]
)
def test_recordings_read_as_libebur128_reads_them(recordings, name):
    samples, rate = soundfile.read(recordings / name, frames=44_100 * 40, always_2d=True)
    meter = metered(samples, rate)
    assert meter.integrated() == pytest.approx(loudness_oracle.integrated_lufs(samples, rate), abs=0.01)
    assert meter.loudness_range() == pytest.approx(loudness_oracle.loudness_range_lu(samples, rate), abs=0.01)


def test_silence_and_less_than_a_window_have_no_loudness():
    for samples in (np.zeros((RATE * 4, 2)), np.full((100, 2), 0.5), np.zeros((0, 2))):
        meter = metered(samples)
        assert meter.integrated() is None
        assert meter.loudness_range() is None
        assert meter.max_momentary() is None
        assert meter.max_short_term() is None


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 40_000), max_size=12))
def test_blocks_of_any_length_read_as_the_whole(cuts):
    samples = np.random.default_rng(5).standard_normal((40_000, 2)) * np.array([0.1, 0.02])
    whole, parts = metered(samples, 8_000), metered(samples, 8_000, sorted(cuts))
    assert parts.integrated() == pytest.approx(whole.integrated(), abs=1e-9)
    assert parts.loudness_range() == pytest.approx(whole.loudness_range(), abs=1e-9)
    assert parts.max_momentary() == pytest.approx(whole.max_momentary(), abs=1e-9)
