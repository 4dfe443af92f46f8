"""The two stages of the limiter's gain: a slow one for level, a fast one for peaks. A value is of about 1/6 ms."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stemtasks.dsp.sliding import Delay, sliding_max

Samples = NDArray[np.float64]

LOOK_AHEAD_MS = 1.5
# what lasts as long as this is a level and is turned down slowly; what does not is a peak
_LEVEL_MS = 200
_SLOW_AT_MOST = 10 ** (3 / 20)
GROUP = 4096
"""At most so many segments at once."""


class Manner(NamedTuple):
    """How the fast stage lets go of a peak."""

    period_ms: float
    """Valleys as short as this are no recovery: the gain of a steady tone above 1 / period is flat."""
    fast_db_per_second: float
    """To half the peak's dB, or to the last 3 dB."""
    slow_db_per_second: float
    """From there: a long loud passage is turned down without following each cycle of its bass."""


CLEAN = Manner(50, 120, 15)
HARD = Manner(12, 240, 30)
"""Follows what is inside a bass note, which is louder and distorts it: for targets that ``CLEAN`` cannot reach."""


class Slow:
    """The gain for what stays over for ``_LEVEL_MS``: an opening of the filled peaks, smoothed over as long."""

    def __init__(self, segments_per_second: float, manner: Manner) -> None:
        level = round(_LEVEL_MS / 1000 * segments_per_second)
        self._filled = _Filled(round(manner.period_ms / 1000 * segments_per_second))
        self._opened = Delay(2 * (level - 1), 0.0)
        self._level = level
        self._box = level // 3
        self._loss = Delay(3 * (self._box - 1), 0.0)
        self.delay = self._filled.delay + level - 1 + 3 * (self._box - 1) // 2

    def __call__(self, over: Samples) -> Samples:
        """Return a gain a segment, ``delay`` segments late."""
        filled = self._opened.joined(self._filled(over))
        lasting = sliding_max(-sliding_max(-filled, self._level), self._level)
        loss = self._loss.joined(1.0 - 1.0 / np.maximum(lasting, 1.0))
        if not loss.any():
            return np.ones(len(over))
        for _ in range(3):
            sums = np.concatenate((np.zeros(1), np.cumsum(loss)))
            loss = (sums[self._box :] - sums[: -self._box]) / self._box
        loss[loss < 1e-12] = 0.0  # what is left of rounding
        return 1.0 - loss


class Fast:
    """The gain for peaks, down within the look-ahead, up as the releases let it."""

    def __init__(self, segments_per_second: float, manner: Manner) -> None:
        self._ahead = max(1, round(LOOK_AHEAD_MS / 1000 * segments_per_second))
        self._filled = _Filled(round(manner.period_ms / 1000 * segments_per_second))
        self._releases = [_Release(db / segments_per_second) for db in manner[1:]]
        self._smoothing = _bell(self._ahead + 1)
        self._history = Delay(2 * self._ahead + 1, 1.0)
        self.delay = self._filled.delay + self._ahead

    def __call__(self, over: Samples) -> Samples:
        """Return a gain a boundary, ``delay`` segments late."""
        filled = self._filled(over)
        wanted = np.ones(len(filled))
        for release, level in zip(self._releases, (filled, np.minimum(np.sqrt(filled), _SLOW_AT_MOST)), strict=True):
            envelope = release(level)
            if envelope is not None:
                np.maximum(wanted, envelope, out=wanted)
        reduction = self._history.joined(wanted)
        if not np.any(reduction > 1.0):
            return np.ones(len(over))
        loss = 1.0 - 1.0 / sliding_max(reduction, self._ahead + 2)
        # each of the losses averaged over saw the segment, so their mean is enough for it
        gains: Samples = 1.0 - np.convolve(loss, self._smoothing, "valid")
        return gains


class _Filled:
    """A closing: valleys narrower than ``width`` are filled to the lower of their sides, peaks stay as they are."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._history = Delay(2 * (width - 1), 0.0)
        self.delay = width - 1

    def __call__(self, values: Samples) -> Samples:
        joined = self._history.joined(values)
        if not joined.any():
            return np.zeros(len(values))
        return -sliding_max(-sliding_max(joined, self._width), self._width)


class _Release:
    """The envelope ``max over k <= n of level[k] * decay ** (n - k)``: a straight line in dB after each peak."""

    def __init__(self, db_per_step: float) -> None:
        self._powers = np.cumprod(np.full(GROUP * 2, 10 ** (-db_per_step / 20)))
        self._per_power = 1.0 / self._powers
        self._last = 0.0

    def __call__(self, level: Samples) -> Samples | None:
        """Return the envelope, or None where it stays at 1 or below."""
        if self._last * self._powers[0] <= 1.0 and not level.any():
            self._last = 0.0
            return None
        envelope = level * self._per_power[: len(level)]
        envelope[0] = max(envelope[0], self._last)
        np.maximum.accumulate(envelope, out=envelope)
        envelope *= self._powers[: len(level)]
        self._last = float(envelope[-1])
        return envelope


def _bell(length: int) -> Samples:
    """Return a smooth window of a sum of 1: three boxes in a row, so that the gain and its slope are continuous."""
    shortest, more = divmod(length + 2, 3)
    window = np.ones(1)
    for box in range(3):
        window = np.convolve(window, np.ones(shortest + (box < more)))
    window /= window.sum()
    return window
