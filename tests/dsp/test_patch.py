"""Oracles: scipy's filter for a cutoff that rests, Fourier analysis for pitches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import signal

from stemtasks.dsp.envelope import Adsr
from stemtasks.dsp.patch import Patch, Sweep

RATE = 48000
PLAIN = Patch("saw", 1, 0.0, 0.0, 0.0, Adsr(100, 0, 1.0, 100), 20000.0, 0.7, 0.0, 100.0, RATE, 1)


def sounded(patch, notes=(57,), held=RATE, accent_db=0.0):
    return np.concatenate(list(patch.pieces(notes, held, accent_db)))


def spectrum(x):
    return np.abs(np.fft.rfft(x * np.hanning(len(x)))), np.fft.rfftfreq(len(x), 1 / RATE)


def centroid_hz(x):
    power, bins = spectrum(x)
    return np.sum(power * bins) / np.sum(power)


def test_a_resting_cutoff_is_the_cookbooks_low_pass():
    x = np.random.default_rng(0).standard_normal((3000, 2))
    w = 2 * np.pi * 1000 / RATE
    alpha = np.sin(w) / (2 * 3.0)
    b = np.array([(1 - np.cos(w)) / 2, 1 - np.cos(w), (1 - np.cos(w)) / 2])
    ours = Sweep(1000.0, 3.0, 0.0, 100.0, RATE, 2)
    joined = np.concatenate([ours(x[:1280], 0), ours(x[1280:], 1280)])
    theirs = signal.lfilter(b, [1 + alpha, -2 * np.cos(w), 1 - alpha], x, axis=0)
    assert np.max(np.abs(joined - theirs)) < 1e-9


@pytest.mark.parametrize("cut", [64, 640, 12800])
def test_a_sweep_in_parts_is_the_sweep_at_once(cut):
    x = np.random.default_rng(1).standard_normal((20000, 1))
    whole, parts = (Sweep(500.0, 2.0, 3.0, 200.0, RATE, 1) for _ in range(2))
    assert np.array_equal(whole(x, 0), np.concatenate([parts(x[:cut], 0), parts(x[cut:], cut)]))


def test_a_sweep_starts_bright_and_comes_to_rest():
    x = np.random.default_rng(2).standard_normal((RATE, 1))
    swept = Sweep(500.0, 0.7, 4.0, 300.0, RATE, 1)(x, 0)[:, 0]
    rest = Sweep(500.0, 0.7, 0.0, 300.0, RATE, 1)(x, 0)[:, 0]
    assert centroid_hz(swept[:2000]) > 3 * centroid_hz(rest[:2000])
    assert np.max(np.abs(swept[-10000:] - rest[-10000:])) < 0.02 * np.max(np.abs(rest))


def test_a_sweep_does_not_click_where_its_cutoff_changes():
    n = np.arange(RATE)
    sine = np.sin(2 * np.pi * 200 / RATE * n)[:, None]
    swept = Sweep(800.0, 0.7, 3.0, 300.0, RATE, 1)(sine, 0)[200:, 0]
    power, bins = spectrum(swept[:24000])
    assert 20 * np.log10(np.max(power[bins > 700]) / np.max(power)) < -70


@pytest.mark.parametrize("cutoff_hz", [1.0, 40.0, 23_900.0])
def test_extreme_cutoffs_stay_finite(cutoff_hz):
    out = sounded(replace(PLAIN, cutoff_hz=cutoff_hz, resonance=40.0, filter_envelope_octaves=8.0))
    assert np.all(np.isfinite(out))


def test_a_note_has_its_frequency():
    power, bins = spectrum(sounded(PLAIN)[:, 0])
    assert bins[np.argmax(power)] == pytest.approx(220.0, abs=0.5)


def test_a_chord_is_the_sum_of_its_notes_at_equal_power():
    chord = sounded(PLAIN, (57, 61, 64))
    notes = sum(sounded(PLAIN, (note,)) for note in (57, 61, 64))
    assert np.max(np.abs(chord - notes / 3**0.5)) < 1e-9


def test_voices_lie_within_the_detuning():
    wide = replace(PLAIN, waveform="sine", voices=5, detune_cents=100.0)
    power, bins = spectrum(sounded(wide, (81,), 4 * RATE)[:, 0])
    peaks = bins[signal.find_peaks(power, height=power.max() / 4)[0]]
    assert len(peaks) == 5
    assert np.max(np.abs(1200 * np.log2(peaks / 880.0))) < 53
    assert np.ptp(1200 * np.log2(peaks / 880.0)) > 90


def test_width_spreads_voices_and_keeps_the_power_of_both_sides():
    wide = sounded(replace(PLAIN, voices=4, detune_cents=20.0, width=1.0), (57, 64), 4 * RATE)
    assert wide.shape[1] == 2
    left, right = np.mean(wide**2, axis=0)
    assert 10 * np.log10(left / right) == pytest.approx(0, abs=1.5)
    assert np.corrcoef(wide.T)[0, 1] < 0.9


@pytest.mark.parametrize("changes", [{"width": 0.0, "voices": 3}, {"width": 1.0, "voices": 1}])
def test_without_width_or_voices_pieces_are_one_channel(changes):
    assert sounded(replace(PLAIN, **changes)).shape[1] == 1


def test_the_sub_is_an_octave_below_and_left_out_where_none_hears_it():
    low = replace(PLAIN, waveform="sine", sub=0.5)
    power, bins = spectrum(sounded(low, (45,))[:, 0])
    below, note = (power[np.argmin(np.abs(bins - frequency))] for frequency in (55.0, 110.0))
    assert below / note == pytest.approx(0.5, rel=0.05)
    assert np.array_equal(sounded(low, (26,)), sounded(replace(low, sub=0.0), (26,)))


def test_an_accent_is_louder_and_brighter():
    dark = replace(PLAIN, cutoff_hz=500.0)
    accented, ghosted = sounded(dark, accent_db=6.0)[:, 0], sounded(dark, accent_db=-6.0)[:, 0]
    assert 20 * np.log10(np.std(accented) / np.std(ghosted)) > 11.9
    assert centroid_hz(accented) > 1.1 * centroid_hz(ghosted)


def test_the_same_note_is_the_same_bits_and_another_seed_is_another_phase():
    patch = replace(PLAIN, voices=3, detune_cents=10.0)
    assert np.array_equal(sounded(patch), sounded(patch))
    assert not np.array_equal(sounded(patch), sounded(replace(patch, seed=2)))


def test_detuned_voices_at_the_top_do_not_alias():
    high = replace(PLAIN, voices=2, detune_cents=200.0)
    x = sounded(high, (108,), 2 * RATE)[RATE // 2 : 3 * RATE // 2, 0]
    power = np.abs(np.fft.rfft(x * signal.windows.kaiser(len(x), 24))) ** 2
    # one bin a hertz; harmonics lie above 3.9 kHz, and what folds back would lie below them, too
    assert 10 * np.log10(power[:3900].sum() / power.sum()) < -90


def test_no_side_is_the_sharper_one_in_a_chord():
    wide = replace(PLAIN, waveform="sine", voices=2, detune_cents=100.0, width=1.0)
    left = spectrum(sounded(wide, (69, 81), 2 * RATE)[:, 0])
    power, bins = left
    first, second = (bins[np.argmax(power * (np.abs(bins - hz) < 60))] for hz in (440.0, 880.0))
    assert first < 435
    assert second > 890
