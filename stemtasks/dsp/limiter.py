"""A true-peak limiter with look-ahead: the gain follows from segment peaks, and is then applied to the audio.

The two halves are apart so that a caller who keeps the peaks (``master``) can try many gains without reading
the audio again. All is done in linear gain with +, *, /, sqrt and max, whose results do not depend on the
machine's libm, and resolved to segments of about 1/6 ms, the gain between two segments being a line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stemtasks.dsp.true_peak import segment_frames

Samples = NDArray[np.float64]

LOOK_AHEAD_MS = 1.5
# what lasts as long as this is a level and is turned down slowly; what does not is a peak
_LEVEL_MS = 200


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

_SLOW_AT_MOST = 10 ** (3 / 20)
_GROUP = 4096
# so much more do other filters see on recordings that were limited to ours; what sees more is heard in `master`
MARGIN_DB = 0.2


class GainCurve:
    """The limiter's gain at the boundaries of segments, from their true peaks, in groups of any length.

    Of ``n`` peaks come ``n + 1`` gains, at most 1, which is also the look-ahead's exact neutral value. A slow stage
    takes what is over for 200 ms or more, a fast one what is left. Results do not depend on the groups.
    Law: both gains around a segment are at most ``threshold / peak``.
    """

    def __init__(self, sample_rate: int, threshold: float, manner: Manner = CLEAN) -> None:
        segments_per_second = sample_rate / segment_frames(sample_rate)
        self._per_threshold = 1.0 / threshold
        self._slow = _Slow(segments_per_second, manner)
        self._fast = _Fast(segments_per_second, manner)
        self._peaks = _Delay(self._slow.delay + 1, 0.0)
        self._levels = _Delay(self._fast.delay, 1.0)
        self._last_level = np.ones(1)
        self._held = np.zeros(0)
        self.delay = self._slow.delay + 1 + self._fast.delay
        self._skip = self.delay

    def __call__(self, peaks: Samples) -> Samples:
        """Take the next peaks, return the gains that are certain now: shape (gains,)."""
        held = np.concatenate((self._held, peaks))
        whole = len(held) - len(held) % _GROUP
        self._held = held[whole:]
        gains = [self._gains(held[start : start + _GROUP]) for start in range(0, whole, _GROUP)]
        return np.concatenate(gains) if gains else np.zeros(0)

    def finish(self) -> Samples:
        """Return the last gains."""
        return self._gains(np.concatenate((self._held, np.zeros(self.delay + 1))))

    def _gains(self, peaks: Samples) -> Samples:
        """Return as many gains as peaks, those of ``delay`` segments before (fewer the first time)."""
        over = peaks * self._per_threshold
        over *= over > 1.0
        levels = np.concatenate((self._last_level, self._slow(over)))
        self._last_level = levels[-1:]
        left = self._peaks(over) * np.maximum(levels[:-1], levels[1:])
        left *= left > 1.0
        gains = self._fast(left) * self._levels(levels[:-1])
        skipped = min(self._skip, len(gains))
        self._skip -= skipped
        return gains[skipped:]


class _Slow:
    """The gain for what stays over for ``_LEVEL_MS``: an opening of the filled peaks, smoothed over as long."""

    def __init__(self, segments_per_second: float, manner: Manner) -> None:
        level = round(_LEVEL_MS / 1000 * segments_per_second)
        self._filled = _Filled(round(manner.period_ms / 1000 * segments_per_second))
        self._opened = _Delay(2 * (level - 1), 0.0)
        self._level = level
        self._box = level // 3
        self._loss = _Delay(3 * (self._box - 1), 0.0)
        self.delay = self._filled.delay + level - 1 + 3 * (self._box - 1) // 2

    def __call__(self, over: Samples) -> Samples:
        """Return a gain a segment, ``delay`` segments late."""
        filled = self._opened.joined(self._filled(over))
        lasting = _sliding_max(-_sliding_max(-filled, self._level), self._level)
        loss = self._loss.joined(1.0 - 1.0 / np.maximum(lasting, 1.0))
        if not loss.any():
            return np.ones(len(over))
        for _ in range(3):
            sums = np.concatenate((np.zeros(1), np.cumsum(loss)))
            loss = (sums[self._box :] - sums[: -self._box]) / self._box
        loss[loss < 1e-12] = 0.0  # what is left of rounding
        return 1.0 - loss


class _Fast:
    """The gain for peaks, down within the look-ahead, up as the releases let it."""

    def __init__(self, segments_per_second: float, manner: Manner) -> None:
        self._ahead = max(1, round(LOOK_AHEAD_MS / 1000 * segments_per_second))
        self._filled = _Filled(round(manner.period_ms / 1000 * segments_per_second))
        self._releases = [_Release(db / segments_per_second) for db in manner[1:]]
        self._smoothing = _bell(self._ahead + 1)
        self._history = _Delay(2 * self._ahead + 1, 1.0)
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
        loss = 1.0 - 1.0 / _sliding_max(reduction, self._ahead + 2)
        # each of the losses averaged over saw the segment, so their mean is enough for it
        gains: Samples = 1.0 - np.convolve(loss, self._smoothing, "valid")
        return gains


class _Filled:
    """A closing: valleys narrower than ``width`` are filled to the lower of their sides, peaks stay as they are."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._history = _Delay(2 * (width - 1), 0.0)
        self.delay = width - 1

    def __call__(self, values: Samples) -> Samples:
        joined = self._history.joined(values)
        if not joined.any():
            return np.zeros(len(values))
        return -_sliding_max(-_sliding_max(joined, self._width), self._width)


class _Delay:
    """The last values, kept for the next group."""

    def __init__(self, length: int, neutral: float) -> None:
        self._kept = np.full(length, neutral)

    def joined(self, values: Samples) -> Samples:
        """Return the kept values and these."""
        joined = np.concatenate((self._kept, values))
        self._kept = joined[len(values) :]
        return joined

    def __call__(self, values: Samples) -> Samples:
        """Return as many values, late by the length."""
        return self.joined(values)[: len(values)]


class _Release:
    """The envelope ``max over k <= n of level[k] * decay ** (n - k)``: a straight line in dB after each peak."""

    def __init__(self, db_per_step: float) -> None:
        self._powers = np.cumprod(np.full(_GROUP * 2, 10 ** (-db_per_step / 20)))
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


def _sliding_max(values: Samples, width: int) -> Samples:
    """Return the maximum of each ``width`` neighbours: shape (len - width + 1,)."""
    reach = 1
    while reach < width:
        step = min(reach, width - reach)
        values = np.maximum(values[:-step], values[step:])
        reach += step
    return values


def gained(take: Callable[[int], Samples], gains: Iterable[Samples], segment: int, gain: float) -> Iterator[Samples]:
    """Yield the audio times ``gain`` and the curve, a line from one gain to the next; each block new.

    ``take(frames)`` returns the next frames, shape (frames, channels), fewer at the end. Where the curve is 1 and
    so is ``gain``, samples pass unchanged, bit for bit.
    """
    ramp = np.array([np.ones(segment), np.arange(segment) / segment])
    last = np.zeros(0)
    for group in gains:
        curve = np.concatenate((last, group))
        last = curve[-1:]
        if len(curve) < 2:
            continue
        block = take((len(curve) - 1) * segment)
        if curve.min() == 1.0:
            yield block * gain
            continue
        # gain and slope of each segment times (1, time): a matrix product is a fifth of broadcasting
        lines = np.empty((len(curve) - 1, 2))
        lines[:, 0] = curve[:-1]
        np.subtract(curve[1:], curve[:-1], out=lines[:, 1])
        frames = (lines @ ramp).reshape(-1)[: len(block)]
        frames *= gain
        yield block * frames[:, None]
