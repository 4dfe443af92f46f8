"""Places and lengths in a song as text: '1:22.5', '17.1', 'chorus + 2 bars'.

A beat is a quarter note. Bars and the beats in them are counted from 1, as in a DAW; '17.3.5' is beat 3 and a half.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

from stemtasks.errors import SpecError, nearest, shown

_LENGTH = (
    r"(?:(?:(\d{1,6}):(?=[0-5]?\d:))?(\d{1,6}):([0-5]?\d(?:\.\d{1,12})?)"
    r"|(\d{1,12}(?:\.\d{1,12})?) *(s|ms|bars?|beats?))"
)
LENGTH = re.compile(_LENGTH, re.ASCII)
BAR_AND_BEAT = re.compile(r"(\d{1,6})\.(\d{1,4})(?:\.(\d{1,12}))?", re.ASCII)
PLAIN_POSITION = re.compile(rf"{_LENGTH}|{BAR_AND_BEAT.pattern}", re.ASCII)
OFFSET = re.compile(rf"(?P<place>.*\S)\s+(?P<sign>[+-])\s+(?P<length>{_LENGTH})", re.ASCII | re.DOTALL)
TURN = re.compile(r"(.+)#([1-9]\d{0,5})", re.ASCII | re.DOTALL)
END = ".end"
WHOLE = "song"
"""What a song without sections is called, where one is needed."""

LENGTHS = (
    "'2:17' or '1:02:03.5' (minutes and seconds, with hours before them), '90 s', '250 ms', '64 bars' or '256 beats'"
)
SECTIONS = "a section's name, '#2' behind it for its second time"
PLAIN_POSITIONS = "'2:17.5', '90 s', or '17.1' (bar and beat, from 1)"
POSITIONS = (
    f"'2:17.5', '90 s', '17.1' (bar and beat, from 1), {SECTIONS}, '.end' for its end, and ' + 2 bars' or ' - 1 beat' "
    "behind either"
)


class Length(NamedTuple):
    """A number of seconds ('s'), 'beats' or 'bars'."""

    number: float
    unit: str


class Position(NamedTuple):
    """A place: a section's start or end, or a bar and a beat, or the song's start; and what it is moved by."""

    section: str | None = None
    turn: int = 1
    is_end: bool = False
    bar: int = 1
    beat: float = 1.0
    offset: Length = Length(0.0, "s")


def length_in(value: float | str) -> Length | None:
    """Return the length that a number of seconds or a text is, or None where a text is none."""
    if not isinstance(value, str):
        return Length(float(value), "s")
    match = LENGTH.fullmatch(value.strip())
    if match is None:
        return None
    hours, minutes, seconds, number, unit = match.groups()
    if number is None:
        return Length(int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds), "s")
    if unit == "ms":
        return Length(float(number) / 1000, "s")
    return Length(float(number), "s" if unit == "s" else unit.rstrip("s") + "s")


def is_clock(value: float | str | None) -> bool:
    """Return whether a place or a length is in seconds, and so needs no tempo."""
    length = None if value is None else length_in(value)
    return length is not None and length.unit == "s"


def position_in(text: str, sections: Collection[str]) -> Position:
    """Return the place that a text names in a song with these sections; raises ``SpecError`` with what is allowed."""
    text = text.strip()
    if text in sections:
        return Position(text)
    if (length := length_in(text)) is not None:
        return Position(offset=length)
    offset = Length(0.0, "s")
    if match := OFFSET.fullmatch(text):
        moved = length_in(match["length"])
        assert moved is not None
        text, offset = match["place"], moved._replace(number=-moved.number if match["sign"] == "-" else moved.number)
    if match := BAR_AND_BEAT.fullmatch(text):
        bar, beat, part = match.groups()
        if int(bar) and int(beat):
            return Position(bar=int(bar), beat=float(f"{int(beat)}.{part or 0}"), offset=offset)
        raise SpecError(f"{shown(text)}: bars and beats are counted from 1; write '1.1' for the song's start")
    is_end = text.endswith(END) and text not in sections
    name, turn = section_in(text.removesuffix(END) if is_end else text, sections, POSITIONS)
    return Position(name, turn, is_end, offset=offset)


def section_in(text: str, sections: Collection[str], allowed: str) -> tuple[str, int]:
    """Return a section's name and which time it is; raises ``SpecError`` with what is allowed where there is none."""
    turn = 1
    if text not in sections and (match := TURN.fullmatch(text)):
        text, turn = match[1], int(match[2])
    if text not in sections:
        raise SpecError(
            f"{shown(text)} is no section of the song ({', '.join(dict.fromkeys(sections)) or 'it has none'}) and no "
            f"time{nearest(text, sections)}; write seconds, or text such as {allowed}"
        )
    if (times := sum(section == text for section in sections)) < turn:
        raise SpecError(f"'{text}#{turn}': '{text}' comes {times} time{'s' if times > 1 else ''} in the song")
    return text, turn


class Known(NamedTuple):
    """What is known of a song where a table of it is read; of ``sections`` (None: nothing) the names in their order."""

    sample_rate: int | None = None
    bpm: float | None = None
    beats_per_bar: float = 4.0
    sections: tuple[str, ...] | None = None

    def no_tempo(self, value: float | str) -> str | None:
        """Return that a musical length has no meaning, or None where it has."""
        return f"{shown(value)} needs song.bpm" if self.sections is not None and self.bpm is None else None

    def no_section(self, text: str) -> str | None:
        """Return why a text names no section, or None where it does."""
        if self.sections is None:
            return None
        try:
            section_in(text, self.sections, LENGTHS)
        except SpecError as error:
            return str(error)
        return None

    def no_position(self, text: str) -> str | None:
        """Return why a text names no place in the song, or None where it does."""
        if self.sections is None:
            return None
        try:
            place = position_in(text, self.sections)
        except SpecError as error:
            return str(error)
        if place.beat >= self.beats_per_bar + 1:
            return f"{shown(text)}: a bar has {self.beats_per_bar:g} beats"
        if (place.section is None and (place.bar, place.beat) != (1, 1.0)) or place.offset.unit != "s":
            return self.no_tempo(text)
        return None


NOTHING_KNOWN = Known()
