"""Which notes sound in a short window: a spectrum taken apart into notes with their overtones, and noise.

The overtones of a note are not taken for notes: the third harmonic of a C is a G, and counting it moves the key by a
fifth. A magnitude spectrum is approximated by a sum of notes whose harmonics fall by a constant factor (M. Mauch,
S. Dixon, 'Approximate note transcription for the improved identification of difficult chords', ISMIR 2010) and of
wide bumps that take up drums, all with weights that are not negative; the weights by the multiplicative updates of
D. Lee, H. Seung, 'Algorithms for non-negative matrix factorization', NIPS 2000, eq. 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Samples = NDArray[np.float32] | Array

WINDOW_SECONDS = 0.32
LOWEST, HIGHEST = 33, 96
"""MIDI numbers, A1 to C7."""
BAND_HZ = (60.0, 2600.0)

_HARMONICS = 12
_FALL = 0.6
"""Of a harmonic to the next."""
_DETUNED = 2 ** (20 / 1200) - 1
"""How wide a harmonic is beside the window's own lobe: 20 cents."""
_LOBE_BINS = 0.72
"""The standard deviation of a bell that is as wide as a Hann window's main lobe."""
_BUMP_OCTAVES = 0.5
_UPDATES = 40


@dataclass(frozen=True, eq=False)
class Notes:
    """What sounds in each window: ``strengths`` has shape (notes, windows), the first being ``LOWEST``.

    ``tonal`` is the share of the energy that notes explain, the rest being noise; 0 for silence.
    """

    strengths: Array
    tonal: float

    def chroma(self, power: float) -> Array:
        """Return how much of each pitch class sounds, C first, of strengths to a power; the sum is 1, or 0."""
        each = (self.strengths**power).sum(axis=1)
        classes = np.bincount((LOWEST + np.arange(len(each))) % 12, each, 12).astype(np.float64)
        total = float(classes.sum())
        return classes / (total or 1.0)


def window_frames(sample_rate: int) -> int:
    """Return how many frames a window has."""
    return round(WINDOW_SECONDS * sample_rate)


def notes(windows: Samples, sample_rate: int) -> Notes:
    """Return the notes in windows, shape (windows, ``window_frames``); a note too soft to matter is 0 or nearly so."""
    first, atoms, gram, shape = _atoms(sample_rate)
    spectra = np.abs(np.fft.rfft(windows * shape)[:, first : first + len(atoms)])
    sought: Array = atoms.T @ spectra.T
    if not sought.any():
        return Notes(np.zeros((HIGHEST - LOWEST + 1, len(windows))), 0.0)
    floor = 1e-12 * float(sought.max())
    weights = np.maximum(sought, floor)
    for _ in range(_UPDATES):
        weights *= sought / (gram @ weights + floor)
    count = HIGHEST - LOWEST + 1
    tonal = _energy(weights[:count], gram[:count, :count])
    noise = _energy(weights[count:], gram[count:, count:])
    return Notes(weights[:count], tonal / (tonal + noise))


def _energy(weights: Array, gram: Array) -> float:
    """Return the energy of sums of atoms, all windows together."""
    return float(np.einsum("ij,ij->", weights, gram @ weights))


@lru_cache(maxsize=2)
def _atoms(sample_rate: int) -> tuple[int, Array, Array, Array]:
    """Return the first bin, the atoms (shape (bins, notes and bumps), energy 1), their products, and the window."""
    frames = window_frames(sample_rate)
    bin_hz = sample_rate / frames
    low, high = BAND_HZ[0], min(BAND_HZ[1], 0.45 * sample_rate)
    first = int(np.ceil(low / bin_hz))
    hz: Array = bin_hz * np.arange(first, int(high / bin_hz) + 1, dtype=np.float64)
    columns = [_note(hz, 440.0 * 2.0 ** ((number - 69) / 12), bin_hz) for number in range(LOWEST, HIGHEST + 1)]
    octaves = np.log2(hz / low)
    for middle in np.arange(0.0, octaves[-1] + _BUMP_OCTAVES, _BUMP_OCTAVES).tolist():
        away = np.minimum(np.abs(octaves - middle) / (2 * _BUMP_OCTAVES), 1.0)
        columns.append(np.cos(np.pi / 2 * away) ** 2)
    atoms = np.array(columns).T
    atoms /= np.sqrt(np.einsum("ij,ij->j", atoms, atoms))
    return first, atoms, atoms.T @ atoms, np.hanning(frames + 1)[:-1]


def _note(hz: Array, fundamental_hz: float, bin_hz: float) -> Array:
    """Return the magnitudes of a note: bells at its harmonics, each softer than the one before."""
    magnitudes = np.zeros(len(hz))
    for harmonic in range(1, _HARMONICS + 1):
        middle = harmonic * fundamental_hz
        width = np.hypot(_LOBE_BINS * bin_hz, middle * _DETUNED)
        magnitudes += _FALL ** (harmonic - 1) * np.exp(-0.5 * ((hz - middle) / width) ** 2)
    return magnitudes
