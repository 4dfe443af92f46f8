"""The oracle is the published recursion itself, frame by frame."""

from __future__ import annotations

from math import exp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemtasks.dsp.ballistics import Ballistics, OnePole, Release

TIMES = [(0.0, 48.0), (0.5, 20.0), (48.0, 480.0), (480.0, 5760.0), (100.0, 101.0), (48.0, 96_000.0)]


def smooth_decoupled(x, first, second):
    """Return eq. 17 of Giannoulis, Massberg and Reiss (2012), both constants in frames."""
    r, a = exp(-1.0 / first), exp(-1.0 / second)
    held, y, out = 0.0, 0.0, []
    for value in x:
        held = max(value, r * held + (1.0 - r) * value)
        y = a * y + (1.0 - a) * held
        out.append(y)
    return np.array(out)


def programme(frames=40_000):
    rng = np.random.default_rng(3)
    bursts = np.repeat(rng.uniform(0, 30, 40) * (rng.random(40) > 0.4), frames // 40)
    return np.maximum(0.0, bursts + rng.standard_normal(frames) * 6)


@pytest.mark.parametrize(("first", "second"), [(4800.0, 240.0), (20.0, 300.0), (1.0, 0.7), (96_000.0, 48_000.0)])
@pytest.mark.parametrize("group", [40_000, 16_384, 333])
def test_two_stages_are_the_published_recursion(first, second, group):
    x = programme()
    held, closes_in = Release(first), OnePole(second)
    ours = [closes_in(held(x[start : start + group])) for start in range(0, len(x), group)]
    np.testing.assert_allclose(np.concatenate(ours), smooth_decoupled(x, first, second), rtol=0, atol=1e-9)


@pytest.mark.parametrize(("attack", "release"), TIMES)
def test_a_step_up_is_63_percent_done_after_the_attack(attack, release):
    y = Ballistics(attack, release)(np.full(40_000, 20.0))
    reached = np.flatnonzero(y >= 20.0 * (1 - exp(-1)) * (1 - 1e-12))[0] + 1
    assert abs(reached - max(attack, 1)) <= 1


@pytest.mark.parametrize(("attack", "release"), TIMES)
def test_a_step_down_is_63_percent_done_after_the_release(attack, release):
    smooth = Ballistics(attack, release)
    high = smooth(np.full(round(30 * attack) + 10, 20.0))[-1]
    assert high == pytest.approx(20.0, abs=1e-9)
    y = smooth(np.full(round(3 * release), 5.0))
    left = np.flatnonzero(y - 5.0 <= 15.0 * exp(-1) * (1 + 1e-12))[0] + 1
    assert abs(left - release) <= max(1.5, 0.01 * release)


def test_a_release_is_as_long_as_the_attack_at_least():
    smooth = Ballistics(480.0, 48.0)
    smooth(np.full(20_000, 20.0))
    assert np.flatnonzero(smooth(np.zeros(2000)) <= 20.0 * exp(-1))[0] + 1 == pytest.approx(480, abs=1)


@settings(max_examples=30, deadline=None)
@given(
    values=st.lists(st.floats(0, 60), min_size=1, max_size=60),
    attack=st.floats(0, 100),
    release=st.floats(1, 1000),
)
def test_what_comes_out_lies_between_0_and_the_highest_that_went_in(values, attack, release):
    y = Ballistics(attack, release)(np.array(values))
    assert y.min() >= -1e-9
    assert (y <= np.maximum.accumulate(values) + 1e-9).all()


def test_after_a_long_silence_nothing_is_left_at_all():
    smooth = Ballistics(10.0, 100.0)
    smooth(np.full(1000, 20.0))
    for _ in range(10):
        last = smooth(np.zeros(16_384))
    assert not last.any()
