from __future__ import annotations

import numpy as np
from scipy import signal

from stemtasks.dsp.lfo import Period, turns, wave


def test_phases_are_of_the_frame_wherever_a_read_begins():
    offsets = np.array([0.0, 0.25])
    whole = turns(0, 10_000, 0.00123, offsets)
    assert np.array_equal(np.concatenate([turns(0, 17, 0.00123, offsets), turns(17, 9983, 0.00123, offsets)], 1), whole)
    assert np.array_equal(turns(400_000_000, 5, 2.0**-20, np.zeros(1))[0], (np.arange(5) + 400_000_000) * 2.0**-20 % 1)


def test_waves_are_scipys():
    t = np.linspace(0, 1, 1001)[:-1]
    np.testing.assert_allclose(wave(t, "triangle"), signal.sawtooth(2 * np.pi * (t + 0.25), 0.5), atol=1e-12)
    np.testing.assert_allclose(wave(t), np.sin(2 * np.pi * t), atol=1e-12)


def test_a_period_is_read_to_175_db():
    t = np.random.default_rng(0).random(10_000)
    assert np.abs(Period(wave)(t) - np.sin(2 * np.pi * t)).max() < 10 ** (-175 / 20)
    corners = np.array([0.0, 0.25, 0.5, 0.75])
    assert Period(lambda x: wave(x, "triangle"))(corners).tolist() == [0.0, 1.0, 0.0, -1.0]
