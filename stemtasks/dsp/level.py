"""Amplitudes and decibels, and the level below which a tail has ended."""

from __future__ import annotations

from typing import overload

import numpy as np
from numpy.typing import NDArray

TAIL_FLOOR_DBFS = -90.0
TAIL_FLOOR = 10 ** (TAIL_FLOOR_DBFS / 20)


@overload
def amplitude(gain_db: float) -> float: ...
@overload
def amplitude(gain_db: NDArray[np.float64]) -> NDArray[np.float64]: ...
@overload
def amplitude(gain_db: float | NDArray[np.float64]) -> float | NDArray[np.float64]: ...
def amplitude(gain_db: float | NDArray[np.float64]) -> float | NDArray[np.float64]:
    """Return the factor of a gain in dB, or of each of some: 0 dB is exactly 1."""
    if isinstance(gain_db, np.ndarray):
        return np.power(10.0, gain_db / 20.0)
    return float(10.0 ** (gain_db / 20.0))


def peak(block: NDArray[np.float64]) -> float:
    """Return the largest absolute sample, 0 for no frames, leaving out NaN."""
    if not block.size:
        return 0.0
    highest = max(float(block.max()), -float(block.min()))
    if highest == highest:
        return highest
    return float(np.fmax(np.fmax.reduce(block, axis=None), -np.fmin.reduce(block, axis=None)))
