"""Where sounds begin in a recording, and how well a tempo fits them.

The curve of onsets is the positive difference of log magnitudes of a short-time spectrum, summed over frequency
(spectral flux: J. P. Bello et al., 'A tutorial on onset detection in music signals', IEEE TSAP 13(5), 2005), less
its own mean around. A tempo fits as far as the curve lies on its sixteenths.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stemtasks.dsp.smooth import smooth_length

Array = NDArray[np.float64]

HOP_SECONDS = 0.005
WINDOW_SECONDS = 0.0213
"""At least: the next length that is quick to transform."""
HIGHEST_HZ = 12000.0
FLOOR = 1e-3
"""Magnitudes below it, full scale being 1, count as silence."""
AROUND_HOPS = 41
STEPS_PER_BEAT = 4
NEAR_SECONDS = 0.012
BIN_SECONDS = 0.004
TEMPO_STEP = 1.005
AGAIN = 0.4


class Novelty:
    """The curve of onsets of one signal, fed block by block."""

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self.window = smooth_length(max(16, round(WINDOW_SECONDS * sample_rate)))
        self.hop = HOP_SECONDS * sample_rate
        self._bins = 1 + max(4, round(min(HIGHEST_HZ, sample_rate / 2) * self.window / sample_rate))
        self._shape = np.hanning(self.window + 2)[1:-1]
        self._scale = 2.0 / float(self._shape.sum()) / FLOOR
        self._held = np.zeros(self.window // 2)
        self._at = 0.0
        self._frames = 0
        self._last: Array | None = None
        self._curve: list[Array] = []

    def add(self, x: Array) -> None:
        """Take the next frames, shape (frames,)."""
        self._frames += len(x)
        self._held = np.concatenate((self._held, x))
        count = int((len(self._held) - self.window - self._at) // self.hop) + 1
        if count < 1:
            return
        starts = np.floor(self._at + np.arange(count) * self.hop).astype(int)
        frames = np.lib.stride_tricks.sliding_window_view(self._held, self.window)[starts]
        frames *= self._shape
        spectrum: Array = np.abs(np.fft.rfft(frames)[:, : self._bins])
        spectrum *= self._scale
        np.log1p(spectrum, out=spectrum)
        before = spectrum[:1] if self._last is None else self._last
        steps = np.diff(spectrum, axis=0, prepend=before)
        rises = np.maximum(steps, 0.0, out=steps).sum(axis=1)
        if self._last is None and count:
            rises[0] = spectrum[0].sum()  # what begins with the recording has an onset there
        self._last = spectrum[-1:]
        self._curve.append(rises)
        used = int(self._at + count * self.hop)
        self._at = self._at + count * self.hop - used
        self._held = self._held[used:]

    def curve(self) -> Array:
        """Return the onsets every 5 ms, zero where nothing begins."""
        last = int((self._frames - self.window / 2) / self.hop)  # an abrupt end is no onset
        self.add(np.zeros(self.window))
        flux = np.concatenate(self._curve) if self._curve else np.zeros(0)
        flux[max(1, last + 1) :] = 0.0
        if len(flux) < 2:
            return flux
        around = np.convolve(flux, np.full(AROUND_HOPS, 1.0 / AROUND_HOPS), mode="full")
        start = AROUND_HOPS // 2
        peaks: Array = np.maximum(flux - around[start : start + len(flux)], 0.0)
        return peaks


def fits(curve: Array, beat_seconds: float) -> Array:
    """Return how well sixteenths fit the onsets, by the grid's phase: 1 is chance, each value 4 ms of phase later.

    The share of the curve within 12 ms of the grid, over the share of time that this is.
    """
    step = beat_seconds / STEPS_PER_BEAT
    bins = max(8, round(step / BIN_SECONDS))
    total = float(curve.sum())
    if total <= 0.0:
        return np.ones(bins)
    place = np.arange(len(curve)) * (HOP_SECONDS / step)
    held = np.bincount(((place - np.floor(place)) * bins).astype(int), curve, bins)
    reach = max(1, min(bins // 2, round(NEAR_SECONDS / step * bins)))
    width = 2 * reach + 1
    wrapped = np.concatenate((held[-reach:], held, held[:reach]))
    running = np.concatenate(([0.0], np.cumsum(wrapped)))
    near: Array = running[width:] - running[:-width]
    return near / total * (bins / width)


def fit(curve: Array, bpm: float) -> float:
    """Return how well a tempo fits the onsets, at the phase that fits best: about 1 is chance."""
    return float(fits(curve, 60.0 / bpm).max()) if len(curve) else 1.0


@dataclass(frozen=True)
class Found:
    """The tempo that fits best within an octave of one, how well, and how far it stands out (0 to 1)."""

    bpm: float
    fit: float
    confidence: float


def best_tempo(curve: Array, near_bpm: float) -> Found:
    """Return the tempo within half an octave of ``near_bpm`` on either side that fits the onsets best."""
    steps = int(np.ceil(np.log(2.0) / 2.0 / np.log(TEMPO_STEP)))
    tempos = near_bpm * TEMPO_STEP ** np.arange(-steps, steps + 1)
    scores = np.array([fit(curve, bpm) for bpm in tempos.tolist()])
    best = int(np.argmax(scores))
    finer = float(tempos[best]) * TEMPO_STEP ** (np.arange(-10, 11) / 10.0)
    fine = np.array([fit(curve, bpm) for bpm in finer.tolist()])
    # the middle of the tempos that fit as well as the best
    top = np.flatnonzero(fine >= fine.max() - 1e-9)
    bpm = float(finer[top[len(top) // 2]])
    usual = float(np.sort(scores)[len(scores) // 2])
    return Found(bpm, float(fine.max()), max(0.0, 1.0 - usual / float(fine.max())))


def recurrence(curve: Array, beat_seconds: float) -> float:
    """Return how much the onsets come again after one, two and four beats: 1 where each does, 0 where none."""
    found = []
    for beats in (1, 2, 4):
        lag = round(beats * beat_seconds / HOP_SECONDS)
        if 2 <= lag <= 0.75 * len(curve):
            scores = [_correlation(curve[: len(curve) - at], curve[at:]) for at in range(lag - 2, lag + 3)]
            found.append(max(scores))
    return sum(found) / len(found) if found else 0.0


def refined(curve: Array, beat_seconds: float) -> float:
    """Return the beat by when the onsets come again after as many beats as there are twice, up to eight of them."""
    for beats in (8, 4, 2, 1):
        lag = round(beats * beat_seconds / HOP_SECONDS)
        reach = max(2, round(0.02 * lag))
        if lag + reach > len(curve) / 2 or lag <= reach + 1:
            continue
        lags = np.arange(lag - reach - 1, lag + reach + 2)
        scores = np.array([_correlation(curve[: len(curve) - at], curve[at:]) for at in lags.tolist()])
        top = 1 + int(np.argmax(scores[1:-1]))
        if scores[top] >= AGAIN:
            before, peak, after = scores[top - 1 : top + 2].tolist()
            bend = before - 2.0 * peak + after
            place = float(lags[top]) + (0.5 * (before - after) / bend if bend < 0.0 else 0.0)
            return place * HOP_SECONDS / beats
    return beat_seconds


def _correlation(a: Array, b: Array) -> float:
    energy = float(np.einsum("i,i->", a, a) * np.einsum("i,i->", b, b))
    return float(np.einsum("i,i->", a, b)) / energy**0.5 if energy > 0.0 else 0.0
