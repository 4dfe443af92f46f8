from __future__ import annotations

import numpy as np
import pytest

from stemtasks.dsp.convolution import Convolution


@pytest.mark.parametrize("frames", [1, 64, 65, 300])
def test_partitioned_convolution_is_convolution(frames):
    rng = np.random.default_rng(frames)
    response, x = rng.standard_normal((2, frames)), rng.standard_normal((2, 640))
    room = Convolution(response, 64)
    ours = np.concatenate([room(part) for part in np.split(x, 10, axis=1)], axis=1)
    theirs = np.stack([np.convolve(a, b)[:640] for a, b in zip(x, response, strict=True)])
    np.testing.assert_allclose(ours, theirs, atol=1e-11)
