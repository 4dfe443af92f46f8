"""A stem of pieces of recordings and of other stems, each at its place in the song."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stemtasks.audio.blocks import Blocks, Stream
from stemtasks.audio.comping import comp, hidden
from stemtasks.audio.join_figures import Audio, measure_joins
from stemtasks.audio.laying import render
from stemtasks.audio.material import Shelf
from stemtasks.timeline import Timeline
from stemtasks.units import Clips, OverlapMs


def clips(
    stream: Stream,
    *,
    clips: Clips,
    overlap_ms: OverlapMs = 20.0,
    places: Timeline | None = None,
    own_frames: int | None = None,
) -> Blocks:
    """Yield clips on the song's timeline, to the end of the last one, or to the stem's duration.

    One clip is heard at a time. Where a clip begins while another sounds, it takes its place; where it ends before
    that one, that one is heard again. What touches is joined by a crossfade whose curve follows the correlation of
    both (``dsp/overlap.py``).

    Parameters
    ----------
    clips
        The pieces, in any order. Times in them are seconds, or text such as '0:03.2', '4 bars', '17.1' or 'chorus'.
    overlap_ms
        How long two clips sound together where they touch, or where one begins while another sounds.

    Raises SpecError that names the clip and the key, AudioError for a recording that cannot be read.
    """
    made = comp(stream, clips, overlap_ms, places, own_frames)
    with Shelf(stream) as shelf:
        yield from render(shelf, made.plan, made.frames)


def check(
    *,
    stream: Stream,
    clips: list[dict[str, Any]],
    overlap_ms: float,
    places: Timeline | None = None,
    own_frames: int | None = None,
) -> int:
    """Return the stem's frames, from the headers; refuse what ``clips`` would, as far as they show it."""
    return comp(stream, clips, overlap_ms, places, own_frames).frames


def remarks(
    *,
    stream: Stream,
    clips: list[dict[str, Any]],
    overlap_ms: float,
    places: Timeline | None = None,
    own_frames: int | None = None,
) -> Iterator[str]:
    """Yield which clips are not heard."""
    yield from hidden(comp(stream, clips, overlap_ms, places, own_frames).clips)


def joins(
    *,
    output: Audio,
    stream: Stream,
    clips: list[dict[str, Any]],
    overlap_ms: float,
    places: Timeline | None = None,
    own_frames: int | None = None,
) -> dict[str, Any]:
    """Return what the joins of the finished file measure."""
    with Shelf(stream) as shelf:
        return measure_joins(output, shelf, comp(stream, clips, overlap_ms, places, own_frames).plan)
