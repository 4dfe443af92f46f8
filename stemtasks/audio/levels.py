"""The levels of a finished file, read back in blocks: facts about bytes, which carry no judgement."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stemtasks.audio.blocks import Block, Narrow
from stemtasks.audio.facts import Facts, decibels
from stemtasks.audio.source import Source

FLAT_TOP_FRAMES = 3
FLAT_TOP_LEVEL = 0.988  # -0.1 dBFS
CONSTANT = 1e-12
"""Share of a channel's power that is not its mean, below which it is rounding."""

Listener = Callable[[Block, float], None]
"""Called with each block, silence in place of samples that are no numbers, and the highest sample so far."""


def measure_levels(path: str | Path, listener: Listener | None = None) -> Facts:
    """Read a file in blocks and return its format, frames, peak, RMS, DC, clipping and invalid samples.

    ``clipped_ratio`` is the share of samples in flat tops: 3 or more consecutive samples of one channel at the
    file's highest value (or at its lowest), where that is at least -0.1 dBFS; where blocks end does not matter.
    ``rms_dbfs`` and ``dc`` are of the loudest channel, over the whole file. ``stereo_correlation`` is Pearson's of left
    and right, 1 where they are the same and -1 where one is the other inverted; None for files of another count of
    channels, and where a side is silent or constant. ``invalid_samples`` counts NaN and
    infinities, which all other figures take as silence; ``invalid_frame`` is the first of them or None.
    """
    with Source(path) as source:
        tally = Tally(source.channels)
        for block in source.narrow_blocks():
            wide = tally.add(block)
            if listener is not None:
                listener(wide, tally.peak)
        frames = tally.frames
        return {
            "frames": frames,
            "sample_rate": source.sample_rate,
            "channels": source.channels,
            "subtype": source.subtype,
            "duration_s": round(frames / source.sample_rate, 6),
            "peak_dbfs": decibels(tally.peak),
            "rms_dbfs": decibels(float(np.sqrt(np.max(tally.squares) / frames)) if frames else 0.0),
            "dc": round(float(np.max(np.abs(tally.sums)) / frames), 9) if frames else 0.0,
            "stereo_correlation": tally.stereo_correlation,
            "clipped_ratio": tally.clipped_ratio,
            "invalid_samples": tally.invalid,
            "invalid_frame": tally.invalid_frame,
        }


# frames of a sum short enough that BLAS runs it in one thread: more of them wait for cores that build other stems
_PIECE_FRAMES = 8_192
_ONES = np.ones(_PIECE_FRAMES)


class Tally:
    """Running sums over blocks."""

    def __init__(self, channels: int) -> None:
        self.frames = 0
        self.sums = np.zeros(channels)
        self.squares = np.zeros(channels)
        self.product = 0.0
        self.invalid = 0
        self.invalid_frame: int | None = None
        self._top, self._bottom = _FlatTops(channels), _FlatTops(channels)

    @property
    def peak(self) -> float:
        """Return the highest sample."""
        return max(self._top.level, self._bottom.level)

    @property
    def stereo_correlation(self) -> float | None:
        """Return the correlation coefficient of two channels, None where there is none."""
        if len(self.sums) != 2 or not self.frames:
            return None
        variances = self.squares - self.sums**2 / self.frames
        if np.any(variances <= CONSTANT * self.squares):
            return None
        covariance = self.product - self.sums[0] * self.sums[1] / self.frames
        return round(min(1.0, max(-1.0, float(covariance / np.sqrt(variances[0] * variances[1])))), 3)

    @property
    def clipped_ratio(self) -> float:
        """Return the share of samples in flat tops."""
        clipped = self._top.samples + self._bottom.samples
        return round(clipped / (self.frames * len(self.sums)), 9) if self.frames else 0.0

    def add(self, block: Narrow) -> Block:
        """Take the next block and return it in float64, silence in place of samples that are no numbers."""
        highest, lowest = float(block.max()), float(block.min())
        if not np.isfinite(highest) or not np.isfinite(lowest):
            valid = np.isfinite(block)
            self.invalid += int(np.count_nonzero(~valid))
            if self.invalid_frame is None:
                self.invalid_frame = self.frames + int(np.argmin(valid.all(axis=1)))
            block = np.where(valid, block, block.dtype.type(0))
            highest, lowest = float(block.max()), float(block.min())
        self.frames += len(block)
        channels_first = np.array(block.T, dtype=np.float64, order="C")
        whole = len(block) // _PIECE_FRAMES * _PIECE_FRAMES
        self._sum(channels_first[:, :whole].reshape(len(channels_first), -1, _PIECE_FRAMES))
        self._sum(channels_first[:, None, whole:])
        self._top.add(block, highest, 1.0)
        self._bottom.add(block, -lowest, -1.0)
        return channels_first.T

    def _sum(self, pieces: NDArray[np.float64]) -> None:
        """Add up pieces, shape (channels, pieces, frames): BLAS takes half the time that numpy's own sum does."""
        self.sums += np.vecdot(pieces, _ONES[: pieces.shape[2]]).sum(axis=1)
        self.squares += np.vecdot(pieces, pieces).sum(axis=1)
        if len(pieces) == 2:
            self.product += float(np.vecdot(pieces[0], pieces[1]).sum())


class _FlatTops:
    """How many samples lie in flat tops at the highest level so far; ``sign`` -1 turns lows into highs."""

    def __init__(self, channels: int) -> None:
        self.level = 0.0
        self.samples = 0
        self._open = [0] * channels  # the run that reaches the end of the last block, a channel

    def add(self, block: Narrow, highest: float, sign: float) -> None:
        if highest > self.level:
            # a flat top is one at the file's own peak, so a higher peak forgets lower ones
            self.level, self.samples, self._open = highest, 0, [0] * len(self._open)
        if highest < self.level or self.level < FLAT_TOP_LEVEL:
            self._open = [0] * len(self._open)
            return
        for channel, at_level in enumerate((block == sign * self.level).T):
            edges = np.flatnonzero(np.diff(at_level, prepend=False, append=False))
            starts, runs = edges[::2], edges[1::2] - edges[::2]
            reaches_end = len(edges) > 0 and edges[-1] == len(block)
            if len(starts) and starts[0] == 0:
                runs[0] += self._open[channel]
                self.samples -= _if_flat(self._open[channel])
            self._open[channel] = int(runs[-1]) if reaches_end else 0
            self.samples += int(runs[runs >= FLAT_TOP_FRAMES].sum())


def _if_flat(run: int) -> int:
    return run if run >= FLAT_TOP_FRAMES else 0
