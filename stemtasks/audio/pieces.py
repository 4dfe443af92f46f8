"""Pieces of a recording laid end to end with real overlap-add.

A strategy is a plan: which piece of the source sounds from which frame on. ``render`` plays a plan in
blocks; ``seam_figures`` then reads the finished file and holds every seam against the source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from stemtasks.audio.blocks import BLOCK_FRAMES, Block, Narrow
from stemtasks.audio.source import Source
from stemtasks.dsp import overlap as dsp
from stemtasks.errors import AudioError

MIN_SECONDS = 0.01
SILENCE_PEAK = 10 ** (-90 / 20)
END_FADE_MS = 5.0
LEVELLED_SECONDS = 0.04
ROUNDING_FRAMES = 2
"""A stem that differs from the target by so few frames differs by rounding alone."""
END_PEAK = 10 ** (-60 / 20)


class Extent(Protocol):
    """What can be known of a stem before it is made: where it will be, and how long it is."""

    path: Path
    frames: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece that sounds from output ``frame`` on, with source frame ``start`` (None: silence).

    For ``overlap`` frames it sounds together with the piece before. ``ring`` keeps it at full level from
    its first frame while the piece before rings out, for an attack that a fade would soften; otherwise the
    gains follow the law of ``dsp.overlap.gains`` for ``rho``. ``shift`` says by how many frames the
    alignment moved it. ``fills`` says that it only goes on with what was heard before, where a recording
    ends a little before the beat: nothing begins with it.
    """

    frame: int
    start: int | None
    overlap: int = 0
    rho: float = 0.0
    ring: bool = False
    shift: int = 0
    fills: bool = False


Plan = Callable[[], Iterator[Piece]]


@dataclass(frozen=True)
class Fit:
    """What a strategy returns: blocks of exactly the frames asked for, and facts for the record.

    ``plan`` yields the pieces behind the blocks, so that their seams can be measured in the finished file;
    ``beat_frames`` is the length of a beat of the stem's grid, or None without one.
    """

    blocks: Iterator[Narrow]
    facts: dict[str, Any]
    plan: Plan
    beat_frames: float | None = None
    grid_start: int = 0


@dataclass(frozen=True)
class Changed:
    """What a strategy returns that makes another stem first: its blocks and frames, and the strategy that fits it.

    It has the song's tempo. ``reason`` says in a few words how it was changed; ``facts`` are added to the fit's.
    """

    blocks: Iterator[Block]
    frames: int
    then: str
    reason: str
    facts: dict[str, Any]


def fit(
    source: Source,
    frames: int,
    plan: Plan,
    facts: dict[str, Any] | None = None,
    beat_frames: float | None = None,
    grid_start: int = 0,
) -> Fit:
    """Return the fit of a plan."""
    return Fit(render(source, plan, frames), facts or {}, plan, beat_frames, grid_start)


def seconds(frames: int, sample_rate: int) -> str:
    """Return a duration as a person reads it, exact enough to tell it from another."""
    return f"{frames / sample_rate:.3f} s"


def check_source(source: Source) -> None:
    """Raise AudioError for a source that no strategy can fit: empty, too short, or silent."""
    if source.frames < MIN_SECONDS * source.sample_rate:
        raise AudioError(
            f"{source.path}: {source.frames} frames ({1000 * source.frames / source.sample_rate:.1f} ms) are too short"
            f" to be fitted, at least {1000 * MIN_SECONDS:.0f} ms are needed: export the whole part again"
        )
    if not any(np.abs(block).max() > SILENCE_PEAK for block in source.blocks()):
        raise AudioError(f"{source.path}: it is silent throughout (below -90 dBFS): export it again, or leave it out")


def read(source: Source, start: int | None, frames: int) -> Block:
    """Return exactly ``frames`` frames: silence for None; past either end the recording's mirror, then silence.

    A mirror keeps the level and makes no step, where a fade needs a few ms more than were recorded.
    """
    if start is None:
        return np.zeros((frames, source.channels))
    if start >= 0 and start + frames <= source.frames:
        return source.read(start, frames)
    place = np.arange(start, start + frames)
    index = np.where(place < 0, -1 - place, np.where(place < source.frames, place, 2 * source.frames - 1 - place))
    valid = (index >= 0) & (index < source.frames)
    block = np.zeros((frames, source.channels))
    if valid.any():
        low, high = int(index[valid].min()), int(index[valid].max()) + 1
        block[valid] = source.read(low, high - low)[index[valid] - low]
    return block


def render(source: Source, plan: Plan, frames: int) -> Iterator[Narrow]:
    """Play a plan for exactly ``frames`` frames; each piece begins after the overlap before it has ended."""
    pieces = plan()
    current = next(pieces)
    position = 0
    while position < frames:
        following = next(pieces, None)
        stop = frames if following is None else min(following.frame, frames)
        while position < stop:
            count = min(BLOCK_FRAMES, stop - position)
            yield _played(source, source_frame(current, position), count)
            position += count
        if following is None:
            return
        stop = min(following.frame + following.overlap, frames)
        if _is_long(source, current, following):
            # its level is looked at as a whole
            mixed = _overlapped(source, current, following, following.frame, following.overlap)
            going, coming = (
                read(source, source_frame(each, following.frame), len(mixed)) for each in (current, following)
            )
            mixed = dsp.levelled(mixed, going, coming, source.sample_rate)
            yield from (
                mixed[at : min(at + BLOCK_FRAMES, stop - position)] for at in range(0, stop - position, BLOCK_FRAMES)
            )
            position = stop
        while position < stop:
            count = min(BLOCK_FRAMES, stop - position)
            yield _overlapped(source, current, following, position, count)
            position += count
        current = following


def _played(source: Source, start: int | None, frames: int) -> Narrow:
    """Return what ``read`` does, in float32 where that holds every sample of this file exactly."""
    if start is not None and start >= 0 and start + frames <= source.frames:
        return source.read_narrow(start, frames)
    return read(source, start, frames)


def source_frame(piece: Piece, frame: int) -> int | None:
    """Return the source frame that a piece plays at an output frame."""
    return None if piece.start is None else piece.start + frame - piece.frame


def _is_long(source: Source, before: Piece, after: Piece) -> bool:
    """Return whether two parts sound together for so long that their phases may wander."""
    sounds = before.start is not None and after.start is not None and not after.ring
    return sounds and after.overlap >= LEVELLED_SECONDS * source.sample_rate


def _overlapped(source: Source, before: Piece, after: Piece, frame: int, count: int) -> Block:
    """Return ``count`` frames of the overlap of two pieces."""
    place = frame - after.frame
    rho = 0.0 if after.ring else after.rho
    going, coming = dsp.gains(after.overlap, rho, place, place + count)
    mixed: Block = read(source, source_frame(before, frame), count) * going
    if after.start is not None:
        incoming = read(source, source_frame(after, frame), count)
        mixed += incoming if after.ring else incoming * coming
    return mixed


def ending(source: Source, last: Piece, frames: int, fade_ms: float) -> Iterator[Piece]:
    """Yield what ends ``last`` at ``frames``, or where its recording ends: a fade if it is heard, then silence."""
    assert last.start is not None
    stop = min(frames, last.frame + source.frames - last.start)
    fade = min(round(fade_ms * source.sample_rate / 1000.0), stop - last.frame - last.overlap)
    if fade > 0 and np.abs(read(source, source_frame(last, stop - fade), fade)).max() > END_PEAK:
        yield Piece(stop - fade, None, fade)
    elif stop < frames:
        yield Piece(stop, None)
