"""How much was turned down: at most, in the mean, and over time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]

MOST_VALUES = 2000
"""Of a curve over time; a longer song has longer steps."""
_FLOOR = 10 ** (-60 / 20)


class ReductionMeter:
    """Keeps the largest reduction of each tenth of a second, and the mean over those in which there is audio to hear.

    That is audio whose peak is above -60 dBFS: what a gate takes from silence is no matter. ``rate`` is how many values
    there are to the second: of frames, or of a limiter's segments.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._step = max(1, int(rate / 10))
        self._highest: list[float] = []
        self._sums: list[float] = []
        self._counts: list[int] = []
        self._peaks: list[float] = []
        self._room = 0

    def __call__(self, reduction_db: Samples, audio: Samples) -> None:
        """Take the next reductions in dB, shape (frames,), and what they were for: (frames, channels), or peaks."""
        starts = np.arange(self._room, len(reduction_db), self._step)
        if self._room:
            starts = np.concatenate((np.zeros(1, dtype=np.int64), starts))
        flat = np.ascontiguousarray(audio).reshape(-1)
        in_flat = starts * (len(flat) // len(reduction_db))
        figures = zip(
            np.maximum.reduceat(reduction_db, starts).tolist(),
            np.add.reduceat(reduction_db, starts).tolist(),
            np.diff(starts, append=len(reduction_db)).tolist(),
            np.maximum(np.maximum.reduceat(flat, in_flat), -np.minimum.reduceat(flat, in_flat)).tolist(),
            strict=True,
        )
        for highest, total, count, peak in figures:
            if not self._room:
                self._highest.append(0.0)
                self._sums.append(0.0)
                self._counts.append(0)
                self._peaks.append(0.0)
                self._room = self._step
            self._highest[-1] = max(self._highest[-1], highest)
            self._sums[-1] += total
            self._counts[-1] += count
            self._peaks[-1] = max(self._peaks[-1], peak)
            self._room -= count

    def figures(self) -> dict[str, Any]:
        """Return ``max_reduction_db``, ``mean_reduction_db`` and ``reduction_db``, the curve over time."""
        heard = [place for place, peak in enumerate(self._peaks) if peak > _FLOOR]
        frames = sum(self._counts[place] for place in heard)
        together = max(1, -(-len(self._highest) // MOST_VALUES))
        values = [max(self._highest[start : start + together]) for start in range(0, len(self._highest), together)]
        return {
            "max_reduction_db": round(max(values, default=0.0), 2),
            "mean_reduction_db": round(sum(self._sums[place] for place in heard) / frames, 2) if frames else 0.0,
            "reduction_db": {
                "step_s": round(self._step * together / self._rate, 6),
                "values": [round(value, 1) for value in values],
            },
        }
