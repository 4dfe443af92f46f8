"""Filters that come to rest in silence: numbers too small to be normal take a processor a hundred times as long."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stemtasks.dsp.sections import Filter, Sections, memory_frames

Samples = NDArray[np.float64]

# what is left of a state below this is none, -600 dB
_NOTHING = 1e-30
# in so many times 2^-256, from there, it does not get to where numbers are no longer normal
_MEMORIES = 3
_SHORTEST = 1 << 10


class RestingFilter:
    """A causal filter whose state is put to 0 where it is next to nothing; at rest it passes silence on for nothing.

    Where that is looked at is counted from each block's start, so callers keep to a grid.
    """

    def __init__(self, sos: Sections, channels: int) -> None:
        self._filter = Filter(sos, channels)
        self._step = max(_SHORTEST, _MEMORIES * memory_frames(sos))

    @property
    def rests(self) -> bool:
        """Return whether nothing is left of what went in."""
        return not self._filter.state.any()

    def __call__(self, block: Samples) -> Samples:
        """Return the filtered block: shape (frames, channels), the input untouched."""
        if len(block) <= self._step:
            return self._part(block)
        return np.concatenate([self._part(block[at : at + self._step]) for at in range(0, len(block), self._step)])

    def _part(self, block: Samples) -> Samples:
        if self.rests and not block.any():
            return np.zeros_like(block)
        out = self._filter(block)
        state = self._filter.state
        state[np.abs(state) < _NOTHING] = 0.0
        return out
