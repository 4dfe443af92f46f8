"""The loudness of a finished file, read back in blocks (ITU-R BS.1770-5, EBU R128)."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from stemtasks.audio.blocks import all_finite
from stemtasks.audio.facts import Facts
from stemtasks.audio.levels import Listener, measure_levels
from stemtasks.audio.source import Source
from stemtasks.dsp.loudness import LoudnessMeter

LOUDNESS = ("lufs", "lra_lu", "max_momentary_lufs", "max_short_term_lufs")


def measure_levels_and_loudness(
    path: str | Path, listener: Listener | None = None, over_time: Path | None = None
) -> Facts:
    """Return the facts of ``measure_levels`` and those of ``LOUDNESS``, read by a second thread at the same time."""
    with ThreadPoolExecutor(1, "loudness") as thread:
        loudness = thread.submit(measure_loudness, path, over_time)
        return measure_levels(path, listener) | loudness.result()


def measure_loudness(path: str | Path, over_time: Path | None = None) -> Facts:
    """Return the integrated ``lufs`` and the others of ``LOUDNESS``; None for silence, or for less than a window.

    ``over_time`` is a file to write the loudness over time to (``_over_time``).
    """
    with Source(path) as source:
        meter = LoudnessMeter(source.sample_rate, source.channels)
        for block in source.blocks():
            meter(block if all_finite(block) else np.where(np.isfinite(block), block, 0.0))
        if over_time is not None:
            over_time.write_text(_over_time(meter, source.sample_rate), encoding="utf-8")
    figures = meter.integrated(), meter.loudness_range(), meter.max_momentary(), meter.max_short_term()
    rounded = [None if figure is None else round(figure, 3) for figure in figures]
    return dict(zip(LOUDNESS, rounded, strict=True))


def _over_time(meter: LoudnessMeter, sample_rate: int) -> str:
    """Return as JSON, to 0.1 LU, the loudness of the 400 ms and of the 3 s before the end of each step of 100 ms.

    Entry ``i`` is at ``(i + 1) * step_frames / sample_rate`` seconds; null where less than that has passed, or below
    -70 LUFS. An hour has less than half a megabyte.
    """
    kept = {"momentary_lufs": meter.momentary(), "short_term_lufs": meter.short_term()}
    lists = {
        name: [None if value != value else round(value, 1) for value in all_.tolist()] for name, all_ in kept.items()
    }
    return (
        json.dumps({"sample_rate": sample_rate, "step_frames": meter.step_frames} | lists, separators=(",", ":")) + "\n"
    )
