"""Values that come group by group, late by so many, or as the highest of so many neighbours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]


class Delay:
    """The last values, kept for the next group."""

    def __init__(self, shape: int | tuple[int, int], neutral: float) -> None:
        """``shape`` is how many, or how many frames of how many channels."""
        self._kept = np.full(shape, neutral)

    def joined(self, values: Samples) -> Samples:
        """Return the kept values and these."""
        joined = np.concatenate((self._kept, values))
        self._kept = joined[len(values) :]
        return joined

    def __call__(self, values: Samples) -> Samples:
        """Return as many values, late by the length."""
        return self.joined(values)[: len(values)]


class Held:
    """The highest of each value and of so many before it, of which there are none before the first: 0."""

    def __init__(self, frames: int) -> None:
        self._width = frames + 1
        self._before = Delay(frames, 0.0)

    def __call__(self, values: Samples) -> Samples:
        """Return as many values."""
        return values if self._width == 1 else sliding_max(self._before.joined(values), self._width)


def sliding_max(values: Samples, width: int) -> Samples:
    """Return the maximum of each ``width`` neighbours: shape (len - width + 1,)."""
    reach = 1
    while reach < width:
        step = min(reach, width - reach)
        values = np.maximum(values[:-step], values[step:])
        reach += step
    return values
