"""Low-frequency oscillators: how many periods have passed at a frame, and what a wave has come to by then.

The phase is counted from frame 0 and never accumulated, so that nothing drifts and no block decides anything. What an
oscillator moves (a gain, a delay, a coefficient) is computed at the points of one period, with a line between two: the
error of a sine is -178 dB.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]

POINTS = 1 << 16


def turns(start: int, frames: int, periods_per_frame: float, offsets: Samples) -> Samples:
    """Return the phases of oscillators in periods, 0 to 1: shape of ``offsets``, (...), and then (frames,)."""
    frame = np.arange(start, start + frames, dtype=np.float64)
    passed: Samples = frame * periods_per_frame + offsets[..., None]
    passed -= np.floor(passed)
    return passed


def wave(turns: Samples, kind: Literal["sine", "triangle"] = "sine") -> Samples:
    """Return -1 to 1: 0 and rising at 0 turns, 1 at a quarter."""
    if kind == "triangle":
        triangle: Samples = 4.0 * np.abs((turns + 0.75) % 1.0 - 0.5) - 1.0
        return triangle
    return np.sin(2.0 * np.pi * turns)


class Period:
    """A function of the phase, read at any phases."""

    def __init__(self, function: Callable[[Samples], Samples]) -> None:
        self.values = function(np.arange(POINTS + 1) / POINTS)
        self.rises = np.diff(self.values, append=self.values[1])

    def __call__(self, turns: Samples) -> Samples:
        """Return the values at phases of 0 to 1, in periods."""
        place = turns * POINTS
        point = place.astype(np.int64)
        place -= point
        place *= self.rises.take(point)
        place += self.values.take(point)
        return place
