"""Second-order sections: design and filtering of IIR filters without importing scipy.signal.

``import scipy.signal`` takes longer than building a song's stem, so the compiled kernel behind
``scipy.signal.sosfilt`` is loaded by itself; where a scipy release has it elsewhere, the public
function serves. Designs are closed-form, float64, in scipy's layout: shape (sections, 6), each row
``b0 b1 b2 1 a1 a2``. A filter of high order as one polynomial is unstable in float64; sections are not.

Sources: S. Butterworth 1930 by the bilinear transform, prewarped; peaking and shelving by
R. Bristow-Johnson, 'Cookbook formulae for audio EQ biquad filter coefficients' (W3C Note, 2021).
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder
from math import ceil, cos, log, pi, sin, sqrt, tan
from pathlib import Path
from typing import Any, Literal

import numpy as np
import scipy
from numpy.typing import NDArray

Sections = NDArray[np.float64]
Samples = NDArray[np.float64]
Signal = NDArray[np.float64] | NDArray[np.complex128]


def _kernel() -> Callable[[Signal, Signal, Signal], None]:
    """Return scipy's in-place kernel: sections, x (channels, frames) and state (channels, sections, 2) of one type."""
    folder = Path(scipy.__file__).parent / "signal"
    spec = FileFinder(str(folder), (ExtensionFileLoader, EXTENSION_SUFFIXES)).find_spec("_sosfilt")
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        if hasattr(module, "_sosfilt"):
            kernel: Callable[[Signal, Signal, Signal], None] = module._sosfilt
            return kernel
    return _public_kernel


def _public_kernel(sos: Signal, x: Signal, state: Signal) -> None:
    """Do what the compiled kernel does through ``scipy.signal.sosfilt``."""
    signal: Any = importlib.import_module("scipy.signal")
    y, final = signal.sosfilt(sos.real, x, axis=-1, zi=np.moveaxis(state, 1, 0))
    x[...] = y
    state[...] = np.moveaxis(final, 0, 1)


_run = _kernel()

_SCIPY = tuple(int(part) for part in scipy.__version__.split(".")[:2])

# the recurrence waits for its own last step, so that up to two sections of a complex signal take less than half as
# long again as of a real one; more of them have enough to do meanwhile
PAIRED_SECTIONS = 2


class Filter:
    """Causal filtering block by block; equal to ``scipy.signal.sosfilt`` of the whole, bit for bit.

    Stereo runs as one complex signal, left + i right, which coefficients without an imaginary part keep apart.
    A sample that is no number spoils both sides.
    """

    def __init__(self, sos: Sections, channels: int, state: Samples | None = None) -> None:
        state = np.zeros((channels, len(sos), 2)) if state is None else state
        self.paired = channels == 2 and len(sos) <= PAIRED_SECTIONS
        self.sos = np.ascontiguousarray(sos, dtype=np.float64)
        self.state: Signal = np.ascontiguousarray(state[:1] + 1j * state[1:] if self.paired else state)

    def __call__(self, block: Samples) -> Samples:
        """Return the filtered block: shape (frames, channels), the input untouched."""
        if not block.size:
            return block
        if self.paired:
            frames_first = np.array(block, dtype=np.float64, order="C")
            _run(self.sos.astype(np.complex128), frames_first.view(np.complex128).T, self.state)
            return frames_first
        channels_first = np.array(block.T, dtype=np.float64, order="C")
        _run(self.sos, channels_first, self.state)
        return channels_first.T


def together(one: Filter, x: Samples, other: Filter, y: Samples) -> tuple[Samples, Samples]:
    """Return ``one(x)`` and ``other(y)``, bit for bit; two filters of the same few sections as one complex signal."""
    if one.paired or len(one.sos) > PAIRED_SECTIONS or len(x) != len(y):
        return one(x), other(y)
    signal = np.empty((x.shape[1], len(x)), dtype=np.complex128)
    signal.real, signal.imag = x.T, y.T
    state = np.empty(one.state.shape, dtype=np.complex128)
    state.real, state.imag = one.state, other.state
    _run(one.sos.astype(np.complex128), signal, state)
    one.state, other.state = np.array(state.real, order="C"), np.array(state.imag, order="C")
    return signal.real.T, signal.imag.T


def memory_frames(sos: Sections) -> int:
    """Return after how many frames nothing is left of a filter's state: 2^-256 of it by its slowest pole."""
    b, c = sos[:, 4], sos[:, 5]
    root = np.sqrt(np.maximum(b * b - 4.0 * c, 0.0))
    radius = np.where(b * b < 4.0 * c, np.sqrt(np.maximum(c, 0.0)), (np.abs(b) + root) / 2.0).max()
    return ceil(256.0 * log(2.0) / -log(radius)) if radius else 1


def steady_state(sos: Sections) -> Samples:
    """Return the state of a long-settled unit step, shape (sections, 2): ``scipy.signal.sosfilt_zi``, bit for bit."""
    state = np.empty((len(sos), 2))
    scale = 1.0
    for index, row in enumerate(sos):
        b, a = row[:3], row[3:]
        level = b.sum() / a.sum()
        state[index] = scale * _settled(b, a, level)
        scale *= level
    return state


def _settled(b: Samples, a: Samples, level: float) -> Samples:
    """Return the state of one section that a unit step has brought to its ``level``."""
    if _SCIPY < (1, 18):  # which solved x = A x + B for it, A the companion matrix: other last bits
        solved: Samples = np.linalg.solve(np.array([[1.0 + a[1], -1.0], [a[2], 1.0]]), b[1:] - a[1:] * b[0])
        return solved
    rest = b - level * a
    return np.array([rest[2] + rest[1], rest[2]])


def butterworth(kind: Literal["lowpass", "highpass"], order: int, cutoff_hz: float, sample_rate: int) -> Sections:
    """Return a Butterworth filter, -3.01 dB at the cutoff, 6 dB per octave and order."""
    k = tan(pi * cutoff_hz / sample_rate)
    rows = []
    if order % 2:
        b = [k, k] if kind == "lowpass" else [1.0, -1.0]
        rows.append([b[0] / (1 + k), b[1] / (1 + k), 0.0, 1.0, (k - 1) / (1 + k), 0.0])
    for pair in range(order // 2):
        damping = 2.0 * sin(pi * (2 * pair + 1) / (2 * order))
        norm = 1.0 + damping * k + k * k
        gain = (k * k if kind == "lowpass" else 1.0) / norm
        sign = 1.0 if kind == "lowpass" else -1.0
        rows.append([gain, sign * 2 * gain, gain, 1.0, 2 * (k * k - 1) / norm, (1 - damping * k + k * k) / norm])
    return np.array(rows)


def peaking(centre_hz: float, gain_db: float, q: float, sample_rate: int) -> Sections:
    """Return a bell of ``gain_db`` at the centre."""
    w = 2 * pi * centre_hz / sample_rate
    amplitude = 10 ** (gain_db / 40)
    alpha = sin(w) / (2 * q)
    b = [1 + alpha * amplitude, -2 * cos(w), 1 - alpha * amplitude]
    a = [1 + alpha / amplitude, -2 * cos(w), 1 - alpha / amplitude]
    return _normalised(b, a)


def shelf(kind: Literal["low", "high"], corner_hz: float, gain_db: float, q: float, sample_rate: int) -> Sections:
    """Return a shelf of ``gain_db`` below (low) or above (high) the corner, where it is at half its dB."""
    w = 2 * pi * corner_hz / sample_rate
    amplitude = 10 ** (gain_db / 40)
    slope = 2 * sqrt(amplitude) * sin(w) / (2 * q)
    sign = 1.0 if kind == "low" else -1.0
    more, less = amplitude + 1, amplitude - 1
    b = [
        amplitude * (more - sign * less * cos(w) + slope),
        sign * 2 * amplitude * (less - sign * more * cos(w)),
        amplitude * (more - sign * less * cos(w) - slope),
    ]
    a = [
        more + sign * less * cos(w) + slope,
        -sign * 2 * (less + sign * more * cos(w)),
        more + sign * less * cos(w) - slope,
    ]
    return _normalised(b, a)


def _normalised(b: list[float], a: list[float]) -> Sections:
    return np.array([[*(value / a[0] for value in b), 1.0, a[1] / a[0], a[2] / a[0]]])
