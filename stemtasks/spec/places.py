"""Places and lengths of a generator's arguments in seconds, as far as the spec alone decides them.

Only a section's place and length need the song's timeline, and so the target: a stem that names none is not made again
when another length of the song, or another section, changes nothing of it.
"""

from __future__ import annotations

from typing import Any

from stemtasks.positions import length_in, position_in
from stemtasks.spec import schema
from stemtasks.spec.song import Song
from stemtasks.timeline import Timeline
from stemtasks.units import Duration, Place

WANTED = "places"
"""What a generator's function asks for whose times may name a section; it is None where none does."""


def in_seconds(song: Song, drawn: schema.Schema, arguments: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """Return arguments with seconds in place of text, and whether some are left that need the timeline."""
    if WANTED not in drawn.wants:
        return arguments, False
    found, left = schema.copied(drawn, arguments), False
    for held in schema.held(drawn, found, Place, Duration):
        if isinstance(held.value, str):
            value = _seconds(song, held.value, held.parameter.is_a(Place))
            held.table[held.parameter.name] = value
            left = left or isinstance(value, str)
    return found, left


def _seconds(song: Song, text: str, is_place: bool) -> float | str:
    """Return the seconds of a text, or the text where it names a section. A musical place is on its whole frame."""
    rate = song.song.sample_rate
    if is_place:
        if position_in(text, song.known.sections or ()).section is not None:
            return text
        table = song.song
        bare = Timeline(rate, 0, 0, table.bpm, song.beats_per_bar, table.time_signature, None, ())
        return bare.frame_of(text) / rate
    length = length_in(text)
    if length is None:
        return text
    if length.unit == "s":
        return length.number
    assert song.song.bpm is not None
    beats = length.number * (song.beats_per_bar if length.unit == "bars" else 1.0)
    return beats * 60.0 / song.song.bpm
