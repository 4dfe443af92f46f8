from __future__ import annotations

import numpy as np
import pytest

from stemtasks.errors import SpecError

noise = np.random.default_rng(1).standard_normal((500, 2))


def test_zero_is_mono_and_one_the_input(apply):
    np.testing.assert_allclose(apply("width", noise, width=0.0), noise.mean(axis=1, keepdims=True).repeat(2, axis=1))
    assert np.array_equal(apply("width", noise, width=1.0), noise)


def test_the_middle_stays_and_the_side_scales(apply):
    wide = apply("width", noise, width=2.0)
    np.testing.assert_allclose(wide.sum(axis=1), noise.sum(axis=1), atol=1e-12)
    np.testing.assert_allclose(wide[:, 0] - wide[:, 1], 2 * (noise[:, 0] - noise[:, 1]), atol=1e-12)


def test_a_mono_song_has_no_width(apply):
    with pytest.raises(SpecError, match="width: needs 2 channels, found 1"):
        apply("width", noise[:, :1], width=2.0)
