"""How much of what a recording was extended by is heard again and again, and how its seams stand out.

For tests and benchmarks, and measured apart from the package: levels in twelve bands of the spectrum every 50 ms, and
their rises.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

HOP_SECONDS, SHORTEST_SECONDS = 0.05, 0.25
BANDS, LOWEST_HZ, HIGHEST_HZ, RANGE_POWER = 12, 60.0, 12000.0, 1e-6
FLUX_HOP_SECONDS, FLUX_REACH_SECONDS = 0.005, 0.02


def spectral_levels(audio, rate, hop_seconds=HOP_SECONDS):
    """Return the levels in dB of twelve bands of the spectrum, all channels together: shape (hops, bands)."""
    hop = round(hop_seconds * rate)
    heard = np.concatenate((np.zeros(hop), audio.mean(axis=1), np.zeros(2 * hop)))
    frames = np.lib.stride_tricks.sliding_window_view(heard, 2 * hop)[::hop][: len(audio) // hop]
    powers = np.abs(np.fft.rfft(frames * np.hanning(2 * hop))) ** 2
    at = np.fft.rfftfreq(2 * hop, 1 / rate)
    edges = np.geomspace(LOWEST_HZ, min(HIGHEST_HZ, rate / 2), BANDS + 1)
    bands = [powers[:, (at >= low) & (at < high)].sum(axis=1) for low, high in pairwise(edges)]
    levels = np.stack([band for band in bands if band.any()], axis=1)
    return 10 * np.log10(levels + RANGE_POWER * levels.max())


def again(levels, lag):
    """Return the correlation of levels with those ``lag`` hops later, each about its own mean: 1 is the same again."""
    first, later = levels[:-lag] - levels[:-lag].mean(axis=0), levels[lag:] - levels[lag:].mean(axis=0)
    energy = (first**2).sum() * (later**2).sum()
    return float((first * later).sum() / np.sqrt(energy)) if energy > 0 else 0.0


def repetition(audio, rate, lengths_s):
    """Return the highest correlation of an extension with itself one piece later, over the lengths of its pieces."""
    levels = spectral_levels(audio, rate)
    lags = {round(length / HOP_SECONDS) for length in lengths_s if length >= SHORTEST_SECONDS}
    return max((again(levels, lag) for lag in lags if 0 < lag < 0.75 * len(levels)), default=0.0)


def own_repetition(audio, rate):
    """Return the highest correlation of a recording with itself later, 0.5 s at least."""
    levels = spectral_levels(audio, rate)
    lags = range(round(0.5 / HOP_SECONDS), int(0.75 * len(levels)))
    return max((again(levels, lag) for lag in lags), default=0.0)


def flux_percentiles(made, source, rate, seams):
    """Return, for each seam (frame, overlap), how many of the source's stretches as long rise less, in percent.

    The spectrum's rise within 20 ms of a seam is held against the rises in every stretch of the source of that length.
    """
    curves = []
    for audio in (made, source):
        levels = spectral_levels(audio, rate, FLUX_HOP_SECONDS)
        curves.append(np.maximum(np.diff(levels, axis=0), 0.0).sum(axis=1))
    found = []
    for frame, overlap in seams:
        reach = FLUX_REACH_SECONDS * rate
        low, high = (round(at / rate / FLUX_HOP_SECONDS) for at in (frame - reach, frame + overlap + reach))
        part = curves[0][max(0, low) : max(low + 1, high)]
        width = min(max(1, high - low), len(curves[1]))
        highest = np.lib.stride_tricks.sliding_window_view(curves[1], width).max(axis=1)
        if len(part):
            found.append(100.0 * float((highest < part.max() - 1e-9).mean()))
    return found
