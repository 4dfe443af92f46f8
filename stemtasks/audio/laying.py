"""Pieces of several recordings on one timeline, which join where they touch: played in blocks, memory is a block's.

A plan yields the pieces in order; no two sound at once but where one is joined to the next. ``pieces.py`` does the same
with one recording, for strategies; here pieces come from anywhere, backward too, with gains of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stemtasks.audio.blocks import BLOCK_FRAMES, Block
from stemtasks.audio.material import Shelf, Span
from stemtasks.audio.pieces import LEVELLED_SECONDS
from stemtasks.audio.repeating import ATTACK_POWER, FOLD_SECONDS, short_where_opposed
from stemtasks.dsp import overlap as dsp

LOOK_FRAMES = 1 << 10
"""By how much a look at a piece is wider than what is looked at, so that looks side by side are one."""


@dataclass(frozen=True, slots=True)
class Ramp:
    """A gain over ``frames`` frames from ``frame`` of a piece on: from 0 to 1, or from 1 to 0; 0 or 1 around it."""

    frame: int
    frames: int
    is_out: bool = False
    curve: str = "smooth"


@dataclass(frozen=True, slots=True)
class Laid:
    """A piece that sounds from ``frame`` on for ``frames``; its first frame is the source's ``start`` (None: silence).

    Backward, the source is read down from there. ``overlap`` is for how long it should sound together with the piece
    that it touches before: from its first frame on, or, if ``early``, up to there.
    """

    frame: int
    frames: int
    span: Span | None
    start: int = 0
    is_reversed: bool = False
    gain: float = 1.0
    ramps: tuple[Ramp, ...] = ()
    overlap: int = 0
    early: bool = False

    @property
    def stop(self) -> int:
        """Return the frame after its last."""
        return self.frame + self.frames


@dataclass(frozen=True, slots=True)
class Joint:
    """How a piece begins where it touches the one before: both sound for ``overlap`` frames from ``frame`` on.

    ``ring`` keeps the piece at full level while the one before fades out, for an attack; else the gains follow the law
    of ``dsp.overlap.gains`` for ``rho``. None is a join of silence if ``is_heard`` is not set.
    """

    frame: int
    overlap: int
    rho: float = 0.0
    ring: bool = False
    is_heard: bool = False


Plan = Callable[[Shelf], Iterator[Laid]]


def render(shelf: Shelf, plan: Plan, frames: int) -> Iterator[Block]:
    """Play a plan for exactly ``frames`` frames, silence where nothing is laid."""
    position = 0
    for laid, joint in joined(shelf, plan):
        yield from _silence(shelf, min(laid.frame, frames) - position)
        position = max(position, min(laid.frame, frames))
        stop = min(laid.stop if joint is None else joint[0].frame, frames)
        while position < stop:
            count = min(BLOCK_FRAMES, stop - position)
            yield sounded(shelf, laid, position, count)
            position += count
        if joint is not None and position < frames:
            # an overlap is at most 10 s, and its level is looked at as a whole
            mixed = overlapped(shelf, laid, joint[1], joint[0])[: frames - position]
            yield from (mixed[at : at + BLOCK_FRAMES] for at in range(0, len(mixed), BLOCK_FRAMES))
            position += len(mixed)
    yield from _silence(shelf, frames - position)


def joined(shelf: Shelf, plan: Plan) -> Iterator[tuple[Laid, tuple[Joint, Laid] | None]]:
    """Yield each piece with the joint to the next, and that, where it touches one."""
    pieces = plan(shelf)
    current = next(pieces, None)
    while current is not None:
        following = next(pieces, None)
        touches = following is not None and following.frame == current.stop
        yield current, (joint_of(shelf, current, following), following) if following is not None and touches else None
        current = following


def joint_of(shelf: Shelf, before: Laid, after: Laid) -> Joint:
    """Return how two pieces that touch are joined; neither overlap takes more than half of a piece."""
    at, overlap = after.frame, min(after.overlap, before.frames // 2, after.frames // 2)
    if _goes_on(before, after):
        return Joint(at, 0)
    if overlap < 1 or before.span is None or after.span is None:
        return Joint(at - overlap if after.early else at, overlap, is_heard=None not in (before.span, after.span))
    start = at - overlap if after.early else at
    going, coming = (looked(shelf, each, start, overlap) for each in (before, after))
    fold = max(1, round(FOLD_SECONDS * shelf.stream.sample_rate))
    if not after.early and dsp.power(coming) >= ATTACK_POWER * dsp.power(going):
        incoming = looked(shelf, after, at, min(fold, after.frames))
        steps = float(np.abs(np.diff(incoming, axis=0)).max(initial=0.0))
        if np.abs(incoming[0] - going[0]).max() <= 2.0 * max(steps, dsp.STEP_FLOOR):
            return Joint(at, overlap, ring=True, is_heard=True)
        overlap = max(1, min(overlap, fold // 5))
        going, coming = going[:overlap], coming[:overlap]
    overlap, rho = short_where_opposed(going, coming, fold, from_end=after.early)
    return Joint(at - overlap if after.early else at, overlap, rho, is_heard=True)


def _goes_on(before: Laid, after: Laid) -> bool:
    """Return whether a piece is what the one before would have gone on with."""
    if before.span is None or after.span is None:
        return before.span is after.span
    ramps_end = all(not ramp.is_out and ramp.frame + ramp.frames <= before.frames for ramp in before.ramps)
    none_begun = all(ramp.is_out and ramp.frame >= 0 for ramp in after.ramps)
    step = -before.frames if before.is_reversed else before.frames
    return (
        after.start == before.start + step
        and replace(before.span, start=0, stop=0) == replace(after.span, start=0, stop=0)
        and (before.is_reversed, before.gain) == (after.is_reversed, after.gain)
        and ramps_end
        and none_begun
    )


def overlapped(shelf: Shelf, before: Laid, after: Laid, joint: Joint) -> Block:
    """Return what sounds while two pieces do."""
    going, coming = (sounded(shelf, each, joint.frame, joint.overlap) for each in (before, after))
    out, into = (
        dsp.gains(joint.overlap, 0.0 if joint.ring else joint.rho, 0, joint.overlap) if joint.overlap else (0, 0)
    )
    mixed: Block = going * out + (coming if joint.ring else coming * into)
    if joint.is_heard and not joint.ring and joint.overlap >= LEVELLED_SECONDS * shelf.stream.sample_rate:
        mixed = dsp.levelled(mixed, going, coming, shelf.stream.sample_rate)
    return mixed


def looked(shelf: Shelf, laid: Laid, frame: int, frames: int) -> Block:
    """Return what ``sounded`` does of a few frames, without reading more of a recording than those."""
    if laid.span is None:
        return np.zeros((frames, shelf.stream.channels))
    start = max(0, _source_frame(laid, frame, frames) - LOOK_FRAMES) // LOOK_FRAMES * LOOK_FRAMES
    stop = -(-(_source_frame(laid, frame, frames) + frames + LOOK_FRAMES) // LOOK_FRAMES) * LOOK_FRAMES
    span = Span(laid.span.path, start, max(start + LOOK_FRAMES, stop), laid.span.only_channel, laid.span.mono)
    return _played(shelf, laid, span, frame, frames)


def sounded(shelf: Shelf, laid: Laid, frame: int, frames: int) -> Block:
    """Return what a piece plays at output frames, before and behind its own too: with its gain and ramps."""
    if laid.span is None:
        return np.zeros((frames, shelf.stream.channels))
    return _played(shelf, laid, laid.span, frame, frames)


def _played(shelf: Shelf, laid: Laid, span: Span, frame: int, frames: int) -> Block:
    block = shelf.read(span, _source_frame(laid, frame, frames), frames)
    if laid.is_reversed:
        block = block[::-1]
    if laid.gain != 1.0:
        block = block * laid.gain
    place = frame - laid.frame
    for ramp in laid.ramps:
        if place < ramp.frame + ramp.frames if not ramp.is_out else place + frames > ramp.frame:
            block = block * _gains(ramp, place, frames)
    return block


def _source_frame(laid: Laid, frame: int, frames: int) -> int:
    """Return the lowest source frame of those that a piece plays at output frames."""
    place = frame - laid.frame
    return laid.start - place - frames + 1 if laid.is_reversed else laid.start + place


def _gains(ramp: Ramp, place: int, frames: int) -> NDArray[np.float64]:
    """Return the gains of ``frames`` frames of a piece, shape (frames, 1)."""
    t = np.clip((np.arange(place, place + frames)[:, None] - ramp.frame + 0.5) / ramp.frames, 0.0, 1.0)
    if ramp.is_out:
        t = 1.0 - t
    if ramp.curve == "equal_power":
        return np.sin(t * (np.pi / 2))
    if ramp.curve == "exponential":
        return np.asarray((1000.0**t - 1.0) / 999.0)
    return t if ramp.curve == "linear" else t * t * (3.0 - 2.0 * t)


def _silence(shelf: Shelf, frames: int) -> Iterator[Block]:
    while frames > 0:
        yield np.zeros((min(frames, BLOCK_FRAMES), shelf.stream.channels))
        frames -= BLOCK_FRAMES
