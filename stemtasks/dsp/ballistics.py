"""Attack and release: how a gain that is wanted becomes one that can be heard without a click.

Source: D. Giannoulis, M. Massberg, J. D. Reiss, 'Digital Dynamic Range Compressor Design - A Tutorial and Analysis',
J. Audio Eng. Soc. 60 (2012), eq. 17: the smooth, decoupled peak detector, fed with decibels. Its first stage lets go,

    y1[n] = max(x[n], r y1[n-1] + (1 - r) x[n])

and its second closes in: y[n] = a y[n-1] + (1 - a) y1[n]. The first is a loop over frames as it stands. But max(c, r y
+ b) of a function of that form is one again, so all of it comes to

    y1[n] = l[n] + max over k <= n of r^(n-k) (x[k] - l[k]),    l[n] = r l[n-1] + (1 - r) x[n],

a one-pole low-pass and a running maximum of what decays, both of which are quick on arrays.
"""

from __future__ import annotations

from math import exp

import numpy as np
from numpy.typing import NDArray

from stemtasks.dsp.resting import RestingFilter

Samples = NDArray[np.float64]

# what is left of a maximum below this is none
_NOTHING = 1e-30
# powers of a decay over so many time constants keep their precision in float64
_CONSTANTS_AT_ONCE = 500
_LONGEST_ROW = 1 << 14


class Ballistics:
    """The smooth, decoupled detector of values that are 0 or more, group by group; both times are in frames.

    After a step up a share of 1 - 1/e (63 %) of the way is done after ``attack``, after a step down after ``release``.
    The second stage smooths both ways, so a release takes as long as the attack at least; what it adds to a longer one
    is taken off the first stage. Results depend on the groups only in their rounding: callers keep to a grid.
    """

    def __init__(self, attack: float, release: float) -> None:
        lets_go = _first_stage(attack, release)
        self._lets_go = Release(lets_go) if lets_go else None
        self._closes_in = OnePole(attack) if attack else None
        self._rests = True

    def __call__(self, wanted: Samples) -> Samples:
        """Return the smoothed values: shape (frames,)."""
        if self._rests and not wanted.any():
            return np.zeros(len(wanted))
        held = wanted if self._lets_go is None else self._lets_go(wanted)
        smooth = held if self._closes_in is None else self._closes_in(held)
        self._rests = all(stage is None or stage.rests for stage in (self._lets_go, self._closes_in))
        return smooth


class OnePole:
    """The low-pass y[n] = a y[n-1] + (1 - a) x[n], a step being 63 % done after ``constant`` frames, or 1."""

    def __init__(self, constant: float, channels: int = 1) -> None:
        decay = exp(-1.0 / constant)
        self._filter = RestingFilter(np.array([[1.0 - decay, 0.0, 0.0, 1.0, -decay, 0.0]]), channels)
        self._one = channels == 1

    def __call__(self, samples: Samples) -> Samples:
        """Return the filtered samples: shape (frames,), or (frames, channels) where there are several."""
        return self._filter(samples[:, None])[:, 0] if self._one else self._filter(samples)

    @property
    def rests(self) -> bool:
        """Return whether nothing is left of what went in."""
        return self._filter.rests


class Release:
    """The first stage: up at once, down exponentially to what comes in, 63 % of the way after ``constant`` frames."""

    def __init__(self, constant: float) -> None:
        row = max(1, min(_LONGEST_ROW, int(_CONSTANTS_AT_ONCE * constant)))
        self._decay = exp(-1.0 / constant)
        self._powers = np.exp(np.arange(row) / -constant)
        self._per_power = 1.0 / self._powers
        self._mean = OnePole(constant)
        self._above = 0.0

    @property
    def rests(self) -> bool:
        """Return whether nothing is left of what went in."""
        return not self._above and self._mean.rests

    def __call__(self, wanted: Samples) -> Samples:
        """Return the values held: shape (frames,)."""
        mean = self._mean(wanted)
        above = wanted - mean
        for start in range(0, len(above), len(self._powers)):
            row = above[start : start + len(self._powers)]
            row *= self._per_power[: len(row)]
            row[0] = max(row[0], self._above * self._decay)
            np.maximum.accumulate(row, out=row)
            row *= self._powers[: len(row)]
            self._above = float(row[-1]) if row[-1] > _NOTHING else 0.0
        above += mean
        return above


def _first_stage(attack: float, release: float) -> float:
    """Return the first stage's constant with which the two leave 1/e after ``release`` frames; 0: it is not needed."""
    if release <= attack or _left(1.0, attack, release) > exp(-1.0):
        return 0.0
    low, high = 1.0, release
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if _left(middle, attack, release) > exp(-1.0) else (middle, high)
    return (low + high) / 2


def _left(first: float, second: float, time: float) -> float:
    """Return what is left of 1 after a time behind two low-passes in a row."""
    if not second:
        return exp(-time / first)
    if abs(first - second) < 1e-6 * second:
        return (1.0 + time / first) * exp(-time / first)
    return (first * exp(-time / first) - second * exp(-time / second)) / (first - second)
