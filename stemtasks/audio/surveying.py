"""What a recording measures before it is part of any song: its levels, where it sounds, and how loud it is when."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stemtasks.audio.blocks import Block
from stemtasks.audio.facts import Facts, decibels
from stemtasks.audio.levels import Tally
from stemtasks.audio.source import Source
from stemtasks.dsp.loudness import gated_loudness, window_powers

Array = NDArray[np.float64]

STEP_SECONDS = 0.1
WINDOW_STEPS = 4
SOUNDING = 10 ** (-80 / 20)
"""Samples above it are sound, and not a converter's noise after the last note."""


@dataclass(frozen=True, eq=False)
class Survey:
    """A recording as it is, without a song.

    ``facts`` are those of ``measure_levels`` that a spec may have to say something of, and ``is_over``: whether a
    sample is above full scale. ``powers`` is the mean square of each 100 ms, of both channels of a stereo song
    together, ``peaks`` the highest sample. ``starts_s`` and ``ends_s`` are where it sounds first and last, to 100 ms.
    ``is_mono`` says that all channels are the same.
    """

    path: str
    facts: Facts
    is_mono: bool
    powers: Array
    peaks: Array
    starts_s: float
    ends_s: float

    @property
    def seconds(self) -> float:
        """Return how long it is, sound or not."""
        return float(self.facts["frames"] / self.facts["sample_rate"])


def survey(path: str | Path) -> Survey:
    """Read a recording once and return what it measures; AudioError where it cannot be read whole."""
    with Source(path) as source:
        tally = Tally(source.channels)
        steps = _Steps(round(STEP_SECONDS * source.sample_rate))
        is_mono = True
        for narrow in source.narrow_blocks():
            block = tally.add(narrow)
            steps.add(block)
            is_mono = is_mono and bool((block == block[:, :1]).all())
        powers, peaks = steps.finish()
        sounding = np.flatnonzero(peaks > SOUNDING)
        first, last = (int(sounding[0]), int(sounding[-1]) + 1) if len(sounding) else (0, 0)
        ends = min(tally.frames / source.sample_rate, last * STEP_SECONDS)
        facts = _facts(source, tally)
        return Survey(str(path), facts, is_mono, powers, peaks, min(ends, first * STEP_SECONDS), ends)


def _facts(source: Source, tally: Tally) -> Facts:
    frames = tally.frames
    return {
        "frames": frames,
        "sample_rate": source.sample_rate,
        "channels": source.channels,
        "subtype": source.subtype,
        "peak_dbfs": decibels(tally.peak),
        "rms_dbfs": decibels(float(np.sqrt(np.max(tally.squares) / frames)) if frames else 0.0),
        "dc": float(np.max(np.abs(tally.sums)) / frames) if frames else 0.0,
        "clipped_ratio": tally.clipped_ratio,
        "invalid_samples": tally.invalid,
        "is_over": tally.peak > 1.0,
    }


class _Steps:
    """The power and the peak of each step, of blocks of any lengths."""

    def __init__(self, step: int) -> None:
        self._step = max(1, step)
        self._held: Block | None = None
        self._found: list[tuple[Array, Array]] = []

    def add(self, block: Block) -> None:
        joined = block if self._held is None else np.concatenate((self._held, block))
        whole = len(joined) // self._step * self._step
        if whole:
            self._add(joined[:whole])
        self._held = joined[whole:]

    def _add(self, frames: Block) -> None:
        steps = frames.T.reshape(frames.shape[1], -1, min(self._step, len(frames)))
        power = 2.0 * np.vecdot(steps, steps).mean(axis=0) / steps.shape[2]
        peaks = np.maximum(steps.max(axis=2), -steps.min(axis=2)).max(axis=0)
        self._found.append((power, peaks))

    def finish(self) -> tuple[Array, Array]:
        """Return both, the last step being shorter."""
        if self._held is not None and len(self._held):
            self._add(self._held)
        powers, peaks = zip(*self._found, strict=True) if self._found else ((), ())
        return np.concatenate([np.zeros(0), *powers]), np.concatenate([np.zeros(0), *peaks])


def together(surveys: list[Survey]) -> tuple[float | None, float]:
    """Return about how loud the sum of recordings is that begin at one time, in LUFS, and its peak in dBFS.

    Their powers are added as those of sounds that have nothing in common, and their peaks likewise; nothing is
    weighted by frequency. So it is right within a few dB.
    """
    powers = np.zeros(max((len(each.powers) for each in surveys), default=0))
    squares = np.zeros(len(powers))
    for each in surveys:
        # DC is no loudness, and takes the room of the peaks
        powers[: len(each.powers)] += np.maximum(each.powers - 2.0 * each.facts["dc"] ** 2, 0.0)
        squares[: len(each.peaks)] += each.peaks**2
    return gated_loudness(window_powers(powers, WINDOW_STEPS, 1.0)), decibels(float(squares.max(initial=0.0)) ** 0.5)
