"""A true-peak limiter with look-ahead: the gain follows from segment peaks, and is then applied to the audio.

The two halves are apart so that a caller who keeps the peaks (``master``) can try many gains without reading
the audio again. All is done in linear gain with +, *, /, sqrt and max, whose results do not depend on the
machine's libm, and resolved to segments of about 1/6 ms, the gain between two segments being a line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from stemtasks.dsp.gain_stages import CLEAN, GROUP, Fast, Manner, Slow
from stemtasks.dsp.sliding import Delay
from stemtasks.dsp.true_peak import segment_frames

Samples = NDArray[np.float64]

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
        self._slow = Slow(segments_per_second, manner)
        self._fast = Fast(segments_per_second, manner)
        self._peaks = Delay(self._slow.delay + 1, 0.0)
        self._levels = Delay(self._fast.delay, 1.0)
        self._last_level = np.ones(1)
        self._held = np.zeros(0)
        self.delay = self._slow.delay + 1 + self._fast.delay
        self._skip = self.delay

    def __call__(self, peaks: Samples) -> Samples:
        """Take the next peaks, return the gains that are certain now: shape (gains,)."""
        held = np.concatenate((self._held, peaks))
        whole = len(held) - len(held) % GROUP
        self._held = held[whole:]
        gains = [self._gains(held[start : start + GROUP]) for start in range(0, whole, GROUP)]
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
