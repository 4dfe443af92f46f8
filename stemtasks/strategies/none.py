"""Takes a stem as it is: its duration must already be the target's."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from stemtasks.audio.blocks import Stream
from stemtasks.audio.pieces import END_FADE_MS, Extent, Fit, Piece, ending, fit, seconds
from stemtasks.audio.source import Source
from stemtasks.errors import AudioError
from stemtasks.units import TimeMs


def none(source: Source, frames: int, stream: Stream, *, tolerance_ms: TimeMs = 10.0) -> Fit:
    """Take the stem as it is, cut or filled with silence only within the tolerance.

    Parameters
    ----------
    tolerance_ms
        How far the stem's duration may be from the target's; what differs is cut or filled at the end.
    """
    check(source, frames, stream, tolerance_ms=tolerance_ms)
    return fit(source, frames, partial(_pieces, source, frames), {"difference_frames": source.frames - frames})


def check(source: Extent, frames: int, stream: Stream, *, tolerance_ms: float) -> None:
    """Refuse a stem whose duration is not the target's."""
    rate = stream.sample_rate
    difference = source.frames - frames
    if abs(difference) > tolerance_ms * rate / 1000.0:
        ways = "truncate" if difference > 0 else "zero_pad, loop, crossfade"
        raise AudioError(
            f"{source.path}: {seconds(source.frames, rate)}, the target {seconds(frames, rate)}, and the strategy"
            f" none allows {tolerance_ms:g} ms between them: use {ways} or auto, or render it at the target's length"
        )


def _pieces(source: Source, frames: int) -> Iterator[Piece]:
    """Yield the recording, with a fade where it is cut or ends too early."""
    whole = Piece(0, 0)
    yield whole
    yield from ending(source, whole, frames, END_FADE_MS) if source.frames != frames else ()
