"""Fills a stem with silence at the end."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from stemtasks.audio.blocks import Stream
from stemtasks.audio.pieces import Extent, Fit, Piece, ending, fit, seconds
from stemtasks.audio.source import Source
from stemtasks.errors import AudioError
from stemtasks.units import TimeMs


def zero_pad(source: Source, frames: int, stream: Stream, *, fade_ms: TimeMs = 5.0) -> Fit:
    """Add silence after the stem until the target's length.

    Parameters
    ----------
    fade_ms
        Length of the fade at the stem's end, made only where it ends above -60 dBFS and would click.
    """
    check(source, frames, stream)
    padding = frames - source.frames
    return fit(source, frames, partial(_pieces, source, frames, fade_ms), {"padding_frames": padding})


def check(source: Extent, frames: int, stream: Stream) -> None:
    """Refuse a stem that is longer than the target."""
    if source.frames > frames:
        raise AudioError(
            f"{source.path}: {seconds(source.frames, stream.sample_rate)} are longer than the target's"
            f" {seconds(frames, stream.sample_rate)}: use the strategy truncate"
        )


def _pieces(source: Source, frames: int, fade_ms: float) -> Iterator[Piece]:
    """Yield the recording, its fade where it needs one, and silence."""
    whole = Piece(0, 0)
    yield whole
    yield from ending(source, whole, frames, fade_ms) if source.frames < frames else ()
