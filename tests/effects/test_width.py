from __future__ import annotations

import numpy as np
import pytest

from stemtasks.audio.curves import Curve
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


def test_a_width_that_changes_is_that_of_each_frame(apply):
    out = apply("width", noise, [7, 300], width=Curve((100, 400), (0.0, 2.0)))
    sides = np.interp(np.arange(500), [100, 400], [0.0, 2.0])
    np.testing.assert_allclose(out.sum(axis=1), noise.sum(axis=1), atol=1e-12)
    np.testing.assert_allclose(out[:, 0] - out[:, 1], sides * (noise[:, 0] - noise[:, 1]), atol=1e-12)
