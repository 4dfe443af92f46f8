"""The highest true peak of a file, found while it is read for something else (ITU-R BS.1770-5, annex 2)."""

from __future__ import annotations

from stemtasks.audio.blocks import Block
from stemtasks.dsp.true_peak import TruePeaks


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
