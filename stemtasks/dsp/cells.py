"""What stems and a sum of them have in common, in each window of time and band of frequency.

Over such a cell, some frames long and half an octave wide, all that least squares needs are the powers: of each pair of
stems the real part of the cross power, and of each stem the cross power with what they are to sum to.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import fft

LOWEST_HZ = 40.0
BANDS_AN_OCTAVE = 2
FRAME_SECONDS = 0.085
"""About the length of a frame: long enough for bands of half an octave from 40 Hz on."""

Spectra = NDArray[np.complex64]


@dataclass(frozen=True, slots=True)
class Cells:
    """Powers of ``stems`` and of the sum that is looked for, by window, band and channel.

    ``gram`` has the shape (windows, bands, channels, stems, stems), ``cross`` (windows, bands, channels, stems), and
    ``power`` (windows, bands, channels).
    """

    gram: NDArray[np.float32]
    cross: NDArray[np.complex64]
    power: NDArray[np.float64]

    @classmethod
    def empty(cls, windows: int, bands: int, channels: int, stems: int) -> Cells:
        """Return cells of silence."""
        shape = (windows, bands, channels)
        return cls(
            np.zeros((*shape, stems, stems), dtype=np.float32),
            np.zeros((*shape, stems), dtype=np.complex64),
            np.zeros(shape),
        )

    def add(self, window: int, spectra: Spectra, bins: NDArray[np.int_]) -> None:
        """Add spectra of shape (stems + 1, channels, frames, bins) to a window; the last is of the sum.

        ``bins`` has the first bin of each band, and the end of the last.
        """
        for band, (first, end) in enumerate(pairwise(bins.tolist())):
            for channel in range(spectra.shape[1]):
                part = np.ascontiguousarray(spectra[:, channel, :, first:end]).reshape(len(spectra), -1)
                split = part.view(np.float32)
                self.gram[window, band, channel] += split[:-1] @ split[:-1].T
                self.cross[window, band, channel] += part[:-1].conj() @ part[-1]
                self.power[window, band, channel] += float(np.vdot(split[-1], split[-1]))


def frame_length(sample_rate: int) -> int:
    """Return the length of a frame, a power of two."""
    return int(2 ** round(np.log2(FRAME_SECONDS * sample_rate)))


def spectra(frames: NDArray[np.float32], out: NDArray[np.float32] | None = None) -> Spectra:
    """Return the spectra of frames, shape (..., length), under a Hann window; ``out`` is for the windowed frames."""
    length = frames.shape[-1]
    hann = (0.5 - 0.5 * np.cos(2.0 * np.pi * (np.arange(length) + 0.5) / length)).astype(np.float32)
    transformed: Spectra = fft.rfft(np.multiply(frames, hann, out=out), axis=-1)
    return transformed


def edges_hz(sample_rate: int) -> NDArray[np.float64]:
    """Return the edges of the bands: 0, 40 Hz, then each half octave, and half the sample rate."""
    octaves = np.log2(0.5 * sample_rate / LOWEST_HZ)
    inner = LOWEST_HZ * 2.0 ** (np.arange(int(np.ceil(octaves * BANDS_AN_OCTAVE))) / BANDS_AN_OCTAVE)
    return np.array([0.0, *inner, 0.5 * sample_rate])


def first_bins(length: int, sample_rate: int) -> NDArray[np.int_]:
    """Return the first bin of each band in spectra of ``length`` samples, and the end; bin 0 is in none."""
    bins = np.ceil(edges_hz(sample_rate) * length / sample_rate).astype(int)
    bins[0], bins[-1] = 1, length // 2 + 1
    return bins
