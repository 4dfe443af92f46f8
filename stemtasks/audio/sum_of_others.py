"""Whether a recording is the sum of others: a rough mix among its stems, known by its sound alone.

A few windows are looked at in bins of their spectra, where recordings of any sample rates meet. In each, gains are
sought that bring the others' sum nearest to the recording (least squares, no gain below 0). A mix is explained by
that, and nearly all that sounds takes part; a bus of some stems is explained by a few.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from stemtasks.audio.source import Source
from stemtasks.dsp.sync import REACH_SECONDS

Spectrum = NDArray[np.complex128]

WINDOW_SECONDS = 2
WINDOWS = 8
BAND_HZ = (40.0, 1500.0)
"""Above it a lag of half a frame, and what a master's limiter adds, count for too much."""
EXPLAINED = 0.6
TAKE_PART = 0.85
LOUD = 1e-2
"""Of the energy of the loudest other: what is softer need not take part."""
HEARD = 0.05
"""Of the highest gain, so 26 dB below it."""
SILENT = 1e-10
MOST_KEPT = 128
"""Of recordings whose windows are kept, 48 MB: those of more are read again for each candidate."""


@dataclass(frozen=True)
class OfOthers:
    """How much of the energy the others explain, in the median window, and the share of loud ones that take part."""

    explained: float
    taking_part: float
    windows: int

    @property
    def is_their_sum(self) -> bool:
        """Return whether it is a mix of the others."""
        return self.windows > 0 and self.explained >= EXPLAINED and self.taking_part >= TAKE_PART


class Windows:
    """The spectra of windows of recordings: a file is opened once, also where it is held against several others."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, float], Spectrum] = {}

    def at(self, path: str, start: float, starts: Sequence[float]) -> Spectrum:
        """Return the spectrum of the window at ``start``, which is one of the ``starts`` that will be asked for."""
        if (path, start) not in self._known:
            if len(self._known) > (MOST_KEPT - 1) * WINDOWS:
                return _windows(path, [start])[0]
            self._known |= {(path, at): found for at, found in zip(starts, _windows(path, starts), strict=True)}
        return self._known[path, start]


def of_others(candidate: str, others: Sequence[str], seconds: float, windows: Windows | None = None) -> OfOthers:
    """Return how far a recording is the sum of two or more others, looked at in windows over ``seconds``.

    It may lie up to 0.3 s beside them, and each gain be another in each window. ``windows`` keeps what was read for
    the next candidate.
    """
    explained, gains, energies = [], [], []
    last, windows = max(0.0, seconds - WINDOW_SECONDS), windows or Windows()
    starts = [last * (place + 0.5) / WINDOWS for place in range(WINDOWS)]
    for start in starts:
        mix, *rest = (windows.at(path, start, starts) for path in (candidate, *others))
        parts = np.array(rest)
        own = np.einsum("ij,ij->i", parts.real, parts.real) + np.einsum("ij,ij->i", parts.imag, parts.imag)
        if _energy(mix) < SILENT or not (own > SILENT).any():
            continue
        mix = _moved(mix, parts.sum(axis=0))
        sounding = own > 1e-6 * own.max()
        found = np.zeros(len(others))
        found[sounding] = _gains(parts[sounding], mix)
        explained.append(1.0 - _energy(mix - found @ parts) / _energy(mix))
        gains.append(found)
        energies.append(own)
    if not explained:
        return OfOthers(0.0, 0.0, 0)
    return OfOthers(float(np.median(explained)), _share(np.array(gains), np.array(energies)), len(explained))


def _share(gains: NDArray[np.float64], energies: NDArray[np.float64]) -> float:
    """Return the share of those loud somewhere that take part, with a gain not too far below the highest."""
    loud = energies >= LOUD * energies.max(axis=1, keepdims=True)
    counted = loud.any(axis=0)
    weights = np.where(loud, energies, 0.0)
    each = (np.abs(gains) * weights).sum(axis=0)[counted] / weights.sum(axis=0)[counted]
    highest = float(each.max())
    return float(np.mean(each >= HEARD * highest)) if highest > 0.0 else 0.0


def _windows(path: str, starts: Sequence[float]) -> list[Spectrum]:
    """Return the spectra of windows, in bins that lie at the same frequencies whatever the sample rate."""
    first, stop = (round(hz * WINDOW_SECONDS) for hz in BAND_HZ)
    found = []
    with Source(path) as source:
        rate = source.sample_rate
        for start in starts:
            block = source.read(round(start * rate), WINDOW_SECONDS * rate)
            mono = np.zeros(WINDOW_SECONDS * rate)
            mono[: len(block)] = block.mean(axis=1) if len(block) else 0.0
            spectrum: Spectrum = np.fft.rfft(mono * _hann(len(mono))) / rate
            held = spectrum[first : min(stop, round(0.45 * rate * WINDOW_SECONDS))]
            found.append(np.pad(held, (0, stop - first - len(held))))
    return found


@lru_cache(maxsize=2)
def _hann(frames: int) -> NDArray[np.float64]:
    return np.hanning(frames)


def _moved(mix: Spectrum, total: Spectrum) -> Spectrum:
    """Return a mix as if it began where the sum of the others does: at the highest peak of their correlation."""
    points = 1 << 16
    first = round(BAND_HZ[0] * WINDOW_SECONDS)
    cross = np.zeros(points // 2 + 1, dtype=np.complex128)
    cross[first : first + len(mix)] = mix * np.conj(total)
    curve = np.abs(np.fft.irfft(cross, points))
    reach = int(REACH_SECONDS * points / WINDOW_SECONDS)
    lags = np.concatenate((np.arange(reach + 1), np.arange(-reach, 0)))
    lag = float(lags[int(np.argmax(curve[lags]))])
    turns = (first + np.arange(len(mix))) * lag / points
    moved: Spectrum = mix * np.exp(2j * np.pi * turns)
    return moved


def _gains(parts: NDArray[np.complex128], mix: Spectrum) -> NDArray[np.float64]:
    """Return the gains of the parts whose sum is nearest to the mix, none below 0: a stem is no mix less the others."""
    matrix = np.concatenate((parts.real, parts.imag), axis=1).T
    wanted = np.concatenate((mix.real, mix.imag))
    return np.asarray(nnls(matrix, wanted)[0], dtype=np.float64)


def _energy(spectrum: Spectrum) -> float:
    return float(np.vdot(spectrum, spectrum).real)
