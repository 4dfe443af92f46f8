"""Bells and shelves that have the gain of the analogue filter up to the top of the audible band: no cramping.

The bilinear transform behind the Audio EQ Cookbook squeezes all frequencies below half the sample rate: a bell at
16 kHz comes out narrow, and its upper skirt ends in a hole. Where that is more than ``CRAMPED_DB``, the filter is
designed another way. Poles and zeros go over by z = exp(s T) (the matched z-transform, L. R. Rabiner and B. Gold,
'Theory and Application of Digital Signal Processing', 1975, ch. 4), which leaves only what the aliases of the
analogue filter add, an even and gentle curve. A second section takes that away: its squared magnitude, a ratio of
polynomials in sin^2(w / 2), is the one that is right at a few frequencies, and its coefficients follow in closed form
(M. Vicanek, 'Matched second order digital filters', 2016, eq. 22 to 29; the idea of a prescribed gain up to half the
rate is S. J. Orfanidis', 'Digital parametric equalizer design with prescribed Nyquist-frequency gain', JAES 45, 1997).

Frequencies are in radians a frame, w; polynomials of the analogue filter in s over its centre.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import cos, exp, hypot, pi, sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stemtasks.dsp import sections
from stemtasks.dsp.sections import Sections

Samples = NDArray[np.float64]
Quadratic = tuple[float, float, float]
"""Factors of s^2, s and 1."""

CRAMPED_DB = 0.02
"""A cookbook's filter that is nowhere further from the analogue one is taken as it is."""
CLOSE_DB = 0.05
TOP = 0.907 * pi
"""20 kHz at 44.1 kHz: what is above is not held to the analogue gain."""
NOTHING = 1e-10
"""Power below which it does not matter how deep a notch is: -100 dB."""
_FIVE = np.array([0.0, 0.35, 0.6, 0.8, 0.9]) * pi
_FIVE_OTHERS = np.array([0.0, 0.4, 0.65, 0.82, 0.91]) * pi
_FOUR = np.array([0.0, 0.4, 0.7, 0.9]) * pi
_THREE = np.array([0.0, 0.5, 0.85]) * pi
_WAYS = (
    (pi, 1.0, _FIVE, 2, 2),
    (pi, 1.5, _FIVE, 2, 2),
    (0.85 * pi, 1.0, _FIVE, 2, 2),
    (0.85 * pi, 1.5, _FIVE, 2, 2),
    (0.7 * pi, 1.0, _FIVE, 2, 2),
    (pi, 1.0, _FIVE_OTHERS, 2, 2),
    (pi, 1.0, _FOUR, 2, 1),
    (pi, 1.0, _FOUR, 1, 2),
    (pi, 1.0, _THREE, 1, 1),
)
"""Where roots above a frequency go, and how far inside, where the gain is right, and the degrees of the ratio.

Not all of them give a filter for all bells and shelves: the first that does, and is close, is taken.
"""


def peaking(centre_hz: float, gain_db: float, q: float, sample_rate: int) -> Sections:
    """Return a bell of ``gain_db`` at the centre: one section, or two where one would cramp."""
    amplitude = 10 ** (gain_db / 40)
    analogue = _Analogue((1.0, amplitude / q, 1.0), (1.0, 1.0 / (amplitude * q), 1.0), 2 * pi * centre_hz / sample_rate)
    return _designed(analogue, sections.peaking(centre_hz, gain_db, q, sample_rate))


def shelf(kind: Literal["low", "high"], corner_hz: float, gain_db: float, q: float, sample_rate: int) -> Sections:
    """Return a shelf of ``gain_db`` below (low) or above (high) the corner: one section, or two."""
    amplitude = 10 ** (gain_db / 40)
    slope = sqrt(amplitude) / q
    over, under = (amplitude, amplitude * slope, amplitude * amplitude), (amplitude, slope, 1.0)
    if kind == "high":
        over, under = over[::-1], under[::-1]
    analogue = _Analogue(over, under, 2 * pi * corner_hz / sample_rate)
    return _designed(analogue, sections.shelf(kind, corner_hz, gain_db, q, sample_rate))


class _Analogue:
    """A ratio of two polynomials of second degree, and the frequencies at which a filter is held against it."""

    def __init__(self, over: Quadratic, under: Quadratic, w: float) -> None:
        self.over, self.under, self.w = over, under, w
        near = [np.linspace(0.0, TOP, 129)]
        for c2, c1, c0 in (over, under):
            resonance, damping = w * sqrt(c0 / c2), c1 / (2.0 * sqrt(c0 * c2))
            near.append(resonance * (1.0 + min(damping, 0.3) * np.linspace(-3.0, 3.0, 25)))
        grid = np.concatenate(near)
        self.grid: Samples = grid[(grid >= 0.0) & (grid <= TOP)]

    def power(self, w: Samples) -> Samples:
        """Return the squared magnitude."""
        squared = (w / self.w) ** 2
        over, under = ((c0 - c2 * squared) ** 2 + c1 * c1 * squared for c2, c1, c0 in (self.over, self.under))
        return over / under

    def distance_db(self, sos: Sections) -> float:
        """Return how far the gain of sections is from this one's at most, up to ``TOP``."""
        # a pole and a zero that nearly cancel make a spike that is narrower than any grid
        spikes = np.abs(np.angle(np.concatenate([np.roots(part) for row in sos for part in (row[:3], row[3:])])))
        w = np.concatenate([self.grid, spikes[spikes <= TOP]])
        power = np.prod([_power(row[:3], w) / _power(row[3:], w) for row in sos], axis=0)
        return float(np.abs(10.0 * np.log10((power + NOTHING) / (self.power(w) + NOTHING))).max())


def _designed(analogue: _Analogue, cookbook: Sections) -> Sections:
    """Return the cookbook's section where it does not cramp, else the first design that is close, or the closest."""
    if analogue.distance_db(cookbook) <= CRAMPED_DB:
        return cookbook
    found = []
    for design in _designs(analogue):
        distance = analogue.distance_db(design)
        if distance <= CLOSE_DB:
            return design
        found.append((distance, design))
    return min(found, key=lambda each: each[0], default=(0.0, cookbook))[1]


def _designs(analogue: _Analogue) -> Iterator[Sections]:
    """Yield a filter of two sections for each way that gives one."""
    for edge, spread, nodes, over_degree, under_degree in _WAYS:
        b, a = (_placed(each, analogue.w, edge, spread) for each in (analogue.over, analogue.under))
        lacking = analogue.power(nodes) * _power(a, nodes) / _power(b, nodes)
        level = float(np.exp(np.log(lacking).mean()))
        over, under = _interpolated(nodes, lacking / level, over_degree, under_degree)
        left, right = _minimum_phase(over), _minimum_phase(under)
        if left is not None and right is not None:
            gain = sqrt(level) / right[0]
            yield np.array([[*b, *a], [*(gain * left), *(right / right[0])]])


def _placed(quadratic: Quadratic, w: float, edge: float, spread: float) -> Samples:
    """Return the polynomial whose roots are exp(s T) of the analogue ones: 1, and factors of z^-1 and z^-2.

    A pair of roots above half the rate would come back below it as an alias. What is above ``edge`` goes there, as far
    inside the unit circle, times ``spread``, as it was from there.
    """
    c2, c1, c0 = quadratic
    resonance, damping = w * sqrt(c0 / c2), c1 / (2.0 * sqrt(c0 * c2))
    if damping >= 1.0:
        fast = damping + sqrt(damping * damping - 1.0)
        p, q = exp(-resonance * fast), exp(-resonance / fast)
        return np.array([1.0, -(p + q), p * q])
    decay, angle = resonance * damping, resonance * sqrt(1.0 - damping * damping)
    if angle > edge:
        decay, angle = spread * hypot(decay, angle - edge), edge
    return np.array([1.0, -2.0 * exp(-decay) * cos(angle), exp(-2.0 * decay)])


def _power(polynomial: Samples, w: Samples) -> Samples:
    """Return the squared magnitude of a polynomial in z^-1 with three factors.

    As ``_minimum_phase`` has it; b0 + b1 + b2 and b0 - b1 + b2 keep their digits where roots are near 1 or -1.
    """
    b0, b1, b2 = polynomial
    x = np.sin(w / 2.0) ** 2
    power: Samples = (b0 + b1 + b2) ** 2 * (1.0 - x) + (b0 - b1 + b2) ** 2 * x - 16.0 * b0 * b2 * x * (1.0 - x)
    return power


def _interpolated(nodes: Samples, power: Samples, over_degree: int, under_degree: int) -> tuple[Samples, Samples]:
    """Return numerator and denominator, in the terms of ``_minimum_phase``, of the ratio that has ``power`` at nodes.

    The denominator is (1 + r) (1 - x) + (1 - r) x + s 4 x (1 - x), which makes the conditions linear in all unknowns.
    """
    x = np.sin(nodes / 2.0) ** 2
    terms = np.stack([1.0 - x, x, 4.0 * x * (1.0 - x)])
    free = np.stack([terms[0] - terms[1], terms[2]])[:under_degree]
    solved = np.linalg.solve(np.concatenate([terms[: over_degree + 1], -power * free]).T, power)
    over, (r, s) = np.zeros(3), np.pad(solved[over_degree + 1 :], (0, 2 - under_degree))
    over[: over_degree + 1] = solved[: over_degree + 1]
    return over, np.array([1.0 + r, 1.0 - r, s])


def _minimum_phase(power: Samples) -> Samples | None:
    """Return the polynomial in z^-1 of a squared magnitude p0 (1 - x) + p1 x + p2 4 x (1 - x), x = sin^2(w / 2).

    None where that is no squared magnitude, because it is negative somewhere.
    """
    p0, p1, p2 = power
    if min(p0, p1) <= 0.0:
        return None
    half = (sqrt(p0) + sqrt(p1)) / 2.0
    if half * half + p2 <= 0.0:
        return None
    b0 = (half + sqrt(half * half + p2)) / 2.0
    return np.array([b0, (sqrt(p0) - sqrt(p1)) / 2.0, -p2 / (4.0 * b0)])
