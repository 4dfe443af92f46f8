from __future__ import annotations

import numpy as np
import pytest

from stemtasks.audio.source import Source
from stemtasks.errors import SpecError
from tests.audio_files import RATE, written
from tests.effects.steps import MS, gain_db, ms_to_63_percent, sine, steady, steps


def test_it_is_open_above_and_takes_its_range_below(apply):
    for level_db, expected in [(-20.0, 0.0), (-39.9, 0.0), (-40.1, -60.0), (-70.0, -60.0)]:
        x = steady(level_db, 500)
        y = apply("gate", x, threshold_db=-40.0, range_db=60.0)
        assert gain_db(y, x)[-1] == pytest.approx(expected, abs=1e-3)


def test_between_its_thresholds_it_stays_as_it_was(apply):
    x = steps((-43.0, 300), (-30.0, 300), (-43.0, 600), (-47.0, 600), (-43.0, 300))
    gains = gain_db(apply("gate", x, threshold_db=-40.0, hysteresis_db=6.0, range_db=50.0, release_ms=20.0), x)
    np.testing.assert_allclose(gains[np.array([299, 599, 1199, 1799, 2099]) * MS], [-50, 0, 0, -50, -50], atol=0.01)


@pytest.mark.parametrize(("attack_ms", "hold_ms", "release_ms"), [(0.5, 0.0, 30.0), (5.0, 40.0, 120.0)])
def test_attack_hold_and_release_are_what_is_measured(apply, attack_ms, hold_ms, release_ms):
    x = steps((-70.0, 200), (-10.0, 300), (-70.0, 1200))
    arguments = {"attack_ms": attack_ms, "hold_ms": hold_ms, "release_ms": release_ms}
    gains = gain_db(apply("gate", x, threshold_db=-40.0, range_db=60.0, **arguments), x)
    assert ms_to_63_percent(gains, 200, 0.0) == pytest.approx(attack_ms, abs=0.03)
    assert gains[round((500 + hold_ms) * MS) - 1] == pytest.approx(0.0, abs=0.01)
    assert ms_to_63_percent(gains, 500, -60.0) == pytest.approx(hold_ms + release_ms, rel=0.01)


def test_a_look_ahead_keeps_the_whole_attack(apply):
    x = steps((-70.0, 100), (-10.0, 100))
    for lookahead_ms, expected in [(0.0, -57.6), (6.0, 0.0)]:
        gains = gain_db(apply("gate", x, threshold_db=-40.0, range_db=60.0, lookahead_ms=lookahead_ms), x)
        assert gains[100 * MS] == pytest.approx(expected, abs=0.1)
        assert gains[93 * MS] == pytest.approx(-60.0, abs=0.1)


def test_hold_and_hysteresis_keep_it_from_fluttering(apply):
    # a low note whose level wavers about the threshold
    note = sine(45, -38.0, 2000) * (1 + 0.3 * np.sin(2 * np.pi * 7 * np.arange(2000 * MS) / RATE))[:, None]

    def changes(**arguments):
        y = apply("gate", note, threshold_db=-40.0, attack_ms=0.0, release_ms=1.0, **arguments)
        with np.errstate(divide="ignore", invalid="ignore"):
            is_open = np.abs(y[:, 0] / note[:, 0]) > 0.5
        return np.count_nonzero(np.diff(is_open[np.abs(note[:, 0]) > 1e-4]))

    assert changes(hold_ms=0.0, hysteresis_db=0.0) > 50
    assert changes(hold_ms=30.0, hysteresis_db=6.0) == 1


def test_another_stem_opens_it(apply, tmp_path_factory):
    key = written(tmp_path_factory.mktemp("stems") / "key.wav", steps((-80.0, 300), (-10.0, 300)))
    x = sine(200, -20.0, 1000)
    y = apply("gate", x, sidechain=str(key), threshold_db=-30.0, hold_ms=10.0, release_ms=30.0, range_db=60.0)
    level = [20 * np.log10(np.std(y[at * MS :][: 50 * MS]) / np.std(x[: 50 * MS])) for at in (200, 450, 900)]
    np.testing.assert_allclose(level, [-60.0, 0.0, -60.0], atol=0.5)


def test_the_noise_between_the_hits_of_a_real_loop_goes_and_the_hits_stay(apply, recordings):
    with Source(recordings / "loops" / "click-120bpm.flac") as source:
        clicks = source.read(0, source.frames)
    x = clicks + np.random.default_rng(0).standard_normal(clicks.shape) * 1e-4
    y = apply("gate", x, threshold_db=-30.0, lookahead_ms=5.0, hold_ms=20.0, release_ms=30.0)
    loud = np.abs(clicks).max(axis=1) > 0.1
    np.testing.assert_allclose(y[loud], x[loud], rtol=0.01)
    quiet = np.convolve(np.abs(clicks).max(axis=1) > 1e-3, np.ones(RATE // 4), "same") < 0.5
    assert np.std(y[quiet]) < 0.05 * np.std(x[quiet])
    assert quiet.mean() > 0.1


def test_the_reduction_is_noted(apply):
    noted = {}
    apply("gate", steps((-10.0, 1000), (-50.0, 1000)), range_db=60.0, hold_ms=0.0, release_ms=2.0, noted=noted)
    assert noted["max_reduction_db"] == 60.0
    assert noted["mean_reduction_db"] == pytest.approx(30.0, abs=0.2)


def test_two_filters_that_leave_nothing_are_refused(apply):
    with pytest.raises(SpecError, match="gate: sidechain_highpass_hz 900 is not below sidechain_lowpass_hz 900"):
        apply("gate", steady(0.0, 1), sidechain_highpass_hz=900.0, sidechain_lowpass_hz=900.0)
