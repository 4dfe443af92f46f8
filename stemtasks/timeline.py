"""The song's timeline: bpm, time signature and sections as whole frames, computed once, read by every stage."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stemtasks.errors import SpecError, shown
from stemtasks.positions import LENGTHS, length_in, position_in, section_in


@dataclass(frozen=True)
class Section:
    """A part of the song: ``[start_frame, end_frame)``, its place in beats, and its key ('G major') if known."""

    name: str
    start_frame: int
    end_frame: int
    start_beat: float
    beats: float
    key: str | None = None


@dataclass(frozen=True)
class Timeline:
    """Whole frames of a song.

    A beat is a quarter note, as in MIDI and DAWs, whatever the time signature; a bar of 6/8 has 3.
    ``frames`` is the target's length; delivered files have ``frames + tail_frames``.
    ``bpm`` is None for a song without a tempo, which then has one section without beats.
    """

    sample_rate: int
    frames: int
    tail_frames: int
    bpm: float | None
    beats_per_bar: float
    time_signature: str
    key: str | None
    sections: tuple[Section, ...]

    @property
    def delivered_frames(self) -> int:
        """Frames of every processed stem, the mix and the master."""
        return self.frames + self.tail_frames

    @property
    def total_beats(self) -> float:
        """Beats in ``frames`` (0 without a tempo), a fraction when the song ends inside a beat."""
        return 0.0 if self.bpm is None else self.frames / self.sample_rate * self.bpm / 60.0

    def frame_at(self, beat: float) -> int:
        """Return the frame nearest to a beat counted from the song's start."""
        if self.bpm is None:
            raise ValueError("a timeline without bpm has no beats")
        return frames_of_beats(beat, self.bpm, self.sample_rate)

    def frame_of(self, position: float | str) -> int:
        """Return the frame of a place (``positions.py``), in seconds or as text; musical ones fall on the beat's frame.

        Raises ``SpecError`` for what is no place of this song, or lies before its start.
        """
        if not isinstance(position, str):
            return round(position * self.sample_rate)
        place = position_in(position, self._names)
        number, unit = place.offset
        if place.section is None:
            beat, frame = (place.bar - 1) * self.beats_per_bar + place.beat - 1, 0
            if beat:
                frame = self._frame_at(beat, position)
        else:
            section = [each for each in self.sections if each.name == place.section][place.turn - 1]
            frame = section.end_frame if place.is_end else section.start_frame
            beat = section.start_beat + (section.beats if place.is_end else 0.0)
        if unit == "s":
            frame += round(number * self.sample_rate)
        elif number:
            frame = self._frame_at(beat + number * (self.beats_per_bar if unit == "bars" else 1.0), position)
        if frame < 0:
            raise SpecError(f"{shown(position)} lies before the song's start")
        return frame

    def frames_of(self, length: float | str) -> int:
        """Return the frames of a length: seconds, or text such as '4 bars', or a section's name.

        Raises ``SpecError`` for what is no length in this song.
        """
        found = length_in(length)
        if found is None:
            name, turn = section_in(str(length).strip(), self._names, LENGTHS)
            section = [each for each in self.sections if each.name == name][turn - 1]
            return section.end_frame - section.start_frame
        if found.unit == "s":
            return round(found.number * self.sample_rate)
        return self._frame_at(found.number * (self.beats_per_bar if found.unit == "bars" else 1.0), str(length))

    @property
    def _names(self) -> list[str]:
        return [section.name for section in self.sections]

    def _frame_at(self, beat: float, text: str) -> int:
        if self.bpm is None:
            raise SpecError(f"{shown(text)} needs song.bpm")
        return self.frame_at(beat)

    def to_json(self) -> dict[str, Any]:
        """Return plain data, the content of ``timing.json``."""
        return asdict(self)

    @classmethod
    def load(cls, path: str | Path) -> Timeline:
        """Read ``timing.json``."""
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        data["sections"] = tuple(Section(**section) for section in data["sections"])
        return cls(**data)


def frames_of_beats(beats: float, bpm: float, sample_rate: int) -> int:
    """Return the whole frame nearest to a number of quarter notes at a tempo."""
    return round(beats * 60.0 * sample_rate / bpm)


def clock(milliseconds: float) -> str:
    """Return a time as m:ss.mmm, to the nearest millisecond."""
    whole = round(milliseconds)
    return f"{whole // 60_000}:{whole // 1000 % 60:02d}.{whole % 1000:03d}"
