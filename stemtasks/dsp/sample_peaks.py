"""The highest sample of each segment, in the shape of ``true_peak.TruePeaks``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stemtasks.dsp.true_peak import segment_frames

Samples = NDArray[np.float64]


class SamplePeaks:
    """The highest sample of each segment (``segment_frames``) over all channels, from blocks of any length."""

    def __init__(self, sample_rate: int, channels: int) -> None:
        self.segment = segment_frames(sample_rate)
        self._held = np.zeros((0, channels))

    def __call__(self, block: Samples, floor: float = 0.0) -> Samples:  # noqa: ARG002 - as TruePeaks is called
        """Return the peaks of the segments that are complete now: shape (segments,)."""
        self._held = np.concatenate((self._held, block))
        whole = len(self._held) - len(self._held) % self.segment
        peaks = self._peaks(self._held[:whole])
        self._held = self._held[whole:]
        return peaks

    def finish(self, floor: float = 0.0) -> Samples:  # noqa: ARG002 - as TruePeaks is called
        """Return the peak of the last segment, which is shorter, if there is one."""
        return self._peaks(np.pad(self._held, ((0, -len(self._held) % self.segment), (0, 0))))

    def _peaks(self, samples: Samples) -> Samples:
        parts = samples.reshape(-1, self.segment * samples.shape[1])
        peaks: Samples = np.maximum(parts.max(axis=1), -parts.min(axis=1))
        return peaks
