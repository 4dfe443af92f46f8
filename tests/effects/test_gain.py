from __future__ import annotations

import numpy as np
import pytest

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
