"""Spectrograms to look at: the level in bands of equal width in octaves, in steps of a few dB."""

from __future__ import annotations

from math import log2

import numpy as np
from numpy.typing import NDArray

LOWEST_HZ, HIGHEST_HZ = 40.0, 20_000.0
WINDOW_SECONDS = 0.085
"""Long enough to part the notes of a bass; rounded to a power of two of frames."""
STEPS = 16
STEP_DB = 6.0
"""Steps of 6 dB below a full-scale sine: the brightest is above -6 dB, the darkest below -90 dB."""


def window_frames(sample_rate: int) -> int:
    """Return the frames of a window."""
    return int(1 << round(log2(WINDOW_SECONDS * sample_rate)))


def powers(windows: NDArray[np.floating], sample_rate: int, bands: int) -> NDArray[np.floating]:
    """Return the power in each band of windows, the highest of its bins: shape (..., frames) to (..., bands).

    A full-scale sine is 1. Bands go from ``LOWEST_HZ`` up to ``HIGHEST_HZ`` or half the sample rate, the lowest first;
    one that is narrower than a bin has the bin that it lies in. Hann windows; the precision is that of the input.
    """
    frames = windows.shape[-1]
    shape = np.hanning(frames)
    shape *= 2.0 / shape.sum()
    spectra = np.fft.rfft(windows * shape.astype(windows.dtype))
    energies = spectra.real**2 + spectra.imag**2
    edges = np.geomspace(LOWEST_HZ, min(HIGHEST_HZ, sample_rate / 2), bands + 1) * frames / sample_rate
    low = np.minimum(edges[:-1].astype(int), energies.shape[-1] - 2)
    high = np.maximum(np.ceil(edges[1:]).astype(int), low + 1)
    pairs = np.stack((low, np.minimum(high, energies.shape[-1] - 1)), axis=1).reshape(-1)
    highest: NDArray[np.floating] = np.maximum.reduceat(energies, pairs, axis=-1)[..., ::2]
    return highest


def steps(power: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return powers as steps of ``STEP_DB`` from 0 (dark) to ``STEPS`` - 1."""
    level_db = 10.0 * np.log10(np.maximum(power, 1e-12))
    found: NDArray[np.uint8] = np.clip(np.floor(level_db / STEP_DB) + STEPS, 0, STEPS - 1).astype(np.uint8)
    return found
