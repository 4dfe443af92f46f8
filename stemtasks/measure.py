"""What a finished audio file measures, read back from disk, and the limits that are held against it.

Measurements are facts about bytes and carry no judgement; ``failures`` compares them with limits,
so that a changed limit needs no rendering.
"""

from __future__ import annotations

import json
from math import log10
from pathlib import Path
from typing import Any

import numpy as np

from stemtasks.audio import Block, Source

Facts = dict[str, Any]

FLOOR_DBFS = -200.0
FLAT_TOP_FRAMES = 3


def decibels(amplitude: float) -> float:
    """Return an amplitude relative to 1.0 in dB, rounded to 0.001, silence being -200."""
    return round(max(FLOOR_DBFS, 20 * log10(amplitude)), 3) if amplitude > 0 else FLOOR_DBFS


def measure(path: str | Path) -> Facts:
    """Read a file once, in blocks, and return its format, frames, peak, RMS, DC, clipping and invalid samples.

    ``clipped_ratio`` is the share of samples in flat tops: 3 or more consecutive samples of one channel
    at the file's own peak, where that peak is at least -0.1 dBFS. ``rms_dbfs`` and ``dc`` are over all
    channels, of the loudest channel. ``invalid_samples`` counts NaN and infinities, which all other
    figures leave out; ``invalid_frame`` is the first of them or None.
    """
    with Source(path) as source:
        tally = _Tally(source.channels)
        for block in source.blocks():
            tally.add(block)
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
            "clipped_ratio": round(tally.clipped / (frames * source.channels), 9) if frames else 0.0,
            "invalid_samples": tally.invalid,
            "invalid_frame": tally.invalid_frame,
        }


def write_facts(path: str | Path, facts: Facts) -> None:
    """Write facts as JSON, the same bytes for the same facts."""
    text = json.dumps(facts, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    Path(path).write_text(text + "\n", encoding="utf-8")


class _Tally:
    """Running sums over blocks."""

    def __init__(self, channels: int) -> None:
        self.frames = 0
        self.peak = 0.0
        self.sums = np.zeros(channels)
        self.squares = np.zeros(channels)
        self.clipped = 0
        self.invalid = 0
        self.invalid_frame: int | None = None

    def add(self, block: Block) -> None:
        highest, lowest = float(block.max()), float(block.min())
        if not np.isfinite(highest - lowest):
            valid = np.isfinite(block)
            self.invalid += int(np.count_nonzero(~valid))
            if self.invalid_frame is None:
                self.invalid_frame = self.frames + int(np.argmin(valid.all(axis=1)))
            block = np.where(valid, block, 0.0)
            highest, lowest = float(block.max()), float(block.min())
        peak = max(highest, -lowest)
        self.frames += len(block)
        # a channel at a time: numpy reduces a long array of 2 columns by rows, at a fiftieth of the speed
        self.sums += [channel.sum() for channel in block.T]
        self.squares += [np.einsum("i,i->", channel, channel) for channel in block.T]
        if peak > self.peak:
            # a flat top is one at the file's own peak, so a higher peak forgets lower ones
            self.peak, self.clipped = peak, 0
        if peak == self.peak >= 0.988:
            self.clipped += _flat_tops(np.abs(block) >= peak)


def _flat_tops(at_peak: np.ndarray[Any, np.dtype[np.bool_]]) -> int:
    """Return how many samples lie in runs of at least ``FLAT_TOP_FRAMES`` in one channel."""
    count = 0
    for channel in at_peak.T:
        edges = np.flatnonzero(np.diff(channel, prepend=False, append=False))
        runs = edges[1::2] - edges[::2]
        count += int(runs[runs >= FLAT_TOP_FRAMES].sum())
    return count


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
        found.append(f"it is silent: {facts['rms_dbfs']} dBFS RMS, at least {limits['silence_dbfs']} is allowed")
    if facts["clipped_ratio"] > limits.get("clipping_ratio", 1.0):
        found.append(f"{facts['clipped_ratio']:.4%} of it is clipped, {limits['clipping_ratio']:.4%} is allowed")
    if facts["dc"] > limits.get("dc_offset", 1.0):
        found.append(f"its DC offset is {facts['dc']:.4f}, {limits['dc_offset']} is allowed")
    return found
