"""The limiter: its law, its transparency, and what meters that are not ours read of its output."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from stemtasks.dsp.gain_stages import LOOK_AHEAD_MS
from stemtasks.dsp.limiter import MARGIN_DB, GainCurve, gained
from stemtasks.dsp.true_peak import TruePeaks, segment_frames
from tests import loudness_oracle
from tests.true_peak_oracle import highest_dbtp

RATE = 48_000
CEILING = -1.0


def limit(samples, rate=RATE, gain=1.0, cuts=()):
    """Return the samples times ``gain``, limited, their peaks taken in the parts between ``cuts``."""
    threshold = 10 ** ((CEILING - MARGIN_DB) / 20) / gain
    detector, curve = TruePeaks(rate, samples.shape[1]), GainCurve(rate, threshold)
    gains = [curve(detector(part, threshold)) for part in np.split(samples, list(cuts)) if len(part)]
    gains += [curve(detector.finish(threshold)), curve.finish()]
    position = 0

    def take(frames):
        nonlocal position
        position += frames
        return samples[position - frames : position]

    return np.concatenate([*gained(take, gains, detector.segment, gain), samples[:0]])


def dbtp(samples, rate):
    detector = TruePeaks(rate, samples.shape[1])
    return 20 * np.log10(max(detector(samples).max(initial=0), detector.finish().max(initial=0)))


def seconds(count=2):
    return np.arange(RATE * count) / RATE


def impulses(*values):
    samples = np.zeros((RATE, 1))
    for offset, value in enumerate(values):
        samples[100 + offset :: 2_400, 0] = value
    return samples


HARD = {
    "clipped square 55 Hz": np.clip(30 * np.sin(2 * np.pi * 55 * seconds()), -2, 2)[:, None],
    "clipped square 3 kHz": np.clip(30 * np.sin(2 * np.pi * 3000 * seconds()), -2, 2)[:, None],
    "fs/4 sine": 2 * np.sin(np.pi / 2 * np.arange(RATE) + np.pi / 4)[:, None],
    "fs/4 sine +26 dB": 20 * np.sin(np.pi / 2 * np.arange(RATE) + np.pi / 4)[:, None],
    "100 Hz": 3 * np.sin(2 * np.pi * 100 * seconds())[:, None],
    "19 kHz": 3 * np.sin(2 * np.pi * 19_000 * seconds())[:, None],
    "impulses": impulses(4.0),
    "impulse pairs": impulses(4.0, 4.0),
    "impulse pairs, opposite": impulses(4.0, -4.0),
    "noise": np.random.default_rng(0).standard_normal((RATE * 2, 2)),
    "noise of signs": np.sign(np.random.default_rng(1).standard_normal((RATE, 2))) * 1.5,
    "noise bursts": np.random.default_rng(2).standard_normal((RATE * 2, 2))
    * (np.sin(2 * np.pi * 8 * seconds()) > 0.8)[:, None],
    "over at both ends": np.full((4_000, 1), 1.7),
}


@pytest.mark.parametrize("name", HARD)
def test_hard_material_holds_the_ceiling_on_libebur128_and_on_ours(name):
    out = limit(HARD[name]).astype(np.float32).astype(np.float64)
    assert out.shape == HARD[name].shape
    assert dbtp(out, RATE) <= CEILING
    assert loudness_oracle.true_peak_dbtp(out, RATE) <= CEILING


@pytest.mark.parametrize(
    ("frequency_hz", "at_most_db"), [(20.5, -140), (27.5, -140), (40, -200), (100, -200), (1000, -200)]
)
def test_a_steady_tone_6_db_over_keeps_its_wave(frequency_hz, at_most_db):
    tone = 10 ** ((CEILING - MARGIN_DB + 6) / 20) * np.sin(2 * np.pi * frequency_hz * seconds(4))
    spectrum = np.abs(np.fft.rfft(limit(tone[:, None])[RATE : 3 * RATE, 0]))
    # ffmpeg's alimiter: -33 dB at 40 Hz, -158 dB at 100 Hz
    harmonics = spectrum[round(2 * frequency_hz) * np.arange(1, 20)]
    assert 10 * np.log10((harmonics[1:] ** 2).sum() / harmonics[0] ** 2) < at_most_db


def test_a_level_that_lasts_is_turned_down_slowly_a_peak_in_it_quickly():
    peaks = np.where((np.arange(24_000) >= 6_000) & (np.arange(24_000) < 18_000), 2.0, 0.5)
    curve = GainCurve(RATE, 1.0)
    gains = np.concatenate((curve(peaks), curve.finish()))
    assert gains[9_000:15_000] == pytest.approx(0.5)
    assert np.all(gains[:5_000] == 1.0)
    assert 0.6 < gains[5_900] < 0.99
    peaks[12_000] = 4.0
    curve = GainCurve(RATE, 1.0)
    gains = np.concatenate((curve(peaks), curve.finish()))
    assert gains[12_000 - 60] > 0.499 > 0.251 > gains[12_000]
    assert gains[15_000] == pytest.approx(0.5)


def test_a_steady_tone_is_held_near_the_ceiling_not_far_below():
    out = limit(HARD["100 Hz"])
    assert dbtp(out, RATE) == pytest.approx(CEILING - MARGIN_DB, abs=0.02)


@pytest.mark.parametrize(
    "name",
    [
        "songs/metal_madness/song.ogg",
        "songs/lmms_reggaetry/MASTER.ogg",
        "loops/loop_amen_full.flac",
        "loops/tb303_01.ogg",
    ],
)
def test_recordings_7_db_over_hold_the_ceiling_on_an_8_times_meter_too(recordings, name):
    samples, rate = soundfile.read(recordings / name, frames=44_100 * 8, always_2d=True)
    gain = 10 ** ((CEILING + 7 - dbtp(samples, rate)) / 20)
    out = limit(samples, rate, gain)
    assert dbtp(out, rate) <= CEILING
    assert loudness_oracle.true_peak_dbtp(out, rate) <= CEILING
    assert highest_dbtp(out, rate) <= CEILING


def test_where_nothing_exceeds_not_a_bit_changes():
    samples = np.random.default_rng(3).uniform(-0.4, 0.4, (100_000, 2))
    assert np.array_equal(limit(samples), samples)


def test_far_from_a_peak_not_a_bit_changes():
    samples = np.random.default_rng(3).uniform(-0.3, 0.3, (4 * RATE, 2))
    samples[RATE] = 1.5
    changed = np.flatnonzero(np.any(limit(samples) != samples, axis=1))
    before = (LOOK_AHEAD_MS + 2 * 1000 * segment_frames(RATE) / RATE) / 1000 * RATE
    assert RATE - before <= changed[0] < RATE
    assert RATE < changed[-1] < 2 * RATE


def test_channels_are_turned_down_together():
    samples = np.stack([np.full(RATE, 0.2), np.full(RATE, 0.2)], axis=1)
    samples[RATE // 2, 0] = 3.0
    out = limit(samples)
    quiet = np.arange(RATE) != RATE // 2
    assert np.array_equal(out[quiet, 0], out[quiet, 1])
    assert out[RATE // 2 - 1, 1] < 0.1


def test_the_gain_never_steps():
    out = limit(np.where(np.arange(RATE)[:, None] == 20_000, 4.0, 0.1))
    gain = np.delete(out[:, 0], 20_000) / 0.1
    assert np.abs(np.diff(gain)).max() < 0.03  # a gain of 0.2 in 72 frames, smooth: a step would be 0.8


def test_the_gain_recovers_within_a_second_of_a_single_peak_and_never_rises_above_1():
    curve = GainCurve(RATE, 1.0)
    peaks = np.zeros(12_000)
    peaks[3_000] = 4.0
    gains = np.concatenate((curve(peaks), curve.finish()))
    assert gains.max() == 1.0
    assert np.all(np.diff(gains[3_002:]) >= -1e-12)
    assert np.all(gains[3_000 + 6_000 :] == 1.0)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([44_100, 48_000, 96_000]), st.floats(0.1, 3.0))
def test_both_gains_around_a_segment_are_enough_for_its_peak(seed, rate, threshold):
    rng = np.random.default_rng(seed)
    peaks = rng.exponential(0.3, 9_000) * (rng.random(9_000) < 0.05)
    curve = GainCurve(rate, threshold)
    gains = np.concatenate((curve(peaks), curve.finish()))
    assert len(gains) == len(peaks) + 1
    assert np.all(peaks * gains[:-1] <= threshold * (1 + 1e-9))
    assert np.all(peaks * gains[1:] <= threshold * (1 + 1e-9))
    assert gains.max() <= 1.0


@cache
def sparse(seed):
    """Return peaks here and there, and these limited in one block."""
    rng = np.random.default_rng(seed)
    samples = rng.standard_normal((120_000, 2)) * (rng.random((120_000, 1)) < 0.001) * 2
    return samples, limit(samples)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 120_000), max_size=6), st.integers(0, 3))
def test_output_does_not_depend_on_where_blocks_end(cuts, seed):
    samples, whole = sparse(seed)
    assert np.array_equal(whole, limit(samples, cuts=sorted(cuts)))


@pytest.mark.parametrize("frames", [1, 7, 8, 9, 100])
def test_short_audio_keeps_its_length(frames):
    out = limit(np.full((frames, 1), 2.0))
    assert out.shape == (frames, 1)
    assert out.max() <= 10 ** (CEILING / 20)


def test_no_frames_come_out_of_none():
    assert len(limit(np.zeros((0, 2)))) == 0
