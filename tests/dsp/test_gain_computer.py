from __future__ import annotations

import numpy as np
import pytest

from stemtasks.dsp.gain_computer import Level, amplitudes, compressed, expanded, times

LEVELS = np.linspace(-80.0, 20.0, 1001)


def published(x, threshold, ratio, knee):
    """Return eq. 4 of Giannoulis, Massberg and Reiss (2012): the level that comes out."""
    if 2 * (x - threshold) < -knee:
        return x
    if 2 * abs(x - threshold) <= knee and knee:
        return x + (1 / ratio - 1) * (x - threshold + knee / 2) ** 2 / (2 * knee)
    return threshold + (x - threshold) / ratio


@pytest.mark.parametrize("threshold", [-40.0, -12.3, 0.0])
@pytest.mark.parametrize("ratio", [1.0, 1.5, 4.0, 100.0])
@pytest.mark.parametrize("knee", [0.0, 6.0, 20.0])
def test_a_compressors_curve_is_the_published_one(threshold, ratio, knee):
    out = LEVELS - compressed(LEVELS, threshold, ratio, knee)
    np.testing.assert_allclose(out, [published(x, threshold, ratio, knee) for x in LEVELS], atol=1e-12)


@pytest.mark.parametrize("knee", [0.0, 6.0])
def test_an_expanders_curve_has_its_slopes_and_its_range(knee):
    x = LEVELS
    out = x - 30.0 + expanded(x, -30.0, 3.0, knee, 30.0)
    open_, shut = x >= -30 + knee / 2, x <= -45.1
    np.testing.assert_allclose(out[open_], x[open_], atol=1e-12)
    np.testing.assert_allclose(out[shut], x[shut] - 30, atol=1e-12)
    steep = (x <= -30 - knee / 2) & (x >= -45)
    np.testing.assert_allclose(out[steep], -30 + 3 * (x[steep] + 30), atol=1e-12)


def test_peak_is_the_loudest_channel_of_each_frame():
    block = np.array([[0.1, -1.0], [0.5, 0.2], [0.0, 0.0]])
    np.testing.assert_allclose(Level("peak", 1.0, 2)(block), [0.0, 20 * np.log10(0.5), -200.0], atol=1e-12)
    assert block[0, 1] == -1.0


def test_rms_reads_a_sine_3_db_below_its_peak_and_the_louder_side_of_two():
    sine = np.sin(2 * np.pi * 1000 / 48000 * np.arange(48000))
    level = Level("rms", 2400.0, 2)(np.stack([sine * 0.1, sine * 0.5], axis=1))
    assert level[-480:].mean() == pytest.approx(20 * np.log10(0.5) - 3.01, abs=0.01)


def test_rms_has_done_63_percent_of_a_step_in_power_after_its_constant():
    level = Level("rms", 480.0, 1)(np.ones((480, 1)))
    assert 10 ** (level[-1] / 10) == pytest.approx(1 - np.exp(-1), rel=1e-9)


def test_no_gain_is_exactly_1_and_gains_are_of_frames():
    assert (amplitudes(np.zeros(5)) == 1.0).all()
    block = np.arange(6.0).reshape(3, 2)
    assert np.array_equal(times(block, np.array([1.0, 0.5, 2.0])), block * [[1.0], [0.5], [2.0]])
