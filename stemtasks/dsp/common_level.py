"""The level of all of a mix from moment to moment: what a compressor or a limiter behind it has done.

It is measured on short frames, against the mix without it: least squares over all bands, each by its power on average,
so that no band decides alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stemtasks.dsp.cells import first_bins, spectra

MOST_DB = 24.0
STILL = 0.01
"""Of the mean power: where there is less to go by, the level stays at 0 dB."""

Frames = NDArray[np.float32]


class CommonLevel:
    """Levels of frames of ``length`` samples; ``tone`` (complex) and ``power`` are those of the bands of cells.

    ``power`` is the mean of a bin of the mix without the level, in frames of any length. ``late`` is by what fraction
    of a sample the mix is before what it is held against.
    """

    def __init__(
        self, length: int, sample_rate: int, tone: NDArray[np.complex128], power: NDArray[np.float64], late: float
    ) -> None:
        self.length, self.hop = length, length // 2
        bins = first_bins(length, sample_rate)
        band = np.searchsorted(bins, np.arange(length // 2 + 1), side="right") - 1
        band = np.clip(band, 0, len(tone) - 1)
        turned = np.exp(-2j * np.pi * np.arange(length // 2 + 1) * late / length)
        self._tone = (tone[band] * turned).astype(np.complex64)
        self._weight = (1.0 / (power + 1e-3 * power.max() + 1e-30))[band]
        self._weight[0] = 0.0

    def __call__(self, mix: Frames, total: Frames) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return (level in dB, how much there is to go by) of frames of shape (channels, frames, length)."""
        without, found = spectra(mix) * self._tone, spectra(total)
        met = ((without.conj() * found).real * self._weight).sum(axis=(0, 2))
        power = ((without.real**2 + without.imag**2) * self._weight).sum(axis=(0, 2))
        still = STILL * len(mix) * mix.shape[-1] / 2.0
        level_db = 20.0 * np.log10(np.maximum((met + still) / (power + still), 1e-6))
        return np.clip(level_db, -MOST_DB, MOST_DB), power
