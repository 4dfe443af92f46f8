"""The oracle is scipy.signal."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from stemtasks.dsp.resting import RestingFilter

RATE = 48000
GROUP = 1 << 14


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("cutoff_hz", [20.0, 2000.0, 16_000.0])
def test_it_is_sosfilt_until_nothing_is_left_and_then_it_is_silent(channels, cutoff_hz):
    x = np.zeros((40 * GROUP, channels))
    x[:GROUP] = np.random.default_rng(0).standard_normal((GROUP, channels))
    sos = signal.butter(4, cutoff_hz, "highpass", fs=RATE, output="sos")
    run = RestingFilter(sos, channels)
    y = np.concatenate([run(x[start : start + GROUP]) for start in range(0, len(x), GROUP)])
    np.testing.assert_allclose(y, signal.sosfilt(sos, x, axis=0), rtol=0, atol=1e-13)
    assert run.rests
    assert not y[-GROUP:].any()
    # none is so small that a processor is slow with it
    assert np.abs(y[y != 0.0]).min() > np.finfo(float).tiny


def test_what_comes_after_a_rest_is_heard_from_its_first_frame():
    run = RestingFilter(signal.butter(2, 1000, fs=RATE, output="sos"), 2)
    run(np.ones((GROUP, 2)))
    for _ in range(3):
        run(np.zeros((GROUP, 2)))
    x = np.random.default_rng(0).standard_normal((GROUP, 2))
    np.testing.assert_allclose(run(x), signal.sosfilt(signal.butter(2, 1000, fs=RATE, output="sos"), x, axis=0))
