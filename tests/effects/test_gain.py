from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stemtasks.audio.curves import Curve

noise = np.random.default_rng(1).standard_normal((1000, 2))


@pytest.mark.parametrize("gain_db", [0.5, 6.0, 23.7])
def test_opposite_gains_cancel(apply, gain_db):
    there = apply("gain", noise, gain_db=gain_db)
    np.testing.assert_allclose(apply("gain", there, gain_db=-gain_db), noise, rtol=1e-14)


def test_twenty_decibels_are_a_factor_of_ten(apply):
    np.testing.assert_allclose(apply("gain", noise, gain_db=20.0), noise * 10, rtol=1e-15)


def test_no_gain_leaves_every_bit(apply):
    assert np.array_equal(apply("gain", noise, gain_db=0.0), noise)


def test_inverted_it_cancels_what_it_was_given(apply):
    assert not (apply("gain", noise, gain_db=0.0, invert=True) + noise).any()
    assert np.array_equal(apply("gain", noise, gain_db=-3.0, invert=True), -apply("gain", noise, gain_db=-3.0))


WAYS = st.lists(
    st.tuples(st.integers(0, 1100), st.floats(-60.0, 24.0)), min_size=2, max_size=8, unique_by=lambda point: point[0]
).map(sorted)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(points=WAYS, smooth=st.booleans(), cuts=st.lists(st.integers(0, 1000), max_size=5))
def test_a_gain_that_changes_is_that_of_each_frame(apply, points, smooth, cuts):
    frames, values = (tuple(each) for each in zip(*points, strict=True))
    decibels = np.full(1000, values[-1])
    for frame in range(1000):
        if frame < frames[0]:
            decibels[frame] = values[0]
        for (first, before), (last, after) in pairwise(points):
            if first <= frame < last:
                way = (frame - first) / (last - first)
                decibels[frame] = before + (after - before) * (np.sin(np.pi * way / 2) ** 2 if smooth else way)
    out = apply("gain", noise, cuts, gain_db=Curve(frames, values, smooth=smooth))
    np.testing.assert_allclose(out, noise * 10 ** (decibels / 20)[:, None], rtol=1e-12)
