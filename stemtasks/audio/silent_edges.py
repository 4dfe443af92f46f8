"""The edges of a laid piece that nothing touches: faded, so that none clicks, but for attacks and quiet ends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from stemtasks.audio.laying import Laid, Ramp, looked
from stemtasks.audio.material import Shelf
from stemtasks.audio.pieces import END_PEAK
from stemtasks.audio.recording import HIT_POWER

EDGE_MS = 5.0
"""The fade where nothing else is said."""


def before_it(laid: Laid, recorded: int) -> int:
    """Return the frames that a recording of ``recorded`` frames has before what a piece plays first."""
    return recorded - 1 - laid.start if laid.is_reversed else laid.start


def faded_in(shelf: Shelf, laid: Laid, recorded: int, fade: int | None = None, curve: str = "smooth") -> Laid:
    """Return a piece with a fade-in; without one given, of 5 ms where the recording was cut, unless it is an attack."""
    if fade is None:
        fade = _edge(shelf, laid)
        near = min(fade, before_it(laid, recorded))
        outside, inside = (looked(shelf, laid, frame, near) for frame in (laid.frame - near, laid.frame))
        powers = [float(np.einsum("ij,ij->", block, block)) for block in (outside, inside)]
        if not near or (powers[1] > 0.0 and powers[1] >= HIT_POWER * powers[0]):
            return laid
    return _with(laid, Ramp(0, min(fade, laid.frames), curve=curve))


def faded_out(shelf: Shelf, laid: Laid, recorded: int, fade: int | None = None, curve: str = "smooth") -> Laid:
    """Return a piece with a fade-out; without one given, of 5 ms, unless the recording ends there and is quiet."""
    if fade is None:
        fade = _edge(shelf, laid)
        last = laid.start - laid.frames if laid.is_reversed else laid.start + laid.frames
        is_its_own = last < 0 if laid.is_reversed else last >= recorded
        if is_its_own and fade and np.abs(looked(shelf, laid, laid.stop - fade, fade)).max() <= END_PEAK:
            return laid
    fade = min(fade, laid.frames)
    return _with(laid, Ramp(laid.frames - fade, fade, is_out=True, curve=curve))


def _edge(shelf: Shelf, laid: Laid) -> int:
    return min(round(EDGE_MS * shelf.stream.sample_rate / 1000.0), laid.frames // 2)


def _with(laid: Laid, ramp: Ramp) -> Laid:
    return replace(laid, ramps=(*laid.ramps, ramp)) if ramp.frames and laid.span is not None else laid
