from __future__ import annotations

import numpy as np
import pytest

from stemtasks.errors import SpecError
from tests.audio_files import RATE, written
from tests.effects.steps import MS, by_ffmpeg, gain_db, ms_to_63_percent, sine, steady, steps


def test_below_the_threshold_the_slope_is_the_ratio_as_far_as_the_range(apply):
    for level_db, expected in [(-20, -20), (-30, -30), (-35, -45), (-40, -60), (-45, -75), (-60, -90)]:
        y = apply("expander", steady(level_db, 400), threshold_db=-30.0, ratio=3.0, knee_db=0.0, range_db=30.0)
        assert 20 * np.log10(y[-1, 0]) == pytest.approx(expected, abs=1e-3)


def test_a_knee_bends_as_wide_as_it_says(apply):
    for level_db, expected in [(-24.9, 0.0), (-30.0, -2.5), (-35.1, -10.2)]:
        x = steady(level_db, 400)
        y = apply("expander", x, threshold_db=-30.0, ratio=3.0, knee_db=10.0)
        assert gain_db(y, x)[-1] == pytest.approx(expected, abs=0.01)


def test_ffmpeg_has_the_same_curve_where_the_knee_is_a_corner(apply):
    for level_db in (-10.0, -25.0, -35.0, -50.0):
        x = steady(level_db, 1500, 2)
        theirs = by_ffmpeg(x, "agate=threshold=-20dB:ratio=2:range=-40dB:attack=5:release=50:knee=1:detection=peak")
        ours = apply("expander", x, threshold_db=-20.0, ratio=2.0, knee_db=0.0, range_db=40.0)
        np.testing.assert_allclose(20 * np.log10(ours[-MS:] / theirs[-MS:]), 0.0, atol=0.02)


@pytest.mark.parametrize(("attack_ms", "hold_ms", "release_ms"), [(0.5, 0.0, 30.0), (5.0, 40.0, 120.0)])
def test_attack_hold_and_release_are_what_is_measured(apply, attack_ms, hold_ms, release_ms):
    x = steps((-60.0, 300), (-10.0, 300), (-60.0, 1000))
    arguments = {"attack_ms": attack_ms, "hold_ms": hold_ms, "release_ms": release_ms}
    gains = gain_db(apply("expander", x, threshold_db=-40.0, ratio=2.0, knee_db=0.0, **arguments), x)
    assert gains[300 * MS - 1] == pytest.approx(-20.0, abs=0.01)
    assert ms_to_63_percent(gains, 300, 0.0) == pytest.approx(attack_ms, abs=0.03)
    assert gains[round((600 + hold_ms) * MS) - 1] == pytest.approx(0.0, abs=0.01)
    assert ms_to_63_percent(gains, 600, -20.0) == pytest.approx(hold_ms + release_ms, rel=0.01)


def test_a_look_ahead_opens_before_the_attack(apply):
    x = steps((-60.0, 100), (-10.0, 100))
    y = apply("expander", x, attack_ms=1.0, lookahead_ms=6.0, threshold_db=-40.0)
    assert gain_db(y, x)[100 * MS] == pytest.approx(0.0, abs=0.1)
    assert gain_db(y, x)[93 * MS] < -15.0


def test_a_low_note_does_not_ripple(apply):
    x = sine(50, -10.0, 1000)
    y = apply("expander", x, threshold_db=-20.0)
    np.testing.assert_allclose(y[-500 * MS :], x[-500 * MS :], atol=1e-4)


def test_another_stem_opens_it(apply, tmp_path_factory):
    key = written(tmp_path_factory.mktemp("stems") / "key.wav", steps((-80.0, 300), (-10.0, 300)))
    x = sine(200, -20.0, 1000)
    y = apply("expander", x, sidechain=str(key), threshold_db=-30.0, range_db=40.0, hold_ms=10.0, release_ms=50.0)
    level = [20 * np.log10(np.std(y[at * MS :][: 50 * MS]) / np.std(x[: 50 * MS])) for at in (200, 450, 900)]
    np.testing.assert_allclose(level, [-40.0, 0.0, -40.0], atol=0.5)


def test_the_reduction_is_noted_where_there_is_something_to_hear(apply):
    noted = {}
    x = np.concatenate([steps((-10.0, 1000), (-50.0, 1000)), np.zeros((2 * RATE, 1))])
    apply("expander", x, threshold_db=-40.0, ratio=2.0, knee_db=0.0, hold_ms=0.0, release_ms=5.0, noted=noted)
    assert noted["max_reduction_db"] == pytest.approx(40.0, abs=0.01)
    assert noted["mean_reduction_db"] == pytest.approx(5.0, abs=0.1)
    assert noted["reduction_db"]["values"][15:20] == [10.0] * 5


def test_two_filters_that_leave_nothing_are_refused(apply):
    with pytest.raises(SpecError, match="expander: sidechain_highpass_hz 900 is not below sidechain_lowpass_hz 900"):
        apply("expander", steady(0.0, 1), sidechain_highpass_hz=900.0, sidechain_lowpass_hz=900.0)
