"""Loudness in one streaming meter: ITU-R BS.1770-5 and EBU R128, with loudness range (EBU Tech 3342).

Memory is one number per 100 ms: all windows (400 ms, 3 s) and both gates are sums of these. The loudest 400 ms are
looked for every 10 ms, because a tone of 0.4 s that begins between two steps of 100 ms would read up to 0.6 LU low.
"""

from __future__ import annotations

from array import array
from itertools import pairwise
from math import atan, log10, pi, sqrt, tan

import numpy as np
from numpy.typing import NDArray

from stemtasks.dsp.sections import Filter, Sections

Samples = NDArray[np.float64]

# BS.1770-5, tables 1 and 2: the two stages at 48 kHz
_SHELF_48K = (1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585)
_HIGHPASS_48K = (1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621)
_TABLE_RATE = 48_000
# where the shelf of other rates is that of the table, the last a share of the highest frequency: chosen so that what
# is between them comes closest at 8 kHz, the hardest rate
_MATCHED_HZ, _MATCHED_TOP = (0.0, 997.0, 1450.0, 2550.0), 0.95

_OFFSET_LU = -0.691  # BS.1770-5, eq. 2: cancels the K-weighting's gain at 997 Hz
_ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0
_RANGE_GATE_LU = -20.0
_MOMENTARY, _SHORT_TERM, _RANGE_HOP = 4, 30, 10  # in steps of 100 ms
_PIECES = 10  # of a step

_SURROUND = 1.41
_WEIGHTS = {
    4: (1.0, 1.0, _SURROUND, _SURROUND),  # L R Ls Rs
    5: (1.0, 1.0, 1.0, _SURROUND, _SURROUND),  # L R C Ls Rs
    6: (1.0, 1.0, 1.0, 0.0, _SURROUND, _SURROUND),  # 5.1 in WAV's order, LFE left out
    8: (1.0, 1.0, 1.0, 0.0, 1.0, 1.0, _SURROUND, _SURROUND),  # 7.1 in WAV's order: back, then side
}


def k_weighting(sample_rate: int) -> Sections:
    """Return the K-weighting filter, shape (2, 6); at 48 kHz the table of BS.1770-5 itself.

    At other rates it has the table's own response, so that a programme reads the same at every rate: within 0.015 dB
    up to the Nyquist frequency at 8 kHz, 0.007 dB from 11.025 kHz on, 0.0005 dB from 22.05 kHz on. The bilinear
    transform, which libebur128 uses, is 0.5 dB off at 8 kHz, 0.003 dB at 44.1. 997 Hz at full scale reads -3.01 LUFS.
    """
    table = np.array([_SHELF_48K, _HIGHPASS_48K])
    if sample_rate == _TABLE_RATE:
        return table
    sos = np.array([_matched(table[0], sample_rate), _bilinear(table[1], sample_rate)])
    sos[1, :3] *= float(_gains(table, 997 / _TABLE_RATE) / _gains(sos, 997 / sample_rate))
    return sos


def _gains(sos: Sections, cycles_per_frame: Samples | float) -> Samples:
    """Return the magnitude of the sections one after the other, at each frequency."""
    delays = np.exp(-2j * pi * np.multiply.outer(np.arange(3), cycles_per_frame))
    gains: Samples = np.abs(np.prod(np.tensordot(sos[:, :3], delays, 1) / np.tensordot(sos[:, 3:], delays, 1), axis=0))
    return gains


def _matched(section: Samples, sample_rate: int) -> Samples:
    """Return a section for another rate that has the magnitude of a 48 kHz one at five frequencies.

    With y = sin^2(w/2) a magnitude squared is (p0 + p1 y + p2 y^2) / (1 + q1 y + q2 y^2), so a linear equation
    gives it, and its roots inside the unit circle are the section (M. Vicanek, 'Matched second order digital
    filters', 2016, for the roots).
    """
    top_hz = min(sample_rate, _TABLE_RATE) / 2
    hz = np.append(np.multiply(_MATCHED_HZ, min(1.0, top_hz / 4000)), _MATCHED_TOP * top_hz)
    y = np.sin(pi * hz / sample_rate) ** 2
    squared = _gains(section[None], hz / _TABLE_RATE) ** 2
    p0, p1, p2, q1, q2 = np.linalg.solve(np.stack((y**0, y, y**2, -squared * y, -squared * y**2), axis=1), squared)
    b, a = _minimum_phase(p0, p1, p2), _minimum_phase(1.0, q1, q2)
    return np.array([value / a[0] for value in (*b, *a)])


def _minimum_phase(c0: float, c1: float, c2: float) -> tuple[float, float, float]:
    """Return the z^-1 polynomial of magnitude squared ``c0 + c1 y + c2 y^2``, its roots inside the unit circle."""
    low, high = sqrt(c0), sqrt(c0 + c1 + c2)
    half = (low + high) / 2
    first = (half + sqrt(half**2 - c2 / 4)) / 2
    return first, (low - high) / 2, c2 / (16 * first)


def _bilinear(section: Samples, sample_rate: int) -> Samples:
    """Return a 48 kHz section designed for another rate, its corner frequency kept exact."""
    b0, b1, b2, _, a1, a2 = section.tolist()
    # with z^-1 = (1 - s) / (1 + s) a polynomial c0 + c1 z^-1 + c2 z^-2 becomes
    # (c0 - c1 + c2) s^2 + 2 (c0 - c2) s + (c0 + c1 + c2)
    zeros = (b0 - b1 + b2, 2 * (b0 - b2), b0 + b1 + b2)
    poles = (1 - a1 + a2, 2 * (1 - a2), 1 + a1 + a2)
    corner_48k = (poles[2] / poles[0]) ** 0.5
    stretch = tan(atan(corner_48k) * _TABLE_RATE / sample_rate) / corner_48k
    b, a = _from_s(zeros, stretch), _from_s(poles, stretch)
    return np.array([value / a[0] for value in (*b, *a)])


def _from_s(s: tuple[float, float, float], stretch: float) -> tuple[float, float, float]:
    """Return the z^-1 polynomial of an s polynomial (highest power first) whose frequencies are scaled."""
    s2, s1, s0 = s[0], s[1] * stretch, s[2] * stretch**2
    return (s2 + s1 + s0, 2 * (s0 - s2), s2 - s1 + s0)


def channel_weights(channels: int) -> Samples:
    """Return BS.1770-5's weight (table 3) of each channel in the usual order of a file with so many channels."""
    return np.array(_WEIGHTS.get(channels, (1.0,) * channels))


class LoudnessMeter:
    """Loudness of what was fed to it so far, in blocks of any length, shape (frames, channels).

    Figures are in LUFS or LU; None where nothing passes the gates (silence, or shorter than one window).
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        self.step_frames = sample_rate // 10  # rounded down: the last window of a programme is not lost
        self._filter = Filter(k_weighting(sample_rate), channels)
        self._weights = channel_weights(channels)
        # where the pieces of a step begin, as even as whole frames allow; any 40 in a row are four whole steps
        self._edges = [self.step_frames * piece // _PIECES for piece in range(_PIECES + 1)]
        self._steps = array("d")
        self._held = np.empty((channels, 0))  # filtered, less than a step
        self._recent = np.empty(0)  # energies of the pieces that the next window of 400 ms may begin with
        self._loudest = 0.0

    def __call__(self, block: Samples) -> None:
        """Take the next block."""
        filtered = self._filter(block).T
        if self._held.size:
            filled, filtered = np.split(filtered, [self.step_frames - self._held.shape[1]], axis=1)
            self._held = np.concatenate((self._held, filled), axis=1)
            if self._held.shape[1] < self.step_frames:
                return
            self._add(self._held)
        whole = filtered.shape[1] // self.step_frames * self.step_frames
        self._add(filtered[:, :whole])
        self._held = filtered[:, whole:].copy()

    def _add(self, filtered: Samples) -> None:
        """Take whole steps, shape (channels, frames)."""
        steps = filtered.reshape(len(filtered), -1, self.step_frames)
        pieces = self._energies([steps[:, :, start:stop] for start, stop in pairwise(self._edges)])
        self._steps.frombytes(pieces.sum(axis=1).tobytes())
        energies = np.concatenate((self._recent, pieces.ravel()))
        self._loudest = max(self._loudest, self._highest(energies))
        self._recent = energies[1 - _MOMENTARY * _PIECES :]

    def _energies(self, pieces: list[Samples]) -> Samples:
        """Return the weighted energy of each piece, shape (steps, pieces), of arrays (channels, steps, frames)."""
        energies = np.stack([np.vecdot(piece, piece) for piece in pieces], axis=-1)
        weighted: Samples = self._weights @ energies.reshape(len(energies), -1)
        return weighted.reshape(energies.shape[1:])

    def _highest(self, energies: Samples) -> float:
        """Return the weighted mean square of the loudest 400 ms of these pieces, 0 where they are fewer."""
        powers = window_powers(energies, _MOMENTARY * _PIECES, self.step_frames / _PIECES)
        return float(powers.max(initial=0.0))

    def _windows(self, steps: int) -> Samples:
        """Return the weighted mean square of each window of so many steps, one every 100 ms."""
        return window_powers(np.array(self._steps), steps, self.step_frames)

    def powers(self) -> Samples:
        """Return what ``gated_loudness`` takes: the weighted mean square of each window of 400 ms, one every 100 ms."""
        return self._windows(_MOMENTARY)

    def integrated(self) -> float | None:
        """Return the programme's loudness (BS.1770-5, eq. 5 to 7)."""
        return gated_loudness(self.powers())

    def max_momentary(self) -> float | None:
        """Return the loudest 400 ms, looked at every 10 ms (EBU Tech 3341)."""
        rest = [self._held[:, None, start:stop] for start, stop in pairwise(self._edges) if stop <= self._held.shape[1]]
        energies = np.append(self._recent, self._energies(rest)) if rest else self._recent
        return _loudest(max(self._loudest, self._highest(energies)))

    def max_short_term(self) -> float | None:
        """Return the loudest 3 s, looked at every 100 ms (EBU Tech 3341)."""
        return _loudest(float(self._windows(_SHORT_TERM).max(initial=0.0)))

    def momentary(self) -> Samples:
        """Return the loudness in LUFS of the 400 ms before the end of each whole step of ``step_frames``.

        NaN where less than 400 ms have passed, or below the absolute gate, -70 LUFS.
        """
        return self._over_time(_MOMENTARY)

    def short_term(self) -> Samples:
        """Return what ``momentary`` does, of 3 s."""
        return self._over_time(_SHORT_TERM)

    def _over_time(self, steps: int) -> Samples:
        powers = self._windows(steps)
        heard = powers >= _power(_ABSOLUTE_GATE_LUFS)
        lufs = np.full(len(self._steps), np.nan)
        lufs[steps - 1 :][heard] = _OFFSET_LU + 10 * np.log10(powers[heard])
        return lufs

    def loudness_range(self) -> float | None:
        """Return the loudness range (EBU Tech 3342), short-term windows overlapping by 2 s."""
        powers = self._windows(_SHORT_TERM)[::_RANGE_HOP]
        powers = powers[powers >= _power(_ABSOLUTE_GATE_LUFS)]
        if not len(powers):
            return None
        powers = np.sort(powers[powers >= powers.mean() * 10 ** (_RANGE_GATE_LU / 10)])
        low, high = (powers[int((len(powers) - 1) * share + 0.5)] for share in (0.10, 0.95))
        return 10 * log10(high / low)


def window_powers(energies: Samples, steps: int, step_frames: float) -> Samples:
    """Return the mean square of every window of ``steps`` energies, each the sum over ``step_frames`` frames."""
    if len(energies) < steps:
        return np.zeros(0)
    powers: Samples = np.lib.stride_tricks.sliding_window_view(energies, steps).sum(axis=1)
    return powers / (steps * step_frames)


def gated_loudness(powers: Samples) -> float | None:
    """Return the loudness in LUFS of windows of 400 ms past both gates (BS.1770-5, eq. 4 to 7), or None."""
    powers = powers[powers >= _power(_ABSOLUTE_GATE_LUFS)]
    if not len(powers):
        return None
    return _lufs(float(powers[powers >= powers.mean() * 10 ** (_RELATIVE_GATE_LU / 10)].mean()))


def _loudest(highest: float) -> float | None:
    return _lufs(highest) if highest >= _power(_ABSOLUTE_GATE_LUFS) else None


def _lufs(power: float) -> float:
    return _OFFSET_LU + 10 * log10(power)


def _power(lufs: float) -> float:
    return float(10 ** ((lufs - _OFFSET_LU) / 10))
