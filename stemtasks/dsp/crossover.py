"""Crossovers: a signal in bands whose sum is the signal again but for its phase.

Source: S. Linkwitz, 'Active Crossover Networks for Noncoincident Drivers', J. Audio Eng. Soc. 24 (1976): two
Butterworth filters of second order in a row for each side. Both are -6 dB at the crossover and in phase everywhere;
their sum is an all-pass of second order with the Butterworth filter's poles. In a tree of them, a band that is split
off early passes the all-passes of the crossovers that the others still have before them, so that all sum flat.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stemtasks.dsp.resting import RestingFilter
from stemtasks.dsp.sections import Sections, butterworth

Samples = NDArray[np.float64]


class Crossover:
    """Splits blocks into one band more than there are crossovers, which rise; latency 0."""

    def __init__(self, crossovers_hz: Sequence[float], sample_rate: int, channels: int) -> None:
        lower = [np.concatenate([butterworth("lowpass", 2, each, sample_rate)] * 2) for each in crossovers_hz]
        upper = [np.concatenate([butterworth("highpass", 2, each, sample_rate)] * 2) for each in crossovers_hz]
        later = [[all_pass(each, sample_rate) for each in crossovers_hz[place:]] for place in range(len(crossovers_hz))]
        self._lower = [
            RestingFilter(np.concatenate([low, *passed[1:]]), channels)
            for low, passed in zip(lower, later, strict=True)
        ]
        self._upper = [RestingFilter(high, channels) for high in upper]

    def __call__(self, block: Samples) -> list[Samples]:
        """Return the bands, the lowest first: each of the block's shape, (frames, channels)."""
        bands, rest = [], block
        for lower, upper in zip(self._lower, self._upper, strict=True):
            bands.append(lower(rest))
            rest = upper(rest)
        return [*bands, rest]


def all_pass(cutoff_hz: float, sample_rate: int) -> Sections:
    """Return what the two sides of a crossover sum to."""
    a1, a2 = butterworth("lowpass", 2, cutoff_hz, sample_rate)[0, 4:]
    return np.array([[a2, a1, 1.0, 1.0, a1, a2]])
