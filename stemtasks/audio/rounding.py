"""How far a sample may be from what was written, by its subtype and dither alone."""

from __future__ import annotations

from typing import Any

from stemtasks.audio.wav import SUBTYPE_BITS
from stemtasks.dsp import noise_shaping

FLOAT_ROUNDING = 2.0**-24
"""Of float32, relative to what is rounded."""
DITHERED_STEPS = 1.5
"""How far rounding with triangular noise of +-1 step is off, at most."""


def largest_error(params: dict[str, Any], highest: float) -> float:
    """Return how far a sample may be off that was only rounded (and dithered), full scale being 1.

    ``params`` has ``subtype``, ``dither`` and ``sample_rate``; ``highest`` is the largest sample.
    """
    if params["subtype"] == "FLOAT":
        return FLOAT_ROUNDING * max(1.0, highest)
    taps = noise_shaping.taps(params["sample_rate"]) if params["dither"] == "shaped" else None
    steps = 0.5 if params["dither"] == "off" else DITHERED_STEPS
    # what is fed back of errors that are as large each; full scale is a step above the highest that there is
    steps *= 1.0 + sum(map(abs, taps or ()))
    return (steps + 1.0) * 2.0 ** (1 - SUBTYPE_BITS[params["subtype"]])
