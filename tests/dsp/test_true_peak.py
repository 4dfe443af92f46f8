"""True peak against EBU Tech 3341's signals, libebur128 and arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from stemtasks.dsp.true_peak import TruePeaks, _bound, phases, segment_frames
from tests import loudness_oracle
from tests.true_peak_oracle import FLAT_SHARE, RIPPLE, band_limited, exact_peak, least_of, long_dbtp

RATE = 48_000


def peaks_of(samples, rate=RATE, cuts=(), floor=0.0):
    detector = TruePeaks(rate, samples.shape[1])
    found = [detector(part, floor) for part in np.split(samples, list(cuts))]
    return np.concatenate([*found, detector.finish(floor)])


def dbtp(samples, rate=RATE):
    return 20 * np.log10(peaks_of(samples, rate).max())


@pytest.mark.parametrize(
    ("divisor", "degrees", "amplitude", "expected"),
    [(4, 0, 0.5, -6.0), (4, 45, 0.5, -6.0), (6, 60, 0.5, -6.0), (8, 67.5, 0.5, -6.0), (4, 45, 1.41, 3.0)],
)
def test_ebu_3341_sines_read_their_true_peak(divisor, degrees, amplitude, expected):
    tone = amplitude * np.sin(2 * np.pi * np.arange(RATE) / divisor + np.radians(degrees))
    # as in the EBU's files the tone fades in and out, since a hard edge has peaks of its own
    fade = np.minimum(1, np.minimum(np.arange(RATE), np.arange(RATE)[::-1]) / 480)
    assert expected - 0.4 <= dbtp((tone * fade)[:, None]) <= expected + 0.2


@pytest.mark.parametrize("offset", [0, 1, 2, 3])
def test_a_burst_made_at_4_times_the_rate_reads_the_same_wherever_its_samples_lie(offset):
    # as in EBU Tech 3341's cases 20 to 23: the samples miss the peak by 0 to 3 quarters of a frame
    n = np.arange(-4_000, 4_000)
    burst = np.cos(2 * np.pi * n / 16) * np.exp(-((n / 120) ** 2))
    assert -0.4 <= dbtp(burst[offset::4, None]) <= 0.2


def shorter_ones(samples):
    """Return the peak that a filter of 12 taps sees at the rates that libebur128 reads at 4x."""
    return 10 ** (loudness_oracle.true_peak_dbtp(samples, RATE) / 20)


def assert_reads_as_the_wave(samples, share, rate):
    """Hold our reading of what has nothing above ``share`` of the rate against Fourier's at 8x and at 32x."""
    read, wave = peaks_of(samples, rate).max(), exact_peak(samples)
    # the root mean square of what the ripple adds is its share at most (Parseval); no chance reaches six times that
    ripple = 6 * RIPPLE * np.sqrt((samples**2).mean(axis=0)).max() + 2e-6 * wave
    assert read >= wave - ripple
    assert read >= least_of(share) * exact_peak(samples, 32) - ripple
    assert read >= shorter_ones(samples) * (1 - 2e-5)
    assert read <= max(wave + ripple, shorter_ones(samples) * (1 + 2e-5))


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("share", [0.1, 0.3, 0.45, FLAT_SHARE])
def test_noise_reads_as_the_wave_that_its_spectrum_is(rate, share):
    noise = np.random.default_rng(rate).standard_normal((20_000, 2)) * 0.2
    assert_reads_as_the_wave(band_limited(noise, share), share, rate)


@pytest.mark.parametrize("name", ["songs/metal_madness/song.ogg", "loops/loop_amen_full.flac", "loops/tb303_01.ogg"])
def test_recordings_read_as_the_wave_that_their_spectrum_is(recordings, name):
    samples, rate = soundfile.read(recordings / name, start=30_000, frames=44_100 * 3, always_2d=True)
    assert_reads_as_the_wave(band_limited(samples), 0.45, rate)


@settings(max_examples=60, deadline=None)
@given(st.floats(0.001, FLAT_SHARE), st.floats(0, 2 * np.pi))
def test_a_tone_reads_what_8_times_its_rate_can_see_of_it(share, phase):
    tone = np.sin(2 * np.pi * share * np.arange(2_400) + phase)[:, None]
    inside = slice(100 // segment_frames(RATE), -100 // segment_frames(RATE))
    frames = np.arange(8 * segment_frames(RATE) * (100 // segment_frames(RATE)), 8 * 2_300) / 8
    seen = np.abs(np.sin(2 * np.pi * share * frames + phase)).max()
    read = peaks_of(tone)[inside].max()
    assert read >= seen - RIPPLE - 2e-6
    assert read <= 1.013  # the short filters' ripple; the long ones' is below 1.0006
    if share > 0.01:  # at least half a period is inside
        assert read >= least_of(share) - RIPPLE - 2e-6


def test_what_rings_before_the_first_frame_and_after_the_last_is_heard():
    samples = np.where(np.arange(400) % 2, 1.0, -1.0)[:, None]
    assert dbtp(samples) == pytest.approx(long_dbtp(samples), abs=0.3)
    assert dbtp(samples) > 1.0


@pytest.mark.parametrize("rate", [96_000, 192_000])
def test_high_rates_read_between_samples_too(rate):
    tone = 0.5 * np.sin(2 * np.pi * np.arange(rate // 4) / 4 + np.pi / 4)
    fade = np.minimum(1, np.minimum(np.arange(rate // 4), np.arange(rate // 4)[::-1]) / 960)
    assert dbtp((tone * fade)[:, None], rate) == pytest.approx(-6.02, abs=0.1)


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("frame", [0, 5, 7, 8, 4_095, 4_096, 9_999])
def test_an_impulse_is_found_in_its_own_segment(rate, frame):
    samples = np.zeros((10_000, 1))
    samples[frame] = -1.0
    peaks = peaks_of(samples, rate)
    assert len(peaks) == -(-10_000 // segment_frames(rate))
    assert peaks.argmax() == frame // segment_frames(rate)
    assert peaks.max() == 1.0


def test_what_follows_the_last_frame_is_heard():
    samples = np.zeros((100, 1))
    samples[-2:] = 0.9
    after = np.concatenate((samples, np.zeros((100, 1))))
    assert peaks_of(samples).max() == peaks_of(after).max() > 0.9


def test_no_frames_have_no_peaks():
    assert len(peaks_of(np.zeros((0, 2)))) == 0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 20_000), max_size=8), st.sampled_from([44_100, 48_000, 96_000]))
def test_peaks_do_not_depend_on_where_blocks_end(cuts, rate):
    samples = np.random.default_rng(1).standard_normal((20_000, 2))
    assert np.array_equal(peaks_of(samples, rate), peaks_of(samples, rate, sorted(cuts)))


@settings(max_examples=40, deadline=None)
@given(st.floats(0.01, 6.0), st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_peaks_above_the_floor_are_exact_and_the_others_stay_below_it(floor, seed, power):
    rng = np.random.default_rng(seed)
    samples = rng.standard_normal((9_000, 2)) ** power * rng.random((9_000, 1))
    exact, some = peaks_of(samples), peaks_of(samples, floor=floor)
    above = exact > floor
    assert np.allclose(some[above], exact[above], rtol=1e-6)
    assert np.all(some[~above] <= floor * (1 + 1e-6))


@settings(max_examples=40, deadline=None)
@given(st.floats(0.3, 1.2), st.integers(0, 2**32 - 1), st.integers(1, 60), st.sampled_from([44_100, 48_000, 96_000]))
def test_smooth_signals_have_the_same_peaks_above_a_floor(share, seed, smoothing, rate):
    noise = np.random.default_rng(seed).standard_normal(40_000 + smoothing - 1)
    samples = np.convolve(noise, np.hanning(smoothing + 2)[1:-1], "valid")[:, None]
    floor = share * np.abs(samples).max()
    exact, some = peaks_of(samples, rate), peaks_of(samples, rate, floor=floor)
    above = exact > floor
    assert np.allclose(some[above], exact[above], rtol=1e-6)
    assert np.all(some[~above] <= floor * (1 + 1e-6))


def test_smooth_signals_are_computed_near_their_peak_only():
    tone = np.sin(2 * np.pi * np.arange(RATE) / 4800)[:, None]
    # the samples alone would have to be below 0.53 to leave a segment out
    assert np.count_nonzero(peaks_of(tone, floor=0.99)) < 0.3 * RATE / segment_frames(RATE)


@pytest.mark.parametrize("rate", [44_100, 96_000])
def test_no_true_peak_is_further_above_the_highest_sample_than_the_bound(rate):
    worst = np.sign(phases()[np.abs(phases()).sum(axis=1).argmax()])
    samples = np.concatenate((np.zeros(50), worst, np.zeros(50)))[:, None]
    bound_db = 20 * np.log10(_bound(phases()))
    assert bound_db - 0.01 < dbtp(samples, rate) <= bound_db + 1e-5
