"""Fade: in from silence at the start, out to silence at the end."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stemtasks.audio.blocks import Blocks, Stream
from stemtasks.units import TimeMs

PER_CHANNEL = True

Curve = Literal["linear", "equal_power", "exponential"]


def fade(
    blocks: Blocks,
    stream: Stream,
    *,
    in_ms: TimeMs = 0.0,
    out_ms: TimeMs = 0.0,
    curve: Literal["linear", "equal_power", "exponential"] = "linear",
) -> Blocks:
    """Fade in from frame 0 and out to the last of ``stream.frames``; what rings on after a fade-out is silenced.

    Parameters
    ----------
    in_ms
        Length of the fade-in; frame 0 is silent.
    out_ms
        Length of the fade-out, which ends with the song's timeline and not with an earlier effect's tail.
    curve
        Gain at t from 0 to 1: linear (-6 dB at the middle), equal_power (sine, -3 dB at the middle),
        exponential (even in decibels over 60 dB, -30 dB at the middle).
    """
    in_frames = round(in_ms * stream.sample_rate / 1000)
    out_frames = round(out_ms * stream.sample_rate / 1000)
    position = 0
    for block in blocks:
        stop = position + len(block)
        faded = block
        if in_frames and position < in_frames:
            faded = faded * _gain(np.arange(position, stop) / in_frames, curve)
        if out_frames and stop > stream.frames - out_frames:
            faded = faded * _gain((stream.frames - 1 - np.arange(position, stop)) / out_frames, curve)
        yield faded
        position = stop


def _gain(t: NDArray[np.float64], curve: Curve) -> NDArray[np.float64]:
    """Return the gain, shape (frames, 1), 0 at t <= 0 and 1 at t >= 1."""
    t = np.clip(t, 0.0, 1.0)[:, None]
    if curve == "equal_power":
        return np.sin(t * (np.pi / 2))
    if curve == "exponential":
        return (1000.0**t - 1.0) / 999.0
    return t
