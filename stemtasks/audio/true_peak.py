"""The highest true peak of a file, found while it is read for something else (ITU-R BS.1770-5, annex 2)."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from stemtasks.audio.blocks import Block
from stemtasks.dsp.true_peak import FACTOR, LATER, TAPS, Bounds, TruePeaks, columns_of, kaiser, phases

# half the taps, the frames that are read at once
_HALF, _WINDOW = 1024, 1 << 14
# meters differ well above this share of the rate, and so many differences of differences leave little of what is below
_HIGH_FROM, _STEPS = 0.42, 8
# what differs is so narrow a band below half the rate that every fourth frame, its sign changed where it is every
# other's, says how high it is between them, but for this factor
_EVERY, _BETWEEN_EVERY = 4, 1.25
# frames of which a bound is known
_PART = 64
# the steep filter's middle in shares of the Nyquist frequency, half its length and its window: as soxr's, whose stop
# band begins at the Nyquist frequency
_STEEP_TO, _STEEP_HALF, _STEEP_BETA = 0.956, 128, 16.0
# what ripple makes of a wave's peak at most
_RIPPLE = 2e-3
_BETWEEN = FACTOR - 1  # instants from a frame to the next
_PARTS, _BAND = (_WINDOW - 2 * _HALF) // _PART, _WINDOW // 2 // _EVERY + 1


class TruePeakMeter:
    """A listener of ``measure_levels`` that keeps the highest true peak."""

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._detector = TruePeaks(sample_rate, channels)
        self._highest = 0.0

    def __call__(self, block: Block, peak: float) -> None:
        """Take the next block; ``peak`` is the highest sample so far."""
        # a sample's own value is a lower bound, so what cannot exceed it need not be oversampled
        self._highest = max(self._highest, peak)
        self._highest = float(self._detector(block, self._highest).max(initial=self._highest))

    def finish(self) -> float:
        """Return the highest true peak, full scale being 1, once the last block was taken."""
        return float(self._detector.finish(self._highest).max(initial=self._highest))


class OtherMeters:
    """What meters with other filters at the Nyquist frequency read: for a master whose ceiling is to hold on any.

    At 8x, each of 2,048 taps: one that is flat to 0.498 of the rate, where ``TruePeaks``' ends at 0.465, and one that
    ends before 0.5, as soxr's and many converters' do. Of noise they read up to 0.7 dB more. Recordings have next to
    nothing up there, so the filters are run only where bounds let them read more than ``enough``: first what the
    eighth differences of a window say it has up there, then how far each filter's output is from ours near each of
    its samples.
    """

    def __init__(self, channels: int, own: float, enough: float) -> None:
        """``own`` is what ``TruePeaks`` reads of the whole file at most."""
        self._most, self._filters, self._differ = _meters()
        self._bounds = Bounds()
        self._own, self._enough = own, enough
        self._highest = 0.0
        self._held = np.zeros((channels, 2 * _HALF), dtype=np.float32)

    def __call__(self, block: Block) -> None:
        """Take the next block."""
        self._held = np.concatenate((self._held, block.T), axis=1, dtype=np.float32, casting="same_kind")
        while self._held.shape[1] >= _WINDOW:
            for channel in self._held:
                self._highest = max(self._highest, self._read(channel[:_WINDOW]))
            self._held = self._held[:, _WINDOW - 2 * _HALF :]

    def finish(self) -> float:
        """Return the highest true peak if it is above ``enough``, once the last block was taken."""
        self(np.zeros((_WINDOW, len(self._held))))
        return self._highest

    def _read(self, frames: NDArray[np.float32]) -> float:
        """Return the highest of a window of one channel but for half a filter at each of its ends, 0 if low enough."""
        own = self._own * (1 + _RIPPLE)
        differs = self._most * np.abs(np.diff(frames, _STEPS)).max()
        if own + differs <= self._enough:
            return 0.0
        bounds = self._bounds(columns_of(frames[_HALF - TAPS // 2 + 1 :], _PART))[:_PARTS] * (1 + _RIPPLE)
        if bounds.max() + differs <= self._enough:
            return 0.0
        spectrum = np.fft.rfft(frames).astype(np.complex64, copy=False)
        highest = np.minimum(own, bounds) + _highest(_upside_down(spectrum) * self._differ)
        too_much = self._filters[highest.max(axis=1) > self._enough]
        if not len(too_much):
            return 0.0
        waves = np.fft.irfft(spectrum * too_much)[:, _HALF : _WINDOW - _HALF]
        return max(float(waves.max()), -float(waves.min()))


@cache
def _meters() -> tuple[float, NDArray[np.complex64], NDArray[np.complex64]]:
    """Return how high the difference from our own filters gets, and the spectra of the filters and of that."""
    filters = _filters()
    own_filters = np.zeros((FACTOR, 2 * _HALF))
    own_filters[:_BETWEEN, _HALF - TAPS // 2 : _HALF + TAPS // 2] = phases()[:_BETWEEN]
    own_filters[_BETWEEN, _HALF - 1] = 1.0
    differ = filters - np.concatenate((own_filters[:_BETWEEN], own_filters))
    return _most(differ), _spectra(filters), _upside_down(_spectra(differ * (_BETWEEN_EVERY / _EVERY)))


def _filters() -> NDArray[np.float64]:
    """Return the long and the steep filters, shape (15, 2048)."""
    offsets = np.arange(1 - _HALF, _HALF + 1)
    later = LATER[:_BETWEEN, None] - offsets
    long = np.sinc(later) * kaiser(later / _HALF)
    later = np.concatenate((later, -1.0 * offsets[None]))
    steep = _STEEP_TO * np.sinc(_STEEP_TO * later) * kaiser(later / _STEEP_HALF, _STEEP_BETA)
    return np.concatenate((long, steep))


def _spectra(filters: NDArray[np.float64]) -> NDArray[np.complex64]:
    """Return what a window's spectrum is multiplied by to run each of the filters over it."""
    laid = np.zeros((len(filters), _WINDOW), dtype=np.float32)
    laid[:, np.arange(1 - _HALF, _HALF + 1)] = filters
    spectra: NDArray[np.complex64] = np.conj(np.fft.rfft(laid))
    return spectra


def _most(differ: NDArray[np.float64]) -> float:
    """Return how high the outputs of filters that pass only what is high get, for eighth differences up to 1."""
    shares = np.fft.rfftfreq(_WINDOW)
    differences = (2 * np.sin(np.pi * np.maximum(shares, _HIGH_FROM))) ** _STEPS
    high = np.clip((shares - _HIGH_FROM) / 0.03, 0.0, 1.0)
    taps = np.fft.irfft(np.fft.rfft(differ, _WINDOW) * (high / differences))
    return float(np.abs(taps).sum(axis=1).max())


def _upside_down(spectra: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """Return the high bands of waves as those that every other sign being changed makes low ones of."""
    turned: NDArray[np.complex64] = np.conj(spectra[..., : -_BAND - 1 : -1])
    return turned


def _highest(bands: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Return how high waves get in each part of a window at most, from their bands: shape (waves, parts)."""
    waves = np.fft.irfft(bands)
    inner = np.abs(waves, out=waves)[:, _HALF // _EVERY : -_HALF // _EVERY]
    while inner.shape[1] > _PARTS:  # many times as quick as a maximum over 16
        inner = np.maximum(inner[:, ::2], inner[:, 1::2])
    parts = np.zeros((len(waves), _PARTS + 2), dtype=np.float32)
    parts[:, 1:-1] = inner
    highest: NDArray[np.float32] = np.maximum(np.maximum(parts[:, :-2], parts[:, 2:]), parts[:, 1:-1])
    return highest
