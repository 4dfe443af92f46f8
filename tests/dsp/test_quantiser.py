"""Rounding against the integers that went in, and its noise against theory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from stemtasks.dsp import noise_shaping
from stemtasks.dsp.quantiser import Quantiser

RATE = 48_000
LEAST = 960  # 20 ms


def quantised(samples, bits=16, dither="tpdf", rate=RATE, cuts=(), seed=3):
    quantiser = Quantiser(bits, rate, samples.shape[1], dither, seed)
    parts = [quantiser(part) for part in np.split(samples, list(cuts))]
    return np.concatenate([*parts, quantiser.finish()])


def whole(frames, channels=2, bits=16, seed=1):
    """Return noise that a converter of so many bits could have recorded."""
    steps = np.random.default_rng(seed).normal(0.0, 0.05 * (1 << (bits - 1)), (frames, channels))
    return np.rint(steps) / (1 << (bits - 1))


def computed(frames, channels=2, seed=2):
    return np.random.default_rng(seed).normal(0.0, 0.05, (frames, channels))


def changed(samples, rounded, bits=16):
    return rounded != samples * (1 << (bits - 1))


@pytest.mark.parametrize("dither", ["off", "tpdf", "shaped"])
@pytest.mark.parametrize("bits", [16, 24])
@pytest.mark.parametrize("frames", [1, 500, 70_000])
def test_what_the_format_holds_is_written_as_it_is(bits, frames, dither):
    samples = whole(frames, bits=bits)
    assert not changed(samples, quantised(samples, bits, dither), bits).any()


def test_16_bits_in_24_are_written_as_they_are():
    assert not changed(whole(20_000), quantised(whole(20_000), 24), 24).any()


def test_24_bits_in_16_are_dithered():
    samples = whole(100_000, bits=24)
    error = quantised(samples) - samples * 32768
    assert error.var() == pytest.approx(0.25, abs=0.005)


@pytest.mark.parametrize("dither", ["tpdf", "shaped"])
def test_a_computed_signal_is_dithered_also_where_it_is_on_the_grid_by_chance(dither):
    samples = computed(96_000)
    lucky = np.random.default_rng(4).random(samples.shape) < 0.5
    lucky[20_000 : 20_000 + LEAST - 1] = True
    lucky[[19_999, 20_000 + LEAST - 1]] = False
    samples[lucky] = np.rint(samples[lucky] * 32768) / 32768
    error = quantised(samples, dither=dither) - samples * 32768
    assert np.any(error[20_000 : 20_000 + LEAST - 1])
    assert error[lucky].var() == pytest.approx(error[~lucky].var(), rel=0.03)
    if dither == "tpdf":
        assert error[lucky].var() == pytest.approx(0.25, abs=0.005)


@pytest.mark.parametrize("rate", [8_000, 48_000, 96_000])
def test_silence_of_20_ms_in_a_computed_signal_stays_silent_and_less_is_dithered(rate):
    frames = rate // 50
    for length, silent in ((frames, True), (frames - 1, False)):
        samples = computed(rate)
        samples[rate // 2 :][:length] = 0.0
        assert (not quantised(samples, rate=rate)[rate // 2 :][:length].any()) == silent


def test_a_channel_without_sound_stays_silent_beside_one_that_is_computed():
    samples = computed(30_000)
    samples[:, 1] = 0.0
    rounded = quantised(samples)
    assert not rounded[:, 1].any()
    assert changed(samples, rounded)[:, 0].mean() > 0.9


def test_a_take_that_is_crossfaded_at_a_seam_is_untouched_up_to_the_seam():
    one, other = whole(20_000, seed=1), whole(20_000, seed=2)
    ramp = np.linspace(0.0, 1.0, 2002)[1:-1, None]
    seam = one[-2000:] * (1 - ramp) + other[:2000] * ramp
    samples = np.concatenate((one[:-2000], seam, other[2000:]))
    at = np.flatnonzero(changed(samples, quantised(samples)).any(axis=1))
    assert (at[0], at[-1]) == (18_000, 19_999)


def test_gains_that_cancel_leave_a_take_as_it_was():
    samples = whole(10_000, bits=24)
    assert not changed(samples, quantised(samples * 10**0.35 * 10**-0.35, 24), 24).any()


def test_without_dither_every_sample_is_the_nearest_step():
    samples = computed(10_000)
    assert np.array_equal(quantised(samples, dither="off"), np.rint(samples * 32768))


@pytest.mark.parametrize("dither", ["off", "tpdf", "shaped"])
def test_full_scale_is_clipped_and_does_not_ring_on(dither):
    samples = np.full((20_000, 1), 0.3001)
    samples[5_000:10_000] = 1.7
    samples[10_000:15_000] = -1.7
    rounded = quantised(samples, dither=dither)
    assert (rounded.max(), rounded.min()) == (32767, -32768)
    assert np.abs(rounded[15_000:] - samples[15_000:] * 32768).max() < 15


@pytest.mark.parametrize("offset", [0.1, 0.3, 0.5])
@pytest.mark.parametrize("dither", ["tpdf", "shaped"])
def test_a_level_between_steps_is_kept_on_average(dither, offset):
    rounded = quantised(np.full((200_000, 1), offset / 32768), dither=dither)
    assert rounded.mean() == pytest.approx(offset, abs=0.005)


@pytest.mark.parametrize(
    ("rate", "taps"),
    [
        (44_100, [1, -2.033, 2.165, -1.959, 1.590, -0.6149]),
        (48_000, [1, -2.033, 2.165, -1.959, 1.590, -0.6149]),
        (96_000, [1, -2, 1]),
        (32_000, [1]),
    ],
)
def test_shaped_noise_has_the_published_spectrum(rate, taps):
    samples = computed(1 << 17, 1)
    error = (quantised(samples, dither="shaped", rate=rate) - samples * 32768)[:, 0]
    frequencies, density = signal.welch(error, rate, nperseg=1024)
    theory = 2 * 0.25 / rate * np.abs(signal.freqz(taps, worN=frequencies, fs=rate)[1]) ** 2
    inner = slice(8, -8)  # a window's leakage fills the notch at 0 Hz
    assert np.abs(10 * np.log10(density[inner] / theory[inner])).max() < 2.0
    assert np.mean(density[inner] / theory[inner]) == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_shaped_noise_is_softer_where_hearing_is_keenest(rate):
    samples = computed(1 << 17, 1)
    band = signal.butter(4, (2_000, 5_000), "bandpass", fs=rate, output="sos")
    white, shaped = (
        np.std(signal.sosfilt(band, quantised(samples, dither=dither, rate=rate)[:, 0] - samples[:, 0] * 32768))
        for dither in ("tpdf", "shaped")
    )
    assert 20 * np.log10(white / shaped) > 12


def test_shaped_noise_does_not_follow_the_signal():
    samples = 0.25 * np.sin(2 * np.pi * 997 * np.arange(1 << 17) / RATE)[:, None] / 32768
    rounded = quantised(samples, dither="shaped")[:, 0]
    spectrum = np.abs(np.fft.rfft((rounded - samples[:, 0] * 32768) * np.hanning(len(rounded)))) ** 2
    bin_hz = RATE / len(rounded)
    for harmonic in (1, 3, 5):
        at = round(997 * harmonic / bin_hz)
        around = spectrum[at - 200 : at + 200]
        assert spectrum[at - 1 : at + 2].max() < 12 * np.median(around)


def test_channels_have_noise_of_their_own():
    samples = np.repeat(computed(50_000, 1), 2, axis=1)
    error = quantised(samples) - samples * 32768
    assert abs(np.corrcoef((error - error.mean(axis=0)).T)[0, 1]) < 0.35  # both round the same value
    assert np.any(error[:, 0] != error[:, 1])


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.tuples(st.integers(1, 400), st.sampled_from(["whole", "computed", "zero"])), max_size=8),
    cuts=st.lists(st.integers(0, 2_000), max_size=12),
    dither=st.sampled_from(["off", "tpdf", "shaped"]),
    rate=st.sampled_from([8_000, 16_000]),
)
def test_where_blocks_end_decides_no_step(lengths, cuts, dither, rate):
    kinds = {"whole": whole, "computed": computed, "zero": lambda frames, channels: np.zeros((frames, channels))}
    channels = [
        np.concatenate([np.empty((0, 1)), *(kinds[kind](frames, 1) for frames, kind in order)])
        for order in (lengths, lengths[::-1])
    ]
    samples = np.concatenate(channels, axis=1)
    cuts = sorted(cut for cut in cuts if cut <= len(samples))
    assert np.array_equal(quantised(samples, 16, dither, rate, cuts), quantised(samples, 16, dither, rate))


def test_another_seed_is_another_noise_and_the_same_seed_the_same():
    samples = computed(5_000)
    for dither in ("tpdf", "shaped"):
        one, again, other = (quantised(samples, dither=dither, seed=seed) for seed in (1, 1, 2))
        assert np.array_equal(one, again)
        assert not np.array_equal(one, other)


def test_the_published_filter_serves_44_and_48_khz():
    assert noise_shaping.taps(44_100) == noise_shaping.taps(48_000)
    assert noise_shaping.taps(44_100)[0] == 2.033
