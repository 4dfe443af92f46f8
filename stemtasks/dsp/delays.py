"""By how much a sum is late after each of its stems: the lag where they correlate best, over all frames at once.

The correlation is over the power of the sum (C. Knapp, G. Carter, 'The generalized correlation method for estimation of
time delay', IEEE Trans. ASSP 24(4), 1976, section III). One delay for all, such as a limiter or an encoder makes, is
where the squares of all correlations add up; a stem that is found at another place for sure has one of its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from stemtasks.dsp.cells import Spectra

REACH_SECONDS = 0.03
BAND_HZ = (40.0, 10_000.0)
CLEAR = 2.0
"""A stem's highest correlation this much above any other place says where it is, against what all of them say."""
APART_SECONDS = 0.001
_FLOOR = 1e-3
_FINE = 8


class Delays:
    """Cross spectra of stems and their sum, added up over frames."""

    def __init__(self, stems: int, length: int, sample_rate: int) -> None:
        self._length, self._rate = length, sample_rate
        self._cross = np.zeros((stems, length // 2 + 1), dtype=np.complex128)
        self._power = np.zeros(length // 2 + 1)

    def add(self, spectra: Spectra) -> None:
        """Add spectra of shape (stems + 1, channels, frames, bins); the last is of the sum."""
        stems, total = spectra[:-1], spectra[-1]
        self._cross += np.einsum("icfb,cfb->ib", stems.conj(), total)
        self._power += (total.real**2 + total.imag**2).sum(axis=(0, 1))

    def found(self) -> NDArray[np.float64]:
        """Return by how many frames the sum is late after each stem, within 30 ms; to an eighth of a frame."""
        curves = self._curves()
        lags = np.arange(-(curves.shape[1] // 2), curves.shape[1] // 2 + 1)
        of_all = (curves**2).sum(axis=0)
        if not of_all.max() > 0.0:
            return np.zeros(len(curves))
        common = int(of_all.argmax())
        near = np.abs(lags - lags[common]) <= APART_SECONDS * self._rate * _FINE
        places = np.full(len(curves), common)
        for stem, curve in enumerate(np.abs(curves)):
            own = int(curve.argmax())
            beside = np.abs(lags - lags[own]) <= APART_SECONDS * self._rate * _FINE
            if not near[own] and curve[own] > CLEAR * float(curve[~beside].max(initial=0.0)):
                places[stem] = own
        found: NDArray[np.float64] = lags[places] / _FINE
        return found

    def _curves(self) -> NDArray[np.float64]:
        """Return the correlations at the lags within reach, in eighths of a frame, shape (stems, lags)."""
        hz = np.arange(len(self._power)) * self._rate / self._length
        inside = (hz >= BAND_HZ[0]) & (hz <= min(BAND_HZ[1], 0.45 * self._rate))
        smooth = np.convolve(self._power, np.ones(7) / 7.0, mode="same")
        floor = _FLOOR * float(smooth[inside].mean()) if inside.any() else 0.0
        over = np.where(inside, 1.0 / np.maximum(smooth + floor, 1e-30), 0.0)
        power = np.sqrt(np.maximum((np.abs(self._cross) ** 2 * over).sum(axis=1), 1e-30))
        whole = fft.irfft(self._cross * over / power[:, None], self._length * _FINE, axis=1)
        reach = int(REACH_SECONDS * self._rate * _FINE)
        curves: NDArray[np.float64] = np.concatenate([whole[:, -reach:], whole[:, : reach + 1]], axis=1)
        return curves
