"""What a finished audio file measures, read back from disk, and the limits that are held against it.

Measurements are facts about bytes and carry no judgement; ``failures`` compares them with limits,
so that a changed limit needs no rendering.
"""

from __future__ import annotations

import contextlib
import json
from math import log10
from pathlib import Path
from typing import Any

import numpy as np

from stemtasks.audio.source import BLOCK_FRAMES, Block, Narrow, Source, all_finite
from stemtasks.beside import beside
from stemtasks.dsp.loudness import LoudnessMeter
from stemtasks.dsp.true_peak import TruePeaks
from stemtasks.errors import AudioError

Facts = dict[str, Any]

LOUDNESS = ("lufs", "lra_lu", "max_momentary_lufs", "max_short_term_lufs")
FLOOR_DBFS = -200.0
FLAT_TOP_FRAMES = 3
WAYS_OUT = ": mend it, or allow it with verify.{}"
FLAT_TOP_LEVEL = 0.988  # -0.1 dBFS


def decibels(amplitude: float) -> float:
    """Return an amplitude relative to 1.0 in dB, rounded to 0.001, silence being -200."""
    return round(max(FLOOR_DBFS, 20 * log10(amplitude)), 3) if amplitude > 0 else FLOOR_DBFS


def measure(path: str | Path, loudness: bool = False, true_peak: bool = False) -> Facts:
    """Read a file in blocks and return its format, frames, peak, RMS, DC, clipping and invalid samples.

    ``clipped_ratio`` is the share of samples in flat tops: 3 or more consecutive samples of one channel at the
    file's highest value (or at its lowest), where that is at least -0.1 dBFS; where blocks end does not matter.
    ``rms_dbfs`` and ``dc`` are of the loudest channel, over the whole file. ``invalid_samples`` counts NaN and
    infinities, which all other figures take as silence; ``invalid_frame`` is the first of them or None.

    With ``loudness`` also the integrated ``lufs`` and the others of ``LOUDNESS`` (ITU-R BS.1770-5, EBU R128; None
    for silence, or for less than a window), read by a thread of its own.
    With ``true_peak`` also ``true_peak_dbtp``.
    """
    if not loudness:
        return _levels(path, true_peak)
    with beside(lambda: _loudness(path)) as meter:
        return _levels(path, true_peak) | meter()


def _levels(path: str | Path, true_peak: bool) -> Facts:
    """Return what needs no filter, and the true peak if it is asked for."""
    with Source(path) as source:
        tally = _Tally(source.channels)
        detector = _TruePeak(source.sample_rate, source.channels) if true_peak else None
        for block in source.narrow_blocks():
            wide = tally.add(block)
            if detector is not None:
                detector.add(wide, tally.peak)
        frames = tally.frames
        facts = {
            "frames": frames,
            "sample_rate": source.sample_rate,
            "channels": source.channels,
            "subtype": source.subtype,
            "duration_s": round(frames / source.sample_rate, 6),
            "peak_dbfs": decibels(tally.peak),
            "rms_dbfs": decibels(float(np.sqrt(np.max(tally.squares) / frames)) if frames else 0.0),
            "dc": round(float(np.max(np.abs(tally.sums)) / frames), 9) if frames else 0.0,
            "clipped_ratio": round(tally.clipped / (frames * source.channels), 9) if frames else 0.0,
            "invalid_samples": tally.invalid,
            "invalid_frame": tally.invalid_frame,
        }
    return facts if detector is None else facts | {"true_peak_dbtp": decibels(detector.finish())}


def _loudness(path: str | Path) -> Facts:
    with Source(path) as source:
        meter = LoudnessMeter(source.sample_rate, source.channels)
        for block in source.blocks():
            meter(block if all_finite(block) else np.where(np.isfinite(block), block, 0.0))
    figures = meter.integrated(), meter.loudness_range(), meter.max_momentary(), meter.max_short_term()
    return dict(zip(LOUDNESS, map(_rounded, figures), strict=True))


def first_difference(one: Path, other: Path) -> str:
    """Return where two files differ first, in words: at a frame where both are audio of one form, else at a byte."""
    if one.suffix == ".wav":
        with contextlib.suppress(AudioError), Source(one) as left, Source(other) as right:
            start = 0
            for a, b in zip(left.blocks(), right.blocks(), strict=False):
                shared = min(len(a), len(b))
                unequal = (a[:shared] != b[:shared]).any(axis=1) if a.shape[1] == b.shape[1] else np.ones(1, dtype=bool)
                if unequal.any():
                    frame = start + int(np.argmax(unequal))
                    return f"at frame {frame} ({frame / left.sample_rate:.3f} s)"
                start += shared
            if left.frames != right.frames:
                frame = min(left.frames, right.frames)
                return f"at frame {frame} ({frame / left.sample_rate:.3f} s), where one of them ends"
    # facts are small
    left_bytes, right_bytes = one.read_bytes(), other.read_bytes()
    differing = (at for at, (x, y) in enumerate(zip(left_bytes, right_bytes, strict=False)) if x != y)
    return f"at byte {next(differing, min(len(left_bytes), len(right_bytes)))}"


def write_facts(path: str | Path, facts: Facts) -> None:
    """Write facts as JSON, the same bytes for the same facts."""
    text = json.dumps(facts, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    Path(path).write_text(text + "\n", encoding="utf-8")


_ONES = np.ones(BLOCK_FRAMES)


class _Tally:
    """Running sums over blocks."""

    def __init__(self, channels: int) -> None:
        self.frames = 0
        self.sums = np.zeros(channels)
        self.squares = np.zeros(channels)
        self.invalid = 0
        self.invalid_frame: int | None = None
        self._top, self._bottom = _FlatTops(channels), _FlatTops(channels)

    @property
    def peak(self) -> float:
        return max(self._top.level, self._bottom.level)

    @property
    def clipped(self) -> int:
        return self._top.samples + self._bottom.samples

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
        # BLAS takes half the time of adding up
        self.sums += np.vecdot(channels_first, _ONES[: len(block)])
        self.squares += np.vecdot(channels_first, channels_first)
        self._top.add(block, highest, 1.0)
        self._bottom.add(block, -lowest, -1.0)
        return channels_first.T


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


class _TruePeak:
    """The highest true peak over blocks."""

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._detector = TruePeaks(sample_rate, channels)
        self._highest = 0.0

    def add(self, block: Block, peak: float) -> None:
        # a sample's own value is a lower bound, so what cannot exceed it need not be oversampled
        self._highest = max(self._highest, peak)
        self._highest = float(self._detector(block, self._highest).max(initial=self._highest))

    def finish(self) -> float:
        return float(self._detector.finish(self._highest).max(initial=self._highest))


def _rounded(loudness: float | None) -> float | None:
    return None if loudness is None else round(loudness, 3)


def failures(facts: Facts, limits: dict[str, Any]) -> list[str]:
    """Return what is outside the limits, a phrase each with the figure found and the figure allowed."""
    found = []
    if facts["invalid_samples"]:
        found.append(
            f"{facts['invalid_samples']} samples are NaN or infinite, the first at frame {facts['invalid_frame']}"
        )
    found += [
        f"{name} is {facts[name]}, expected {limits[name]}"
        for name in ("frames", "sample_rate", "channels", "subtype")
        if limits.get(name) is not None and facts[name] != limits[name]
    ]
    if not facts["frames"]:
        found.append("it holds no audio (0 frames)")
    elif facts["rms_dbfs"] < limits.get("silence_dbfs", FLOOR_DBFS):
        found.append(
            f"it is silent: {facts['rms_dbfs']} dBFS RMS, at least {limits['silence_dbfs']} is allowed"
            + WAYS_OUT.format("silence_dbfs")
        )
    if facts["clipped_ratio"] > limits.get("clipping_ratio", 1.0):
        found.append(
            f"{facts['clipped_ratio']:.4%} of it is clipped, {limits['clipping_ratio']:.4%} is allowed"
            + WAYS_OUT.format("clipping_ratio")
        )
    if facts["dc"] > limits.get("dc_offset", 1.0):
        found.append(
            f"its DC offset is {facts['dc']:.4f}, {limits['dc_offset']} is allowed" + WAYS_OUT.format("dc_offset")
        )
    return found
