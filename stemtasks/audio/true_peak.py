"""The highest true peak of a file, found while it is read for something else (ITU-R BS.1770-5, annex 2)."""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray

from stemtasks.audio.blocks import Block
from stemtasks.dsp.true_peak import FACTOR, TruePeaks

_LEAD_FRAMES = 512


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


class SteepPeakMeter:
    """A second opinion for what a limiter made: 8x by soxr, whose filter ends below the Nyquist frequency.

    A meter or a converter that leaves out the highest octave's end sees other waves, and on bursts of noise that were
    limited to ``TruePeaks`` up to 0.7 dB more.
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._stream = soxr.ResampleStream(sample_rate, FACTOR * sample_rate, channels, "float32", "VHQ")
        # before the first frame it rings too
        self.highest = 0.0
        self._take(np.zeros((_LEAD_FRAMES, channels), dtype=np.float32), last=False)
        self._silence = np.zeros((_LEAD_FRAMES, channels), dtype=np.float32)

    def __call__(self, block: Block) -> None:
        """Take the next block."""
        self._take(np.ascontiguousarray(block, dtype=np.float32), last=False)

    def finish(self) -> float:
        """Return the highest true peak, full scale being 1, once the last block was taken."""
        self._take(self._silence, last=True)
        return self.highest

    def _take(self, block: NDArray[np.float32], last: bool) -> None:
        finer = self._stream.resample_chunk(block, last=last)
        self.highest = max(self.highest, float(finer.max(initial=0.0)), -float(finer.min(initial=0.0)))
