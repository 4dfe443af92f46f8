"""What a compressor and an expander do to a level: their static curves, and the level that they see.

Source: D. Giannoulis, M. Massberg, J. D. Reiss, 'Digital Dynamic Range Compressor Design - A Tutorial and Analysis',
J. Audio Eng. Soc. 60 (2012), eq. 4, the knee being a parabola between the two lines. Levels are in dBFS.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stemtasks.dsp.ballistics import OnePole

Samples = NDArray[np.float64]
Detector = Literal["peak", "rms"]

# what a level is kept between: silence has none, and what is broken has one that cannot be counted with
_LOWEST, _HIGHEST = 1e-10, 1e10


class Level:
    """The level that all channels are turned down by: at each frame that of the loudest, so that no side moves.

    ``peak`` is the sample itself. ``rms`` is the root of a mean of squares over a one-pole's ``constant`` in frames: a
    sine reads 3.01 dB less than its peak.
    """

    def __init__(self, detector: Detector, constant: float, channels: int) -> None:
        self._squares = OnePole(constant, channels) if detector == "rms" else None

    def __call__(self, block: Samples) -> Samples:
        """Return the level of each frame in dBFS, -200 at the least: shape (frames,)."""
        magnitudes = block * block if self._squares else np.abs(block)
        if self._squares:
            magnitudes = self._squares(magnitudes if block.shape[1] > 1 else magnitudes[:, 0])
        level = loudest(magnitudes)
        if self._squares:
            np.sqrt(np.maximum(level, 0.0, out=level), out=level)
        return decibels(level)


def loudest(magnitudes: Samples) -> Samples:
    """Return the highest channel of each frame, a new array: numpy's maximum along so short an axis is slow."""
    columns = magnitudes.reshape(len(magnitudes), -1).T
    highest = np.array(columns[0])
    for column in columns[1:]:
        np.maximum(highest, column, out=highest)
    return highest


def decibels(level: Samples) -> Samples:
    """Return amplitudes in decibels, changing them in place."""
    np.clip(level, _LOWEST, _HIGHEST, out=level)
    np.log10(level, out=level)
    level *= 20.0
    return level


def amplitudes(gains_db: Samples) -> Samples:
    """Return the factors of gains in dB, 0 being exactly 1."""
    factors: Samples = np.exp(gains_db * (np.log(10.0) / 20.0))
    return factors


def times(block: Samples, gains: Samples) -> Samples:
    """Return a block, each frame times its gain: column by column, a third of what numpy takes to broadcast."""
    out = np.empty_like(block)
    for channel in range(block.shape[1]):
        np.multiply(block[:, channel], gains, out=out[:, channel])
    return out


def above(level_db: Samples, threshold_db: float, knee_db: float) -> Samples:
    """Return by how much levels are above a threshold, 0 below it, round between where there is a knee."""
    over = level_db - (threshold_db + knee_db / 2)
    if not knee_db:
        return np.maximum(over, 0.0, out=over)
    in_knee = np.clip(over + knee_db, 0.0, knee_db)
    np.maximum(over, 0.0, out=over)
    in_knee *= in_knee
    in_knee *= 0.5 / knee_db
    over += in_knee
    return over


def compressed(level_db: Samples, threshold_db: float, ratio: float, knee_db: float) -> Samples:
    """Return the reduction in dB of a compressor: shape (frames,), none below 0."""
    over = above(level_db, threshold_db, knee_db)
    over *= 1.0 - 1.0 / ratio
    return over


def expanded(level_db: Samples, threshold_db: float, ratio: float, knee_db: float, range_db: float) -> Samples:
    """Return how far open a downward expander is, in dB: ``range_db`` where it leaves the level, 0 where it is shut."""
    under = above(-level_db, -threshold_db, knee_db)
    under *= 1.0 - ratio
    under += range_db
    return np.maximum(under, 0.0, out=under)


def shut_by(range_db: float, open_db: Samples) -> Samples:
    """Return the reduction of an expander or a gate that is open by so much of its range, changing it in place."""
    np.subtract(range_db, open_db, out=open_db)
    return np.maximum(open_db, 0.0, out=open_db)
