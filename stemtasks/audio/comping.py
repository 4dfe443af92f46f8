"""Clips on a song's timeline as pieces that can be laid (``laying.py``): one is heard at a time.

Where a clip begins while another sounds, it takes its place; where it ends before that one, that one is heard again.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from stemtasks.audio.blocks import Stream
from stemtasks.audio.laying import LOOK_FRAMES, Laid, Plan
from stemtasks.audio.material import Shelf, Span, frames_of
from stemtasks.audio.silent_edges import before_it, faded_in, faded_out
from stemtasks.audio.times import length_seconds, place_seconds
from stemtasks.errors import SpecError
from stemtasks.timeline import Timeline, clock

MOST_OVERLAP_SECONDS = 10.0
ROUNDING_FRAMES = 2
"""By how much a length in bars may be more than a recording of as many."""


@dataclass(frozen=True)
class Clip:
    """A clip, checked, in frames of the song; ``period`` is the exact length of a repetition."""

    number: int
    at: int
    stop: int
    span: Span
    start: int
    frames: int
    period: float
    recorded: int
    gain: float
    fade_in: int | None
    fade_out: int | None
    curve: str
    is_reversed: bool


@dataclass(frozen=True)
class Comp:
    """Clips that lie on the timeline, the plan of what is heard of them, and its frames."""

    clips: tuple[Clip, ...]
    plan: Plan
    frames: int


def comp(
    stream: Stream,
    clips: list[dict[str, Any]],
    overlap_ms: float,
    places: Timeline | None = None,
    own_frames: int | None = None,
) -> Comp:
    """Return clips as they are bound (``spec/clip_tables.py``), their files being paths, as a plan.

    Raises SpecError that names the clip and the key, and AudioError for a recording that cannot be read.
    """
    overlap = round(overlap_ms * stream.sample_rate / 1000.0)
    recorded: dict[str, int] = {}
    found: list[Clip] = []
    for number, clip in enumerate(clips):
        path = clip.get("file") or clip["stem"]
        if path not in recorded:
            recorded[path] = frames_of(path, stream)
        behind = found[-1].stop if found else 0
        found.append(_checked(number, clip, path, recorded[path], stream.sample_rate, overlap, behind, places))
    if not found:
        raise SpecError("clips: there is none; give at least one")
    frames = max(clip.stop for clip in found)
    if own_frames is not None:
        late = next((clip for clip in found if clip.stop > own_frames), None)
        if late is not None:
            raise SpecError(
                f"clips[{late.number}]: it ends at {_clock(late.stop, stream)}, after the stem's duration, "
                f"{_clock(own_frames, stream)}: take less of it, or give a longer duration"
            )
        frames = own_frames
    ordered = tuple(sorted(found, key=lambda clip: clip.at))
    return Comp(ordered, partial(_pieces, ordered, overlap), frames)


def _checked(
    number: int,
    clip: dict[str, Any],
    path: str,
    recorded: int,
    rate: int,
    overlap: int,
    behind: int,
    places: Timeline | None,
) -> Clip:
    where = f"clips[{number}]"
    lasts = f"{path} lasts {clock(1000 * recorded / rate)}"
    start = round(length_seconds(clip["from"], places) * rate)
    if start >= recorded:
        raise SpecError(f"{where}.from: {clock(1000 * start / rate)} is not in it: {lasts}; begin before its end")
    period = float(recorded - start)
    if clip["length"] is not None:
        period = length_seconds(clip["length"], places) * rate
        if round(period) < 1:
            raise SpecError(f"{where}.length: is less than a frame; leave it out to take all")
        if start + round(period) > recorded + ROUNDING_FRAMES:
            end = clock(1000 * (start + period) / rate)
            raise SpecError(f"{where}.length: it would end at {end} of it, but {lasts}; take less, or leave it out")
    frames = round(period)
    at = behind if clip["at"] is None else round(place_seconds(clip["at"], places) * rate)
    stop = at + frames
    if clip["repeat_until"] is not None:
        stop = round(place_seconds(clip["repeat_until"], places) * rate)
        if stop <= at:
            until = f"{clock(1000 * stop / rate)} is not after its start, {clock(1000 * at / rate)}"
            raise SpecError(f"{where}.repeat_until: {until}; give a later place")
    fades = {}
    for key in ("fade_in", "fade_out"):
        fades[key] = None if clip[key] is None else round(length_seconds(clip[key], places) * rate)
        if (fades[key] or 0) > min(frames, stop - at):
            raise SpecError(f"{where}.{key}: is longer than the clip; give at most its length")
    reach = max(overlap, *(fade or 0 for fade in fades.values())) + LOOK_FRAMES
    return Clip(
        number=number,
        at=at,
        stop=stop,
        span=Span(path, max(0, start - reach), start + frames + reach),
        start=start,
        frames=frames,
        period=period,
        recorded=recorded,
        gain=10.0 ** (clip["gain_db"] / 20.0) if clip["gain_db"] else 1.0,
        curve=clip["curve"],
        is_reversed=clip["reverse"],
        **fades,
    )


def hidden(ordered: tuple[Clip, ...]) -> Iterator[str]:
    """Yield that a clip is not heard at all, because others lie over it."""
    heard = {clip.number for clip, _, _ in heard_parts(ordered)}
    for number in sorted(clip.number for clip in ordered if clip.number not in heard):
        yield f"clips[{number}] is not heard: others that begin later, or behind it in the list, lie over all of it"


def heard_parts(ordered: tuple[Clip, ...]) -> Iterator[tuple[Clip, int, int]]:
    """Yield what is heard of clips in the order of their starts: a clip, from which frame, to which."""
    sounding: list[tuple[int, Clip]] = []
    position = 0
    for place, clip in enumerate((*ordered, None)):
        until = max(each.stop for each in ordered) if clip is None else clip.at
        while sounding and position < until:
            top = sounding[0][1]
            stop = min(top.stop, until)
            if stop > position:
                yield top, position, stop
                position = stop
            if top.stop <= position:
                heapq.heappop(sounding)
        position = max(position, until)
        if clip is not None:
            heapq.heappush(sounding, (-place, clip))


@dataclass(frozen=True, slots=True)
class _Part:
    laid: Laid
    clip: Clip


def _pieces(ordered: tuple[Clip, ...], overlap: int, shelf: Shelf) -> Iterator[Laid]:
    """Yield the pieces that are heard, with their overlaps and the fades of edges that nothing touches."""
    before: _Part | None = None
    parts = _parts(ordered)
    current = next(parts, None)
    while current is not None:
        following = next(parts, None)
        laid, clip = current.laid, current.clip
        if before is not None and before.laid.stop == laid.frame:
            shared, early = _overlap(before, current, overlap, shelf.stream.sample_rate)
            laid = replace(laid, overlap=shared, early=early)
        else:
            laid = faded_in(shelf, laid, clip.recorded, clip.fade_in, clip.curve)
        if following is None or following.laid.frame != laid.stop:
            laid = faded_out(shelf, laid, clip.recorded, clip.fade_out, clip.curve)
        yield laid
        before, current = current, following


def _parts(ordered: tuple[Clip, ...]) -> Iterator[_Part]:
    """Yield the pieces that are heard, one for each repetition."""
    for clip, start, stop in heard_parts(ordered):
        turn = max(0, int((start - clip.at) / clip.period) - 1)
        position = start
        while position < stop:
            begun, end = (clip.at + round(each * clip.period) for each in (turn, turn + 1))
            turn += 1
            if end <= position:
                continue
            place = position - begun
            source = clip.start + clip.frames - 1 - place if clip.is_reversed else clip.start + place
            frames = min(end, stop) - position
            yield _Part(Laid(position, frames, clip.span, source, clip.is_reversed, clip.gain), clip)
            position += frames


def _overlap(before: _Part, after: _Part, overlap: int, rate: int) -> tuple[int, bool]:
    """Return for how long two pieces overlap, and whether up to where the second begins, or from there on."""
    first, second, at = before.clip, after.clip, after.laid.frame
    most = round(MOST_OVERLAP_SECONDS * rate)
    if first is second:
        return min(overlap, most), before_it(after.laid, second.recorded) >= overlap
    if second.at < at:  # it is heard again
        return min(overlap if first.fade_out is None else first.fade_out, most), True
    under = first.stop - at
    fades = [second.fade_in, first.fade_out if first.stop <= second.stop else None]
    said = [fade for fade in fades if fade is not None]
    wanted = min(max(said) if said else overlap, most)
    if under > 0:
        return min(wanted, under), False
    return wanted, before_it(after.laid, second.recorded) >= wanted


def _clock(frames: int, stream: Stream) -> str:
    return clock(1000 * frames / stream.sample_rate)
