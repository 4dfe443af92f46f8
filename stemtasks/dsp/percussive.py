"""The attacks in a signal, apart from what sounds on: what is broad in frequency and short in time.

D. FitzGerald, 'Harmonic/percussive separation using median filtering', DAFx-10, 2010; the mask is binary, as in
J. Driedger, M. Müller, S. Ewert, 'Improving time-scale modification of music signals using harmonic-percussive
separation', IEEE Signal Processing Letters 21(1), 2014. Here it is used where most of a spectrum is such, and nowhere
else, so that what sounds between attacks stays whole.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

WINDOW_SECONDS = 0.0225
ALONG_SECONDS, ACROSS_HZ = 0.19, 500.0
"""What a median looks at, along the time and across the frequencies."""
FLOOR = 0.03
"""Of the loudest of all: log magnitudes are counted over it."""
BROAD_SHARE, RISE_SHARE = 0.45, 0.3
"""In an attack so much of a spectrum is broad, and so much of it was not there 10 ms before."""
LESS = 0.4
"""In an attack also what is a little longer than it is broad belongs to it."""
TAPS = 9
EXCHANGES = (
    *((1, 2), (4, 5), (7, 8), (0, 1), (3, 4), (6, 7), (1, 2), (4, 5), (7, 8), (0, 3)),
    *((5, 8), (4, 7), (3, 6), (1, 4), (2, 5), (4, 7), (4, 2), (6, 4), (4, 2)),
)
"""Pairs of nine values to put in order, after which the fifth is their median (A. W. Paeth, Graphics Gems, 1990)."""


def percussive(x: Array, sample_rate: int) -> Array:
    """Return the attacks in a signal, shape (frames, channels); the rest is the signal less these.

    A frequency is of an attack where the median across the frequencies around it is above that along the time. That is
    asked of all channels together, so that nothing moves between them.
    """
    size = 1 << max(6, round(np.log2(WINDOW_SECONDS * sample_rate)))
    hop = size // 2
    shape = np.sin(np.pi * (np.arange(size) + 0.5) / size)
    count = len(x) // hop + 2
    padded = np.zeros(((count + 1) * hop, x.shape[1]))
    padded[hop : hop + len(x)] = x
    frames = np.lib.stride_tricks.sliding_window_view(padded, size, axis=0)[::hop]
    spectra = [np.fft.rfft(frames[:, channel] * shape) for channel in range(x.shape[1])]
    magnitude = np.sqrt(sum(np.abs(spectrum) ** 2 for spectrum in spectra)).astype(np.float32)
    along = _median(magnitude, 0, max(1, round(ALONG_SECONDS * sample_rate / hop / (TAPS - 1))))
    across = _median(magnitude, 1, max(1, round(ACROSS_HZ * size / sample_rate / (TAPS - 1))))
    loud = np.log1p(magnitude / max(FLOOR * float(magnitude.max(initial=0.0)), 1e-12))
    whole = np.maximum(loud.sum(axis=1), 1e-9)
    rises = np.pad(np.maximum(np.diff(loud, axis=0), 0.0).sum(axis=1) / whole[1:], (2, 1))
    # within a window before or after: an attack is broad a little sooner or later than it rises most
    is_rising = np.maximum(np.maximum(rises[:-2], rises[1:-1]), rises[2:]) > RISE_SHARE
    is_broad = is_rising & ((loud * (across > along)).sum(axis=1) > BROAD_SHARE * whole)
    is_broad[1:] |= is_broad[:-1].copy()
    is_attack = (across > LESS * along) & is_broad[:, None]
    found = np.zeros_like(padded)
    for channel, spectrum in enumerate(spectra):
        pieces = np.fft.irfft(spectrum * is_attack, size) * shape
        found[:-hop, channel] = pieces[:, :hop].ravel()
        found[hop:, channel] += pieces[:, hop:].ravel()
    return found[hop : hop + len(x)]


def _median(values: NDArray[np.float32], axis: int, step: int) -> NDArray[np.float32]:
    """Return the median of nine values around each, ``step`` apart along an axis; past the ends lies the mirror."""
    reach = step * (TAPS // 2)
    length = values.shape[axis]
    place = np.abs(np.arange(-reach, length + reach))
    place = np.minimum(place, np.maximum(2 * (length - 1) - place, 0))
    around = np.take(values, place, axis=axis)
    taken = [np.take(around, np.arange(k * step, k * step + length), axis=axis) for k in range(TAPS)]
    for low, high in EXCHANGES:
        smaller = np.minimum(taken[low], taken[high])
        np.maximum(taken[low], taken[high], out=taken[high])
        taken[low] = smaller
    return taken[TAPS // 2]
