"""A true-peak limiter with look-ahead: the gain follows from segment peaks, and is then applied to the audio.

The two halves are apart so that a caller who keeps the peaks (``master``) can try many gains without reading
the audio again. All is done in linear gain with +, *, /, sqrt and max, whose results do not depend on the
machine's libm, and resolved to segments of about 1/6 ms, the gain between two segments being a line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from stemtasks.dsp.true_peak import segment_frames

Samples = NDArray[np.float64]

LOOK_AHEAD_MS = 1.5
# after a peak: quickly to half its dB, slowly from there; a single peak is soon forgotten,
# and a long loud passage is turned down without following each cycle of its bass
_FAST_DB_PER_SECOND = 60.0
_SLOW_DB_PER_SECOND = 15.0
_GROUP = 4096
# meters that oversample more see up to 0.3 dB more than a 4x one on recordings that were limited to it
MARGIN_DB = 0.35


class GainCurve:
    """The limiter's gain at the boundaries of segments, from their true peaks, in groups of any length.

    Of ``n`` peaks come ``n + 1`` gains, at most 1, which is also the look-ahead's exact neutral value.
    Law: both gains around a segment are at most ``threshold / peak``. Results do not depend on the groups.
    """

    def __init__(self, sample_rate: int, threshold: float) -> None:
        segments_per_second = sample_rate / segment_frames(sample_rate)
        self._per_threshold = 1.0 / threshold
        self.look_ahead = max(1, round(LOOK_AHEAD_MS / 1000 * segments_per_second))
        self._fast = _Release(_FAST_DB_PER_SECOND / segments_per_second)
        self._slow = _Release(_SLOW_DB_PER_SECOND / segments_per_second)
        self._smoothing = _bell(self.look_ahead + 1)
        self._history = np.ones(2 * self.look_ahead + 1)
        self._held = np.zeros(0)
        self._first = True

    def __call__(self, peaks: Samples) -> Samples:
        """Take the next peaks, return the gains that are certain now: shape (gains,)."""
        held = np.concatenate((self._held, peaks))
        whole = len(held) - len(held) % _GROUP
        self._held = held[whole:]
        gains = [self._gains(held[start : start + _GROUP]) for start in range(0, whole, _GROUP)]
        return np.concatenate(gains) if gains else np.zeros(0)

    def finish(self) -> Samples:
        """Return the last gains."""
        return self._gains(np.concatenate((self._held, np.zeros(self.look_ahead + 1))))

    def _gains(self, peaks: Samples) -> Samples:
        """Return as many gains as peaks, those of ``look_ahead`` segments before (fewer the first time)."""
        over = peaks * self._per_threshold
        over *= over > 1.0
        fast, slow = self._fast(over), self._slow(np.sqrt(over))
        ahead = self.look_ahead
        if fast is None and slow is None and not np.any(self._history > 1.0):
            gains = np.ones(len(peaks))
        else:
            wanted = np.ones(len(peaks))
            for release in (fast, slow):
                if release is not None:
                    np.maximum(wanted, release, out=wanted)
            reduction = np.concatenate((self._history, wanted))
            self._history = reduction[len(peaks) :]
            loss = 1.0 - 1.0 / _sliding_max(reduction, ahead + 2)
            # each of the losses averaged over saw the segment, so their mean is enough for it
            gains = 1.0 - np.convolve(loss, self._smoothing, "valid")
        if self._first:
            self._first = False
            return gains[ahead:]
        return gains


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
