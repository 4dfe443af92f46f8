"""The meter against libebur128, the EBU's own test signals and the standard's figures."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from stemtasks.dsp.loudness import LoudnessMeter, k_weighting
from tests import loudness_oracle

RATE = 48_000
RATES = [8_000, 11_025, 22_050, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000]
SILENCE = -np.inf


def metered(samples, rate=RATE, cuts=()):
    meter = LoudnessMeter(rate, samples.shape[1])
    for part in np.split(samples, list(cuts)):
        if len(part):
            meter(part)
    return meter


def stereo(*segments, rate=RATE):
    return loudness_oracle.sines([(seconds, (level, level)) for seconds, level in segments], rate)


# EBU Tech 3341, table 1: 1 to 6 and 9 to 14 (7 and 8 are recordings, 15 to 23 are true peaks)
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
def test_ebu_3341_cases_1_to_5_programmes_read_their_loudness(segments, lufs):
    assert metered(stereo(*segments, rate=16_000), 16_000).integrated() == pytest.approx(lufs, abs=0.1)


@pytest.mark.parametrize("level", [-23.0, -33.0])
def test_ebu_3341_cases_1_and_2_steady_tones_read_the_same_at_all_times(level):
    meter = metered(stereo((20, level)))
    assert np.abs(meter.momentary()[4:] - level).max() < 0.1
    assert np.abs(meter.short_term()[30:] - level).max() < 0.1


@pytest.mark.parametrize("rate", RATES)
def test_ebu_3341_case_9_short_term_is_constant_over_a_tone_of_two_levels(rate):
    meter = metered(stereo(*[(1.34, -20), (1.66, -30)] * 5, rate=rate), rate)
    assert np.isnan(meter.short_term()[:29]).all()
    assert np.abs(meter.short_term()[29:] + 23.0).max() < 0.1


@pytest.mark.parametrize("segment", range(20))
def test_ebu_3341_case_10_short_term_maximum_of_a_tone_at_any_place(segment):
    samples = stereo((segment * 0.15, SILENCE), (3, -23), (1, SILENCE), rate=16_000)
    assert metered(samples, 16_000).max_short_term() == pytest.approx(-23.0, abs=0.1)


def test_ebu_3341_case_11_short_term_maxima_of_tones_as_they_come():
    segments = [((i * 0.15, SILENCE), (3, -38 + i), (3 - i * 0.15, SILENCE)) for i in range(20)]
    samples = stereo(*(part for segment in segments for part in segment), rate=16_000)
    heard = metered(samples, 16_000).short_term().reshape(20, 60)
    assert np.abs(np.nanmax(heard, axis=1) - np.arange(-38, -18)).max() < 0.1


@pytest.mark.parametrize("rate", RATES)
def test_ebu_3341_case_12_momentary_is_constant_over_a_tone_of_two_levels(rate):
    meter = metered(stereo(*[(0.18, -20), (0.22, -30)] * 25, rate=rate), rate)
    assert np.isnan(meter.momentary()[:3]).all()
    assert np.abs(meter.momentary()[9:] + 23.0).max() < 0.1
    assert meter.max_momentary() == pytest.approx(-23.0, abs=0.1)


@pytest.mark.parametrize(
    ("rate", "segment"),
    [
        *((rate, segment) for rate in RATES for segment in (0, 7, 19)),
        *((rate, segment) for rate in (11_025, 44_100, 48_000) for segment in (1, 3, 12, 16)),
    ],
)
def test_ebu_3341_case_13_momentary_maximum_of_a_tone_at_any_place(rate, segment):
    samples = stereo((segment * 0.02, SILENCE), (0.4, -23), (1, SILENCE), rate=rate)
    assert metered(samples, rate).max_momentary() == pytest.approx(-23.0, abs=0.02)


def test_ebu_3341_case_14_momentary_maxima_of_tones_as_they_come():
    meter = LoudnessMeter(16_000, 2)
    for i in range(20):
        meter(stereo((i * 0.02, SILENCE), (0.4, -38 + i), (0.4 - i * 0.02, SILENCE), rate=16_000))
        assert meter.max_momentary() == pytest.approx(-38 + i, abs=0.1)


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000, 192_000])
def test_a_tone_that_ends_with_the_file_is_heard_whole(rate):
    samples = stereo((0.07, SILENCE), (0.4, -23), rate=rate)
    assert metered(samples, rate).max_momentary() == pytest.approx(-23.0, abs=0.02)


def test_ebu_3341_case_6_weights_five_channels():
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
    rate = 16_000
    samples = stereo(*((20, level) for level in levels), rate=rate)
    found = metered(samples, rate).loudness_range()
    assert found == pytest.approx(range_lu, abs=1.0)
    assert found == pytest.approx(loudness_oracle.loudness_range_lu(samples, rate), abs=0.01)


@pytest.mark.parametrize("rate", RATES)
def test_997_hz_at_full_scale_reads_minus_3_01_at_every_rate(rate):
    tone = np.sin(2 * np.pi * 997 * np.arange(rate * 2) / rate)[:, None]
    meter = metered(np.tile(tone, (2, 1)), rate)
    assert meter.integrated() == pytest.approx(-3.01, abs=0.005)
    assert meter.max_momentary() == pytest.approx(-3.01, abs=0.005)
    assert meter.momentary()[-1] == pytest.approx(-3.01, abs=0.005)
    assert meter.short_term()[-1] == pytest.approx(-3.01, abs=0.005)


@pytest.mark.parametrize("rate", [*RATES, 12_000, 16_000, 24_000, 37_800, 176_400, 384_000])
def test_k_weighting_has_the_48_khz_response_up_to_the_highest_frequency(rate):
    frequencies = np.linspace(5, min(rate, RATE) / 2 * 0.9999, 5_000)
    ours = signal.sosfreqz(k_weighting(rate), frequencies, fs=rate)[1]
    table = signal.sosfreqz(k_weighting(RATE), frequencies, fs=RATE)[1]
    allowed = 0.015 if rate < 11_025 else 0.007 if rate < 22_050 else 0.0005
    assert np.max(np.abs(20 * np.log10(np.abs(ours / table)))) < allowed
    for polynomial in (*k_weighting(rate)[:, 3:], k_weighting(rate)[0, :3]):
        assert np.abs(np.roots(polynomial)).max() < 1.0


def band_limited(frames, top_hz, seed):
    """Return pink and white noise, shape (frames, 2), without anything above ``top_hz``."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal((frames, 2)), axis=0)
    hz = np.fft.rfftfreq(frames, 1 / RATE)[:, None]
    spectrum *= np.hstack((1 / np.sqrt(np.maximum(hz, 20)), np.full_like(hz, 0.01))) * (hz < top_hz)
    return np.fft.irfft(spectrum, frames, axis=0)


@pytest.mark.parametrize("rate", RATES)
def test_noise_reads_at_every_rate_what_libebur128_reads_of_it_at_48_khz(rate):
    samples = band_limited(4 * RATE, 0.45 * min(rate, RATE), rate) * np.linspace(0.1, 1, 4 * RATE)[:, None]
    meter = metered(soxr.resample(samples, RATE, rate, "VHQ"), rate)
    momentary, short_term = loudness_oracle.max_windows_lufs(samples, RATE)
    assert meter.integrated() == pytest.approx(loudness_oracle.integrated_lufs(samples, RATE), abs=0.006)
    if rate % 100 == 0:  # else the windows do not lie at the same times
        assert meter.max_momentary() == pytest.approx(momentary, abs=0.01)
        assert meter.max_short_term() == pytest.approx(short_term, abs=0.01)


def test_the_last_window_counts_at_a_rate_whose_steps_are_no_whole_frames():
    rate = 11_025
    samples = np.zeros((2 * rate, 1))
    samples[-round(0.4 * rate) :, 0] = np.sin(2 * np.pi * 997 * np.arange(round(0.4 * rate)) / rate)
    assert metered(samples, rate).max_momentary() == pytest.approx(-3.01, abs=0.02)
    assert len(metered(samples, rate).momentary()) == 20


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.6, 0.8, 0.9])
@pytest.mark.parametrize("rate", RATES)
def test_tones_read_at_every_rate_what_libebur128_reads_of_them_at_48_khz(rate, share):
    hz = share * min(rate, RATE) / 2
    ours, theirs = (np.sin(2 * np.pi * hz * np.arange(2 * some) / some)[:, None] for some in (rate, RATE))
    assert metered(ours, rate).integrated() == pytest.approx(loudness_oracle.integrated_lufs(theirs, RATE), abs=0.02)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("name", ["songs/metal_madness/song.ogg", "songs/lmms_reggaetry/MASTER.ogg"])
def test_recordings_read_at_every_rate_what_libebur128_reads_of_them_at_48_khz(recordings, name, rate):
    samples, own = soundfile.read(recordings / name, start=44_100 * 20, frames=44_100 * 4, always_2d=True)
    # what the rate cannot hold is taken out of both
    samples = soxr.resample(soxr.resample(samples, own, rate, "VHQ"), rate, RATE, "VHQ")
    meter = metered(soxr.resample(samples, RATE, rate, "VHQ"), rate)
    assert meter.integrated() == pytest.approx(loudness_oracle.integrated_lufs(samples, RATE), abs=0.01)


@pytest.mark.parametrize(
    ("rate", "tolerance", "channels"),
    [
        (44_100, 0.01, 1),
        (44_100, 0.01, 6),
        (48_000, 0.0001, 1),
        (48_000, 0.0001, 2),
        (48_000, 0.0001, 6),
        (96_000, 0.03, 2),
    ],
)
def test_noise_reads_as_libebur128_reads_it(rate, tolerance, channels):
    rng = np.random.default_rng(channels)
    samples = rng.standard_normal((rate * 5, channels)) * np.geomspace(0.001, 0.3, rate * 5)[:, None]
    meter = metered(samples, rate, cuts=[1, 4_799, 100_000])
    momentary, short_term = loudness_oracle.max_windows_lufs(samples, rate)
    assert meter.integrated() == pytest.approx(loudness_oracle.integrated_lufs(samples, rate), abs=tolerance)
    assert meter.loudness_range() == pytest.approx(loudness_oracle.loudness_range_lu(samples, rate), abs=0.01)
    assert meter.max_momentary() == pytest.approx(momentary, abs=tolerance)
    assert meter.max_short_term() == pytest.approx(short_term, abs=tolerance)


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_loudness_over_time_is_what_libebur128_reads_then(rate):
    samples = (
        np.random.default_rng(rate).standard_normal((rate * 6 + 999, 2))
        * np.geomspace(0.3, 1e-6, rate * 6 + 999)[:, None]
    )
    meter = metered(samples, rate, cuts=[7, 4_800, 100_001])
    momentary, short_term = loudness_oracle.windows_lufs(samples, rate, meter.step_frames)
    for ours, theirs in ((meter.momentary(), momentary), (meter.short_term(), short_term)):
        heard = theirs >= -70.0
        assert np.array_equal(np.isfinite(ours), heard)
        assert np.abs(ours[heard] - theirs[heard]).max() < 0.01


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
        assert np.isnan(meter.momentary()).all()
        assert np.isnan(meter.short_term()).all()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 40_000), max_size=12))
def test_blocks_of_any_length_read_as_the_whole(cuts):
    samples = np.random.default_rng(5).standard_normal((40_000, 2)) * np.array([0.1, 0.02])
    whole, parts = metered(samples, 8_000), metered(samples, 8_000, sorted(cuts))
    assert parts.integrated() == pytest.approx(whole.integrated(), abs=1e-9)
    assert parts.loudness_range() == pytest.approx(whole.loudness_range(), abs=1e-9)
    assert parts.max_momentary() == pytest.approx(whole.max_momentary(), abs=1e-9)
    np.testing.assert_allclose(parts.momentary(), whole.momentary(), atol=1e-9)
    np.testing.assert_allclose(parts.short_term(), whole.short_term(), atol=1e-9)
