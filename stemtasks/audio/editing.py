"""A list of edits of one recording as pieces of it that can be laid (``laying.py``); the recording is never changed.

All times are the recording's. What is silenced, replaced, cut, moved or reversed may not overlap; gains and fades may.
An insert and a replacement copy the recording as it is, whatever is done to it there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

from stemtasks.audio.blocks import Stream
from stemtasks.audio.laying import Laid, Plan, Ramp
from stemtasks.audio.material import Shelf, Span, frames_of
from stemtasks.audio.silent_edges import faded_in, faded_out
from stemtasks.audio.times import length_seconds
from stemtasks.errors import SpecError
from stemtasks.timeline import Timeline, clock

LOUDNESS = ("gain", "fade_in", "fade_out")
ROUNDING_FRAMES = 2


@dataclass(frozen=True, slots=True)
class Edit:
    """An edit, checked, in frames of the recording at the song's rate."""

    number: int
    do: str
    start: int
    stop: int
    at: int
    copied: int
    gain: float
    curve: str

    @property
    def keeps_place(self) -> bool:
        """Return whether it changes nothing but how loud its part is."""
        return self.do in LOUDNESS


@dataclass(frozen=True, slots=True)
class _Piece:
    """A piece of what comes out: frames of the recording from ``start`` on (None: silence)."""

    frames: int
    start: int | None
    is_reversed: bool = False
    gain: float = 1.0
    ramps: tuple[Ramp, ...] = ()
    is_edited: bool = False


@dataclass(frozen=True)
class Edited:
    """The plan of an edited recording, and its frames."""

    plan: Plan
    frames: int


def edited(
    stream: Stream,
    path: str,
    edits: list[dict[str, Any]],
    overlap_ms: float,
    places: Timeline | None = None,
    silence: int = 0,
    only_channel: int | None = None,
    mono: bool = False,
) -> Edited:
    """Return a recording with edits as they are bound (``spec/clip_tables.py``) as a plan, behind ``silence`` frames.

    Raises SpecError that names the edit and the key, and AudioError for a recording that cannot be read.
    """
    recorded = frames_of(path, stream, only_channel, mono)
    found = [_checked(number, edit, path, recorded, stream, places) for number, edit in enumerate(edits)]
    _refuse_overlaps([each for each in found if not each.keeps_place and each.do != "insert"], found, stream)
    pieces = tuple(_merged(_pieces(found, recorded)))
    frames = sum(piece.frames for piece in pieces)
    if not frames:
        raise SpecError("edits: they cut all of the recording; leave some of it")
    span = Span(path, 0, recorded, only_channel, mono)
    overlap = round(overlap_ms * stream.sample_rate / 1000.0)
    return Edited(partial(_laid, pieces, span, recorded, overlap, silence), silence + frames)


def _checked(
    number: int, edit: dict[str, Any], path: str, recorded: int, stream: Stream, places: Timeline | None
) -> Edit:
    frames: dict[str, int] = {}
    for key in ("from", "to", "at", "with"):
        if edit[key] is None:
            continue
        frame = round(length_seconds(edit[key], places) * stream.sample_rate)
        if frame > recorded + ROUNDING_FRAMES:
            lasts = f"{path} lasts {_clock(recorded, stream)}"
            raise SpecError(f"edits[{number}].{key}: {_clock(frame, stream)} is not in it: {lasts}; give a time in it")
        frames[key] = min(frame, recorded)
    if frames["to"] <= frames["from"]:
        raise SpecError(
            f"edits[{number}].to: {_clock(frames['to'], stream)} is not after its start, "
            f"{_clock(frames['from'], stream)}; give a later time"
        )
    length = frames["to"] - frames["from"]
    copied = frames.get("with", 0)
    if copied + length > recorded:
        raise SpecError(
            f"edits[{number}].with: the copy would end at {_clock(copied + length, stream)}, but {path} lasts "
            f"{_clock(recorded, stream)}; begin it earlier"
        )
    gain = 10.0 ** ((edit["gain_db"] or 0.0) / 20.0)
    curve = edit["curve"] or "smooth"
    return Edit(number, edit["do"], frames["from"], frames["to"], frames.get("at", 0), copied, gain, curve)


def _refuse_overlaps(changing: list[Edit], edits: list[Edit], stream: Stream) -> None:
    """Raise SpecError for two edits that both decide what is heard somewhere, and for a place inside one."""
    ordered = sorted(changing, key=lambda edit: edit.start)
    for first, second in pairwise(ordered):
        if second.start < first.stop:
            raise SpecError(
                f"edits[{second.number}]: it begins at {_clock(second.start, stream)}, inside edits[{first.number}], "
                f"{_clock(first.start, stream)} to {_clock(first.stop, stream)}; have them not overlap"
            )
    for edit in edits:
        if edit.do not in ("insert", "move"):
            continue
        inside = next((each for each in ordered if each.start < edit.at < each.stop), None)
        if inside is not None:
            raise SpecError(
                f"edits[{edit.number}].at: {_clock(edit.at, stream)} lies inside edits[{inside.number}], "
                f"{_clock(inside.start, stream)} to {_clock(inside.stop, stream)}; put it at one of its ends"
            )


def _pieces(edits: list[Edit], recorded: int) -> Iterator[_Piece]:
    """Yield what comes out, piece by piece: the recording's own order, with what is put in between."""
    points = {0, recorded}
    begins: dict[int, list[Edit]] = defaultdict(list)
    put: dict[int, list[Edit]] = defaultdict(list)
    for edit in edits:
        if edit.do != "insert":
            points |= {edit.start, edit.stop}
            begins[edit.start].append(edit)
        if edit.do in ("insert", "move"):
            points.add(edit.at)
            put[edit.at].append(edit)
    moved: dict[int, list[_Piece]] = defaultdict(list)
    order = sorted(points)
    own: list[tuple[int, list[_Piece]]] = []
    active: list[Edit] = []
    for start, stop in pairwise(order):
        active = [edit for edit in active if edit.stop > start] + begins[start]
        piece, mover = _own_piece(start, stop, active)
        if mover is not None and piece is not None:
            moved[mover.number].append(piece)
            piece = None
        own.append((start, [piece] if piece is not None else []))
    for point, pieces in [*own, (recorded, [])]:
        for edit in put[point]:
            if edit.do == "insert":
                yield _Piece(edit.stop - edit.start, edit.start, is_edited=True)
            else:
                yield from moved[edit.number]
        yield from pieces


def _own_piece(start: int, stop: int, active: list[Edit]) -> tuple[_Piece | None, Edit | None]:
    """Return what comes out in place of a part of the recording on which the same edits work, and what moves it."""
    piece: _Piece | None = _Piece(stop - start, start)
    mover = None
    for edit in active:
        if edit.keeps_place:
            continue
        if edit.do == "silence":
            piece = _Piece(stop - start, None, is_edited=True)
        elif edit.do == "replace":
            piece = _Piece(stop - start, edit.copied + start - edit.start, is_edited=True)
        elif edit.do == "reverse":
            piece = _Piece(stop - start, edit.stop - 1 - (start - edit.start), is_reversed=True, is_edited=True)
        elif edit.do == "move":
            piece, mover = _Piece(stop - start, start, is_edited=True), edit
        else:
            piece = None
    if piece is None or piece.start is None:
        return piece, mover
    for edit in active:
        if edit.do == "gain":
            piece = replace(piece, gain=piece.gain * edit.gain, is_edited=True)
        elif edit.keeps_place:
            ramp = Ramp(edit.start - start, edit.stop - edit.start, edit.do == "fade_out", edit.curve)
            piece = replace(piece, ramps=(*piece.ramps, ramp), is_edited=True)
    return piece, mover


def _merged(pieces: Iterator[_Piece]) -> Iterator[_Piece]:
    """Yield the pieces, those as one that the recording goes on in."""
    last: _Piece | None = None
    for piece in pieces:
        if last is not None and _goes_on(last, piece):
            last = replace(last, frames=last.frames + piece.frames)
            continue
        if last is not None:
            yield last
        last = piece
    if last is not None:
        yield last


def _goes_on(before: _Piece, after: _Piece) -> bool:
    if before.start is None or after.start is None:
        return before.start is after.start
    alike = (before.is_reversed, before.gain, before.is_edited) == (after.is_reversed, after.gain, after.is_edited)
    step = -before.frames if before.is_reversed else before.frames
    if not alike or after.start != before.start + step:
        return False
    return after.ramps == tuple(replace(ramp, frame=ramp.frame - before.frames) for ramp in before.ramps)


def _laid(
    pieces: tuple[_Piece, ...], span: Span, recorded: int, overlap: int, silence: int, shelf: Shelf
) -> Iterator[Laid]:
    """Yield the pieces where they sound.

    An edited piece overlaps inside itself with what is around it, which stays as it was recorded; two that are not
    overlap before the second, whose attack stays whole.
    """
    position = silence
    for index, piece in enumerate(pieces):
        is_first, is_last = index == 0, index == len(pieces) - 1
        laid = Laid(
            frame=position,
            frames=piece.frames,
            span=None if piece.start is None else span,
            start=piece.start or 0,
            is_reversed=piece.is_reversed,
            gain=piece.gain,
            ramps=piece.ramps,
            overlap=overlap,
            early=not piece.is_edited,
        )
        if is_first and not (piece.start == 0 and not piece.is_reversed):
            laid = faded_in(shelf, laid, recorded)
        if is_last and (piece.start is None or piece.is_reversed or piece.start + piece.frames != recorded):
            laid = faded_out(shelf, laid, recorded)
        yield laid
        position += piece.frames


def _clock(frames: int, stream: Stream) -> str:
    return clock(1000 * frames / stream.sample_rate)
