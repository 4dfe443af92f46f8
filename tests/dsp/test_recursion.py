"""The oracle is the recursion, a frame after the other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemtasks.dsp.recursion import STRETCH, delayed, first_order, joined, products, stretched


@given(
    stretches=st.integers(1, 6),
    channels=st.integers(1, 3),
    size=st.sampled_from([0.0, 0.3, 0.999, 1.0]),
    seed=st.integers(0, 99),
)
def test_side_by_side_is_one_after_the_other(stretches, channels, size, seed):
    rng = np.random.default_rng(seed)
    m = rng.uniform(-size, size, (stretches * STRETCH, channels))
    b, before = rng.standard_normal((stretches * STRETCH, channels)), rng.standard_normal(channels)
    expected, last = [], before
    for multiplier, added in zip(m, b, strict=True):
        last = multiplier * last + added
        expected.append(last)
    m = stretched(m)
    np.testing.assert_allclose(joined(first_order(m, products(m), stretched(b), before)), expected, atol=1e-10)


def test_multipliers_may_be_complex_and_pass_through_zero():
    m = stretched(np.linspace(-1, 1, 4 * STRETCH + 1)[:-1, None] * np.ones(1))
    assert (m == 0).any()
    turned = m * (0.6 + 0.8j)
    b = stretched(np.ones((4 * STRETCH, 1)))
    found = first_order(turned, products(turned), b.astype(complex), np.zeros(1, complex))
    last, expected = 0.0, []
    for multiplier in joined(m)[:, 0] * (0.6 + 0.8j):
        last = multiplier * last + 1.0
        expected.append(last)
    np.testing.assert_allclose(found[:, 0].T.reshape(-1), expected, atol=1e-12)


def test_a_frame_later_is_a_frame_later():
    x = np.arange(3 * STRETCH, dtype=float)[:, None]
    assert joined(delayed(stretched(x), np.array([-1.0])))[:, 0].tolist() == [-1.0, *x[:-1, 0]]
    assert joined(stretched(x)) == pytest.approx(x)
