"""Voices are judged by their spectra and envelopes; the spectra are numpy's, of the whole stroke."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from stemtasks.dsp import percussion
from stemtasks.dsp.percussion import VOICES, strike
from stemtasks.music import rows

RATE = 48000
KITS = pytest.mark.parametrize("electronic", [False, True], ids=["acoustic", "electronic"])
EACH = pytest.mark.parametrize("voice", VOICES)


def random(seed=0):
    return np.random.Generator(np.random.PCG64(seed))


def spectrum(x, rate=RATE, frames=1 << 17):
    return np.fft.rfftfreq(frames, 1 / rate), np.abs(np.fft.rfft(x, frames)) ** 2


def share(x, low_hz, high_hz, rate=RATE):
    """Return the part of the energy that is between two frequencies."""
    frequency, power = spectrum(x, rate)
    return power[(frequency >= low_hz) & (frequency < high_hz)].sum() / power.sum()


def loudest_hz(x, low_hz=20.0, high_hz=RATE / 2, rate=RATE):
    frequency, power = spectrum(x, rate)
    inside = (frequency >= low_hz) & (frequency < high_hz)
    return frequency[inside][np.argmax(power[inside])]


def seconds_to_fall(x, decibels, rate=RATE):
    """Return the time after which the energy that is left is so far below the whole."""
    left = np.cumsum(x[::-1] ** 2)[::-1] / np.sum(x**2)
    return np.argmax(left < 10 ** (-decibels / 10)) / rate


@EACH
@KITS
@pytest.mark.parametrize("rate", [8000, 44100, 192000])
@pytest.mark.parametrize("velocity", [0.35, 1.0])
def test_a_stroke_starts_at_once_peaks_as_told_and_ends_in_silence(voice, electronic, rate, velocity):
    x = strike(voice, electronic, velocity, rate, random())
    assert x.ndim == 1
    assert np.all(np.isfinite(x))
    assert x[0] != 0
    assert x[-1] == 0
    assert np.max(np.abs(x[-rate // 500 :])) < 0.01 * np.max(np.abs(x))
    assert abs(20 * np.log10(np.max(np.abs(x)) / (VOICES[voice].peak * velocity))) <= 0.4 + 1e-9


@EACH
@KITS
def test_the_same_chance_gives_the_same_bytes_and_another_a_different_stroke(voice, electronic):
    first, again, other = (strike(voice, electronic, 0.7, RATE, random(seed)) for seed in (1, 1, 2))
    assert first.tobytes() == again.tobytes()
    frames = min(len(first), len(other))
    assert np.max(np.abs(first[:frames] - other[:frames])) > 0.02 * np.max(np.abs(first))


@EACH
@KITS
def test_a_soft_stroke_is_darker(voice, electronic):
    def centroid_hz(velocity):
        frequency, power = spectrum(strike(voice, electronic, velocity, RATE, random()))
        return np.sum(frequency * np.sqrt(power)) / np.sum(np.sqrt(power))

    assert centroid_hz(0.35) < 0.97 * centroid_hz(1.0)


@KITS
def test_a_kick_is_low_falls_in_pitch_and_clicks(electronic):
    x = strike("kick", electronic, 1.0, RATE, random())
    assert share(x, 0, 150) > 0.85
    assert 40 < loudest_hz(x) < 75
    crossings = np.flatnonzero(np.diff(np.signbit(x[RATE // 500 : RATE // 5])))
    half_periods = np.diff(crossings)
    assert half_periods[0] < 0.75 * half_periods[-1]
    click = signal.sosfilt(signal.butter(6, 2000, "highpass", fs=RATE, output="sos"), x)
    assert np.sum(click[:1440] ** 2) > 100 * np.sum(click[1440:] ** 2)
    assert np.max(np.abs(click)) > 0.05


@KITS
def test_a_snare_has_a_tone_and_wires_that_outlast_it(electronic):
    x = strike("snare", electronic, 0.7, RATE, random())
    assert 160 < loudest_hz(x) < 260
    assert share(x, 120, 450) > 0.2
    assert share(x, 1200, 14_000) > 0.1
    assert share(x[RATE // 6 :], 1200, 14_000) > share(x, 1200, 14_000)


@KITS
@pytest.mark.parametrize("voice", ["closed_hat", "open_hat"])
def test_hats_are_above_5_khz(voice, electronic):
    x = strike(voice, electronic, 1.0, RATE, random())
    assert share(x, 5000, 24_000) > 0.93
    assert share(x, 0, 1000) < 1e-4


@KITS
def test_an_open_hat_rings_far_longer_than_a_closed_one(electronic):
    closed, opened = (strike(voice, electronic, 0.7, RATE, random()) for voice in ("closed_hat", "open_hat"))
    assert seconds_to_fall(opened, 20) > 4 * seconds_to_fall(closed, 20)


@KITS
def test_toms_rise_in_pitch_from_low_to_high(electronic):
    low, mid, high = (
        loudest_hz(strike(voice, electronic, 0.7, RATE, random())) for voice in ("tom_low", "tom_mid", "tom_high")
    )
    assert 75 < low < 0.8 * mid
    assert mid < 0.8 * high < 0.8 * 330


@KITS
def test_cymbals_ring_and_their_highs_die_first(electronic):
    for voice in ("ride", "crash"):
        x = strike(voice, electronic, 1.0, RATE, random())
        assert seconds_to_fall(x, 20) > 0.35
    assert share(x[: RATE // 5], 8000, 20_000) > 1.5 * share(x[RATE:], 8000, 20_000)


def test_a_ride_pings_above_its_wash():
    frequency, power = spectrum(strike("ride", False, 0.7, RATE, random()))
    wash = np.median(power[(frequency > 2500) & (frequency < 5000)])
    for tone_hz in (3270, 4790):
        assert power[np.abs(frequency - tone_hz) < 20].max() > 100 * wash


def test_an_electronic_clap_is_three_bursts_10_ms_apart():
    def level(x, start_ms, stop_ms):
        return np.sqrt(np.mean(x[round(start_ms * 48) : round(stop_ms * 48)] ** 2))

    strokes = [strike("clap", True, 1.0, RATE, random(seed)) for seed in range(10)]
    levels = [[level(x, at, at + 3) for at in (0, 6.5, 9.8, 16.3, 19.7)] for x in strokes]
    first, before_second, second, before_third, third = np.mean(levels, axis=0)
    assert min(first, second) > 1.4 * before_second
    assert min(second, third) > 1.4 * before_third


def test_an_electronic_cowbell_is_squares_at_540_and_800_hz():
    x = strike("cowbell", True, 0.7, RATE, random())
    assert loudest_hz(x, 300, 670) == pytest.approx(540, rel=0.01)
    assert loudest_hz(x, 670, 1000) == pytest.approx(800, rel=0.01)
    assert loudest_hz(x, 1400, 1900) == pytest.approx(3 * 540, rel=0.01)


@KITS
def test_a_shaker_swells_for_some_milliseconds(electronic):
    strokes = [strike("shaker", electronic, 0.7, RATE, random(seed)) for seed in range(8)]
    envelope = np.sqrt(np.mean([x[:2400].reshape(50, 48).std(axis=1) ** 2 for x in strokes], axis=0))
    assert 4 <= np.argmax(envelope) <= 30
    assert envelope[0] < 0.3 * envelope.max()


@KITS
def test_a_rimshot_is_short(electronic):
    x = strike("rimshot", electronic, 1.0, RATE, random())
    assert seconds_to_fall(x, 20) < 0.05
    assert 350 < loudest_hz(x) < 1800


def test_squares_have_odd_harmonics_and_nothing_that_folded_back():
    class Exact:
        def uniform(self, low, high):
            return (low + high) / 2

    t = np.arange(24576) / RATE  # a length that the FFT takes as it is, hence a whole period
    stroke = percussion.Stroke(True, 1.0, RATE, Exact())
    x = stroke.squares(t, [RATE / 24576 * 511], 20, 20_000)
    amplitude = np.abs(np.fft.rfft(x))
    harmonics = np.arange(511, 12288, 2 * 511)
    assert amplitude[3 * 511] == pytest.approx(amplitude[511] / 3, rel=0.01)
    assert amplitude[harmonics].min() > 1e-3 * amplitude.max()
    amplitude[harmonics] = 0
    assert amplitude.max() < 1e-9 * len(x)


def test_modes_are_decaying_sines():
    class Exact:
        def uniform(self, low, high):
            return (low + high) / 2

    t = np.arange(30_000) / RATE
    stroke = percussion.Stroke(False, 1.0, RATE, Exact())
    ours = stroke.modes(t, [(440.0, 0.5, 2.0), (1000.0, 0.25, 2.0), (23_000.0, 1.0, 2.0)])
    theirs = (0.5 * np.sin(2 * np.pi * 440 * t) + 0.25 * np.sin(2 * np.pi * 1000 * t)) * 10 ** (-3 * t / 2.0)
    assert np.max(np.abs(ours - theirs)) < 1e-10


def test_noise_is_gaussian_of_unit_rms_within_its_band():
    stroke = percussion.Stroke(False, 1.0, RATE, random())
    x = stroke.noise(np.arange(1 << 16) / RATE, 1000, 4000)
    assert np.sqrt(np.mean(x**2)) == pytest.approx(1.0, rel=0.02)
    assert np.mean(x**4) == pytest.approx(3.0, rel=0.05)
    frequency, power = spectrum(x)
    density = [np.mean(power[np.abs(frequency - f) < 40]) for f in (1000, 2000, 4000, 8000)]
    assert 10 * np.log10(density[0] / density[1]) == pytest.approx(-3.0, abs=0.8)
    assert 10 * np.log10(density[2] / density[1]) == pytest.approx(-3.0, abs=0.8)
    assert 10 * np.log10(density[3] / density[2]) < -18


def test_every_voice_that_a_row_may_be_of_has_a_sound():
    assert tuple(VOICES) == rows.VOICES
