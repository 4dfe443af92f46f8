"""The loudness of a finished file, read back in blocks (ITU-R BS.1770-5, EBU R128)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from stemtasks.audio.blocks import all_finite
from stemtasks.audio.facts import Facts
from stemtasks.audio.levels import Listener, measure_levels
from stemtasks.audio.source import Source
from stemtasks.dsp.loudness import LoudnessMeter

LOUDNESS = ("lufs", "lra_lu", "max_momentary_lufs", "max_short_term_lufs")


def measure_levels_and_loudness(path: str | Path, listener: Listener | None = None) -> Facts:
    """Return the facts of ``measure_levels`` and those of ``LOUDNESS``, read by a second thread at the same time."""
    with ThreadPoolExecutor(1, "loudness") as thread:
        loudness = thread.submit(measure_loudness, path)
        return measure_levels(path, listener) | loudness.result()


def measure_loudness(path: str | Path) -> Facts:
    """Return the integrated ``lufs`` and the others of ``LOUDNESS``; None for silence, or for less than a window."""
    with Source(path) as source:
        meter = LoudnessMeter(source.sample_rate, source.channels)
        for block in source.blocks():
            meter(block if all_finite(block) else np.where(np.isfinite(block), block, 0.0))
    figures = meter.integrated(), meter.loudness_range(), meter.max_momentary(), meter.max_short_term()
    rounded = [None if figure is None else round(figure, 3) for figure in figures]
    return dict(zip(LOUDNESS, rounded, strict=True))
