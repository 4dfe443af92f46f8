"""A stem from a recording on disk that is edited on the way; the file stays as it is."""

from __future__ import annotations

from typing import Annotated, Any

from stemtasks.audio.blocks import Blocks, Stream
from stemtasks.audio.editing import Edited
from stemtasks.audio.editing import edited as planned
from stemtasks.audio.join_figures import Audio, measure_joins
from stemtasks.audio.laying import render
from stemtasks.audio.material import Shelf
from stemtasks.audio.times import place_seconds
from stemtasks.timeline import Timeline
from stemtasks.units import Edits, File, OverlapMs, Position, Range


def edited(
    stream: Stream,
    *,
    file: File,
    edits: Edits | File,
    overlap_ms: OverlapMs = 5.0,
    offset_seconds: Position = 0.0,
    only_channel: Annotated[int, Range(1, 1024)] | None = None,
    mono: bool = False,
    places: Timeline | None = None,
) -> Blocks:
    """Yield a recording with a list of edits, none of which changes the file.

    Its length is the recording's, less what is cut, and with what is inserted. Outside edits and joins it is the
    recording sample by sample, if that has the song's rate and channels.

    Parameters
    ----------
    file
        The recording, as for the generator 'file'.
    edits
        What is done to it, in any order, all times being the recording's; or a CSV or TSV file with a header row of the
        same keys.
    overlap_ms
        How long both sides sound together at a join. It lies inside what is edited; at a cut, before it.
    offset_seconds
        Silence before it.
    only_channel
        Take this channel of the recording alone, counted from 1 in the file's order (an Ogg file's in WAV's).
    mono
        Mix the recording to one channel, which every channel of the stem then carries.

    Raises SpecError that names the edit and the key, AudioError for a recording that cannot be read.
    """
    made = _planned(stream, file, edits, overlap_ms, offset_seconds, only_channel, mono, places)
    with Shelf(stream) as shelf:
        yield from render(shelf, made.plan, made.frames)


def check(
    *,
    stream: Stream,
    file: str,
    edits: list[dict[str, Any]],
    overlap_ms: float,
    offset_seconds: float | str,
    only_channel: int | None,
    mono: bool,
    places: Timeline | None = None,
) -> int:
    """Return the stem's frames, from the recording's header; refuse what ``edited`` would, as far as that shows it."""
    return _planned(stream, file, edits, overlap_ms, offset_seconds, only_channel, mono, places).frames


def joins(
    *,
    output: Audio,
    stream: Stream,
    file: str,
    edits: list[dict[str, Any]],
    overlap_ms: float,
    offset_seconds: float | str,
    only_channel: int | None,
    mono: bool,
    places: Timeline | None = None,
) -> dict[str, Any]:
    """Return what the joins of the finished file measure."""
    made = _planned(stream, file, edits, overlap_ms, offset_seconds, only_channel, mono, places)
    with Shelf(stream) as shelf:
        return measure_joins(output, shelf, made.plan)


def _planned(
    stream: Stream,
    file: str,
    edits: Any,
    overlap_ms: float,
    offset_seconds: float | str,
    only_channel: int | None,
    mono: bool,
    places: Timeline | None,
) -> Edited:
    silence = round(place_seconds(offset_seconds, places) * stream.sample_rate)
    return planned(stream, file, edits, overlap_ms, places, silence, only_channel, mono)
