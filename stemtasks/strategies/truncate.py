"""Cuts a stem at the target's length."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from stemtasks.audio.blocks import Stream
from stemtasks.audio.pieces import Extent, Fit, Piece, ending, fit, seconds
from stemtasks.audio.source import Source
from stemtasks.errors import AudioError
from stemtasks.units import TimeMs


def truncate(source: Source, frames: int, stream: Stream, *, fade_ms: TimeMs = 20.0) -> Fit:
    """Cut the stem at the target's length, with a fade before the cut.

    Parameters
    ----------
    fade_ms
        Length of the fade that ends at the cut; 0 cuts hard.
    """
    check(source, frames, stream)
    return fit(source, frames, partial(_pieces, source, frames, fade_ms), {"cut_frames": source.frames - frames})


def check(source: Extent, frames: int, stream: Stream) -> None:
    """Refuse a stem that is shorter than the target."""
    if source.frames < frames:
        raise AudioError(
            f"{source.path}: {seconds(source.frames, stream.sample_rate)} are shorter than the target's"
            f" {seconds(frames, stream.sample_rate)}: use zero_pad, loop, crossfade or auto"
        )


def _pieces(source: Source, frames: int, fade_ms: float) -> Iterator[Piece]:
    """Yield the recording and the fade before the cut."""
    whole = Piece(0, 0)
    yield whole
    yield from ending(source, whole, frames, fade_ms) if source.frames > frames else ()
