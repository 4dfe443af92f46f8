from __future__ import annotations

import numpy as np
import pytest

ones = np.ones((4800, 2))


@pytest.mark.parametrize(("curve", "middle"), [("linear", 0.5), ("equal_power", 0.5**0.5), ("exponential", 0.030653)])
def test_curves_pass_their_middle(apply, curve, middle):
    faded = apply("fade", ones, in_ms=20.0, out_ms=40.0, curve=curve)[:, 0]
    assert faded[0] == 0.0
    assert faded[480] == pytest.approx(middle, abs=1e-6)
    assert np.all(faded[960:2880] == 1.0)
    assert faded[4799 - 960] == pytest.approx(middle, abs=1e-6)
    assert faded[-1] == 0.0


def test_equal_power_fades_of_one_length_keep_the_power(apply):
    rise = apply("fade", ones, in_ms=100.0, curve="equal_power")[:, 0]
    # frame n of the fade-in stands across from frame n of the fade-out, which counts from the last frame
    fall = apply("fade", ones, out_ms=100.0, curve="equal_power")[:, 0]
    np.testing.assert_allclose(rise[1:] ** 2 + fall[:-1] ** 2, 1.0, atol=1e-12)


def test_the_fade_out_ends_with_the_song_and_silences_a_tail(apply):
    faded = apply("fade", ones, frames=2400, out_ms=10.0)[:, 0]
    assert faded[2399 - 480] == 1.0
    assert 0.0 < faded[2398] < 0.01
    assert not faded[2399:].any()


def test_without_lengths_nothing_changes(apply):
    assert np.array_equal(apply("fade", ones), ones)
