"""Files added frame by frame, each at its gain: what a mix and a group are before their effects."""

from __future__ import annotations

from typing import Any

import numpy as np

from stemtasks.audio.blocks import BLOCK_FRAMES, Blocks
from stemtasks.audio.source import Source
from stemtasks.errors import AudioError


def check_alike(stems: dict[str, Source], params: dict[str, Any]) -> None:
    """Raise AudioError naming both stems where two differ, or a stem and what the song asks for."""
    first_name, first = next(iter(stems.items()))
    for name, stem in stems.items():
        for what in ("frames", "sample_rate", "channels"):
            found, expected = getattr(stem, what), getattr(first, what)
            if found != expected:
                raise AudioError(
                    f"{what} of stem {name!r} is {found}, of stem {first_name!r} {expected}; "
                    "stems are summed frame by frame: process both for the same song"
                )
    for what in ("sample_rate", "channels"):
        if getattr(first, what) != params[what]:
            raise AudioError(
                f"{what} of stem {first_name!r} is {getattr(first, what)}, the song's is {params[what]}; "
                "process it for this song"
            )


def sum_of(stems: dict[str, Source], gains: dict[str, float]) -> Blocks:
    """Yield the sum in float64, added in the order of the names: the first gain times the stems at their ratios to it.

    So faders that stand alike are one multiplication.
    """
    first, *others = stems
    for start in range(0, stems[first].frames, BLOCK_FRAMES):
        total = stems[first].read(start, BLOCK_FRAMES)
        # what is no number is found by measuring the sum
        with np.errstate(invalid="ignore"):
            for name in others:
                block, ratio = stems[name].read_narrow(start, len(total)), gains[name] / gains[first]
                total += block if ratio == 1.0 else np.multiply(block, ratio, dtype=np.float64)
            if gains[first] != 1.0:
                total *= gains[first]
        yield total
