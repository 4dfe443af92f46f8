"""A memoryless curve at several times the sample rate, so that the harmonics it makes alias less.

J. Schattschneider and U. Zoelzer, 'Discrete-time models for nonlinear audio systems', DAFx 1999.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import soxr
from numpy.typing import NDArray

Samples = NDArray[np.float64]
Curve = Callable[[Samples], Samples]


class Oversampled:
    """A curve between two soxr resamplers; their delay is taken out, so frame n stays frame n."""

    def __init__(self, curve: Curve, factor: int, sample_rate: int, channels: int) -> None:
        self.curve = curve
        high = factor * sample_rate
        self._up = soxr.ResampleStream(sample_rate, high, channels, dtype="float64", quality="HQ")
        self._down = soxr.ResampleStream(high, sample_rate, channels, dtype="float64", quality="HQ")

    def __call__(self, block: Samples, last: bool = False) -> Samples:
        """Return the frames that are ready, fewer or more than went in; all of them with the last block."""
        raised = self._up.resample_chunk(np.ascontiguousarray(block), last=last)
        lowered: Samples = self._down.resample_chunk(np.ascontiguousarray(self.curve(raised)), last=last)
        return lowered
