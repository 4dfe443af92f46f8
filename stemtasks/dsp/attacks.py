"""Where sounds are struck: steep rises of the level, at a twentieth of the cost of ``rhythm``'s curve of onsets.

The level is that of the differences between samples, in which highs count more, as attacks have them (the 'high
frequency content' of P. Masri, 1996, in the time domain). A sound that swells has no moment, and none is found.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

HOP_SECONDS = 0.0025
RISE_DB = 6.0
STEEPER_DB = 20.0
"""A hop that rises by so much more than the one before it is where a sound begins."""
SIDE_HOPS = 8
"""A rise is of the 20 ms after a moment over the 20 ms before it."""
NEAR_HOPS = 20
"""It is the steepest within 50 ms."""
FLOOR = 1e-4
"""Of the highest energy: what is 40 dB softer is silence."""
SIXTEENTHS, TRIPLETS = 4, 6
"""Steps in a beat."""
CLEARLY = 0.2
"""How much closer together moments must lie between the steps of triplets, 1 being all at one place."""
NEAR_SECONDS = 0.012


def energies(x: NDArray[np.floating], sample_rate: int) -> Array:
    """Return the energy of the differences between samples in each whole hop of a piece, shape (frames,)."""
    hop = hop_frames(sample_rate)
    count = max(0, len(x) - 1) // hop
    steps = np.diff(x)[: count * hop].reshape(count, hop).astype(np.float64, copy=False)
    found: Array = np.einsum("ij,ij->i", steps, steps)
    return found


def hop_frames(sample_rate: int) -> int:
    """Return how many frames a hop has."""
    return max(1, round(HOP_SECONDS * sample_rate))


def attacks(energy: Array, loudest: float) -> NDArray[np.int64]:
    """Return the hops at which sounds are struck; ``loudest`` is the highest energy around, in other pieces too."""
    if len(energy) < 2 * SIDE_HOPS or loudest <= 0.0:
        return np.empty(0, dtype=np.int64)
    sums = np.concatenate(([0.0], np.cumsum(energy + FLOOR * loudest)))
    at = np.arange(SIDE_HOPS, len(energy) - SIDE_HOPS + 1)
    rises = 10.0 * np.log10((sums[at + SIDE_HOPS] - sums[at]) / (sums[at] - sums[at - SIDE_HOPS]))
    steep = np.flatnonzero(rises >= RISE_DB).tolist()
    top = [place for place in steep if rises[place] == rises[max(0, place - NEAR_HOPS) : place + NEAR_HOPS + 1].max()]
    return at[top] + _steps(energy + FLOOR * loudest, at[top])


def _steps(energy: Array, places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return 1 for each place after which a single hop rises far steeper over that before it, else 0.

    Sums of 20 ms hardly tell a hop from the next one, where what is before or after them happens to be soft.
    """
    rises = energy[places + 1] / energy[places]
    before = energy[places] / energy[places - 1]
    later: NDArray[np.int64] = (10.0 * np.log10(rises / before) >= STEEPER_DB).astype(np.int64)
    return later


def against_grid(seconds: Array, bpm: float) -> tuple[float, float, float]:
    """Return how far moments are from the grid of a tempo: (error, offset, fit), the first two in seconds.

    The grid is sixteenths from 0 on, or triplets of them where moments keep clearly better time with those, late or
    not. ``error`` is the median
    distance, a quarter of a step by chance; ``offset`` is the median of what a moment is late; ``fit`` is the share of
    moments within 12 ms, over that of moments at random, which is 1.
    """
    beats = seconds * (bpm / 60.0)
    is_triplets = _together(beats * TRIPLETS) > _together(beats * SIXTEENTHS) + CLEARLY
    step = 60.0 / bpm / (TRIPLETS if is_triplets else SIXTEENTHS)
    late = seconds - np.round(seconds / step) * step
    near = float(np.mean(np.abs(late) <= NEAR_SECONDS))
    return float(np.median(np.abs(late))), float(np.median(late)), near / min(1.0, 2 * NEAR_SECONDS / step)


def _together(places: Array) -> float:
    """Return how closely places lie together between whole numbers, 0 to 1: the length of their mean direction."""
    return float(np.abs(np.exp(2j * np.pi * places).mean()))
