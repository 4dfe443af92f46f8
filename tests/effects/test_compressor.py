from __future__ import annotations

import numpy as np
import pytest

from stemtasks.audio.source import Source
from stemtasks.errors import SpecError
from tests.audio_files import RATE, written
from tests.effects.steps import MS, by_ffmpeg, gain_db, ms_to_63_percent, sine, steady, steps

FAST = {"attack_ms": 5.0, "release_ms": 80.0}


@pytest.fixture
def stem(tmp_path_factory):
    """Return a function that writes another stem."""
    folder = tmp_path_factory.mktemp("stems")
    return lambda samples: str(written(folder / "other.wav", samples))


def curve(level_db, threshold_db, ratio, knee_db):
    """Return the level that comes out by eq. 4 of Giannoulis, Massberg and Reiss (2012)."""
    over = level_db - threshold_db
    if 2 * over < -knee_db:
        return level_db
    if 2 * abs(over) <= knee_db:
        return level_db + (1 / ratio - 1) * (over + knee_db / 2) ** 2 / (2 * max(knee_db, 1e-300))
    return threshold_db + over / ratio


@pytest.mark.parametrize(("threshold_db", "ratio", "knee_db"), [(-24.0, 4.0, 6.0), (-30.0, 2.0, 0.0), (-12, 100.0, 12)])
@pytest.mark.parametrize("wave", [steady, lambda level_db, ms: sine(997, level_db, ms)], ids=["steady", "sine"])
def test_the_static_curve_is_the_published_one(apply, threshold_db, ratio, knee_db, wave):
    for level_db in range(-60, 7, 6):
        x = wave(level_db, 300)
        y = apply("compressor", x, threshold_db=threshold_db, ratio=ratio, knee_db=knee_db, **FAST)[-100 * MS :]
        expected = curve(level_db, threshold_db, ratio, knee_db)
        ripple = 1e-6 if wave is steady else 0.2
        assert 20 * np.log10(np.abs(y).max()) == pytest.approx(expected, abs=ripple)


def test_ffmpeg_has_the_same_curve_where_the_knee_is_a_corner(apply):
    for level_db in (-40.0, -25.0, -18.0, -6.0, 0.0):
        x = steady(level_db, 1000, 2)
        settings = "acompressor=threshold=-20dB:ratio=4:attack=5:release=80:knee=1:detection=peak:makeup=1"
        theirs = by_ffmpeg(x, settings)[-MS:]
        ours = apply("compressor", x, threshold_db=-20.0, ratio=4.0, knee_db=0.0, **FAST)[-MS:]
        np.testing.assert_allclose(20 * np.log10(ours / theirs), 0.0, atol=0.01)


@pytest.mark.parametrize(("attack_ms", "release_ms"), [(0.0, 50.0), (1.0, 20.0), (10.0, 120.0), (50.0, 60.0)])
def test_attack_and_release_are_the_times_to_63_percent(apply, attack_ms, release_ms):
    x = steps((-40.0, 100), (-4.0, 600), (-40.0, 600))
    y = apply("compressor", x, threshold_db=-24.0, ratio=4.0, attack_ms=attack_ms, release_ms=release_ms)
    gains = gain_db(y, x)
    assert gains[600 * MS] == pytest.approx(-15.0, abs=0.01)
    assert ms_to_63_percent(gains, 100, -15.0) == pytest.approx(max(attack_ms, 1 / MS), abs=0.03)
    assert ms_to_63_percent(gains, 700, 0.0) == pytest.approx(release_ms, rel=0.01)


def test_a_look_ahead_catches_the_attack_and_nothing_comes_late(apply):
    x = steps((-40.0, 100), (-6.0, 200), (-40.0, 200))
    arguments = {"threshold_db": -20.0, "ratio": 10.0, "knee_db": 0.0, "attack_ms": 2.0, "release_ms": 50.0}
    plain = gain_db(apply("compressor", x, **arguments), x)
    ahead = gain_db(apply("compressor", x, lookahead_ms=10.0, **arguments), x)
    assert plain[100 * MS] > -0.3
    assert ahead[100 * MS] == pytest.approx(-12.6, abs=0.15)
    assert ahead[89 * MS] == 0.0
    assert ahead[91 * MS] < -4.0
    # the release begins where it does without it: the loud part is held until its end
    assert ahead[300 * MS - 1] == pytest.approx(-12.6, abs=0.01)
    np.testing.assert_allclose(ahead[301 * MS :], plain[301 * MS :], atol=0.01)


def test_a_look_ahead_hears_the_first_frame(apply):
    x = steady(-6.0, 100)
    y = apply("compressor", x, threshold_db=-20.0, ratio=10.0, knee_db=0.0, attack_ms=1.0, lookahead_ms=10.0)
    assert gain_db(y, x)[0] == pytest.approx(-12.6, abs=0.01)


def test_all_channels_are_turned_down_alike_by_the_loudest(apply):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((RATE, 2)) * [0.3, 0.01]
    y = apply("compressor", x, **FAST)
    np.testing.assert_allclose(y[:, 0] / x[:, 0], y[:, 1] / x[:, 1], rtol=1e-9)
    alone = apply("compressor", x[:, :1], **FAST)
    doubled = apply("compressor", np.repeat(x[:, :1], 2, axis=1), **FAST)
    assert np.array_equal(doubled, np.repeat(alone, 2, axis=1))
    assert np.median(gain_db(y, x)) < -6.0


def test_mix_adds_the_two_and_makeup_lifts_the_compressed_one(apply):
    x = np.random.default_rng(0).standard_normal((RATE // 2, 1)) * 0.3
    wet = apply("compressor", x)
    np.testing.assert_allclose(apply("compressor", x, mix=0.25, makeup_db=6.0), 0.75 * x + 0.25 * wet * 10**0.3)


def test_what_is_below_the_knee_keeps_every_bit(apply):
    x = np.random.default_rng(0).uniform(-0.04, 0.04, (RATE, 2))
    assert np.array_equal(apply("compressor", x, threshold_db=-24.0, knee_db=6.0), x)


def test_rms_reads_power_and_comes_before_the_ballistics(apply):
    x = sine(997, -6.0, 500)
    arguments = {"threshold_db": -20.0, "ratio": 4.0, "knee_db": 0.0, "attack_ms": 0.0}
    y = apply("compressor", x, detector="rms", rms_ms=20.0, **arguments)
    assert np.abs(y[-100 * MS :]).max() == pytest.approx(10 ** ((-6 - (14 - 3.01) * 0.75) / 20), rel=0.02)
    slow = gain_db(apply("compressor", steady(-6.0, 500), detector="rms", rms_ms=100.0, **arguments), steady(-6.0, 500))
    # after one constant 63 % of the power is read: 2.0 dB less
    assert slow[100 * MS - 1] == pytest.approx((14 + 10 * np.log10(1 - np.exp(-1))) * -0.75, abs=0.01)


def test_a_kick_ducks_a_bass_and_lets_it_back(apply, stem):
    kick = np.zeros((2000 * MS, 2))
    for start_ms in (500, 1500):
        n = np.arange(150 * MS)
        kick[start_ms * MS :][: len(n)] = (0.8 * np.exp(-n / (20 * MS)) * np.cos(2 * np.pi * 55 / RATE * n))[:, None]
    bass = sine(110, -12.0, 3000)
    y = apply("compressor", bass, sidechain=stem(kick), threshold_db=-30.0, ratio=4.0, attack_ms=1.0, release_ms=150.0)
    gains = np.concatenate(
        [
            [20 * np.log10(np.std(y[at:][: 10 * MS]) / np.std(bass[at:][: 10 * MS]))]
            for at in range(0, 3000 * MS, 10 * MS)
        ]
    )
    assert np.array_equal(y[: 500 * MS], bass[: 500 * MS])
    for beat in (50, 150):
        assert gains[beat : beat + 5].min() < -15.0
        assert -8.0 < gains[beat + 30] < -1.0
        assert gains[beat + 90] > -0.3
    # past the end of the kick's file there is silence
    assert gains[-1] > -0.01


def test_a_side_chain_may_have_other_channels_and_be_shorter(apply, stem):
    x = np.random.default_rng(0).standard_normal((RATE, 2)) * 0.3
    key = steady(-4.0, 300)
    y = apply("compressor", x, cuts=[1, 20_000, 33_333], sidechain=stem(key), threshold_db=-24.0, lookahead_ms=3.0)
    expected = apply("compressor", np.pad(key, ((0, 700 * MS), (0, 0))), threshold_db=-24.0, lookahead_ms=3.0)
    np.testing.assert_allclose(y[: 290 * MS, 0] / x[: 290 * MS, 0], expected[: 290 * MS, 0] / key[: 290 * MS, 0], 1e-6)
    np.testing.assert_allclose(y[-10:], x[-10:], rtol=0.01)


def test_the_side_chains_filters_choose_what_is_listened_to(apply):
    low, high = sine(60, -6.0, 800), sine(6000, -6.0, 800)
    arguments = {"threshold_db": -20.0, "ratio": 4.0, "release_ms": 200.0}
    for x, cut, kept in (
        (low, "sidechain_highpass_hz", "sidechain_lowpass_hz"),
        (high, "sidechain_lowpass_hz", "sidechain_highpass_hz"),
    ):
        untouched = apply("compressor", x, **{cut: 600.0}, **arguments)
        turned_down = apply("compressor", x, **{kept: 600.0}, **arguments)
        assert np.std(untouched[-100 * MS :]) == pytest.approx(np.std(x), rel=0.01)
        assert np.std(turned_down[-100 * MS :]) < 0.4 * np.std(x)


def test_two_filters_that_leave_nothing_are_refused(apply):
    with pytest.raises(SpecError, match="nothing is left to listen to: lower the one or raise the other"):
        apply("compressor", steady(0.0, 1), sidechain_highpass_hz=2000.0, sidechain_lowpass_hz=500.0)


def test_the_reduction_is_noted(apply):
    noted = {}
    x = steps((-40.0, 1000), (-4.0, 1000))
    apply("compressor", x, threshold_db=-24.0, ratio=4.0, attack_ms=1.0, noted=noted)
    assert noted["max_reduction_db"] == 15.0
    assert noted["mean_reduction_db"] == pytest.approx(7.5, abs=0.02)
    assert noted["reduction_db"] == {"step_s": 0.1, "values": [0.0] * 10 + [15.0] * 10}


def test_a_real_loop_loses_peaks_and_keeps_its_length(apply, recordings):
    with Source(recordings / "loops" / "loop_breakbeat.flac") as source:
        x = source.read(0, source.frames)
    y = apply("compressor", x, threshold_db=-20.0, ratio=6.0, attack_ms=2.0, release_ms=60.0, lookahead_ms=4.0)
    assert len(y) == len(x)
    crest = [20 * np.log10(np.abs(each).max() / np.std(each)) for each in (x, y)]
    assert crest[1] < crest[0] - 3.0
