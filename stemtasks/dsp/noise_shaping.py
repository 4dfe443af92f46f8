"""Noise shaping: the error of rounding is fed back, so that its spectrum follows the ear and not a straight line.

At 44.1 and 48 kHz the five coefficients of Lipshitz, Vanderkooy and Wannamaker, 'Minimally audible noise shaping',
JAES 39 (11), 1991: noise falls by up to 20 dB around 4 kHz and rises above 10 kHz, 12 dB more in all.
"""

from __future__ import annotations

from math import floor

Taps = tuple[float, float, float, float, float]

_EAR: Taps = (2.033, -2.165, 1.959, -1.590, 0.6149)
# the second difference, 1 - 2 z^-1 + z^-2: what rises lies above hearing
_DIFFERENCE: Taps = (2.0, -1.0, 0.0, 0.0, 0.0)
SETTLED: Taps = (0.0, 0.0, 0.0, 0.0, 0.0)


def taps(sample_rate: int) -> Taps | None:
    """Return c of the noise's transfer function ``1 - c1 z^-1 - ... - c5 z^-5``, or None where shaping does harm.

    The published filter is made for 44.1 kHz and keeps its shape at 48 kHz. Below 40 kHz all of the band is audible:
    white noise is the least there. Above 60 kHz the second difference serves.
    """
    if sample_rate < 40_000:
        return None
    return _EAR if sample_rate < 60_000 else _DIFFERENCE


def shaped(steps: list[float], noise: list[float], c: Taps, errors: Taps = SETTLED) -> tuple[list[int], Taps]:
    """Round one channel, in units of a step: ``y = round(v + noise)`` where ``v = x - c1 e1 - ... - c5 e5``.

    ``errors`` are the last ``y - v``, dither and all, newest first; the new ones are returned. Whole numbers come back
    unlimited, so that clipping is not fed back. Each sample needs the one before: 0.3 us a sample, which is some
    30 times real time for stereo.
    """
    c1, c2, c3, c4, c5 = c
    e1, e2, e3, e4, e5 = errors
    rounded = []
    for x, dither in zip(steps, noise, strict=True):
        v = x - (c1 * e1 + c2 * e2 + c3 * e3 + c4 * e4 + c5 * e5)
        y = floor(v + dither + 0.5)
        rounded.append(y)
        e1, e2, e3, e4, e5 = y - v, e1, e2, e3, e4
    return rounded, (e1, e2, e3, e4, e5)
