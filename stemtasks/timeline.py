"""The song's timeline: bpm, time signature and sections as whole frames, computed once, read by every stage."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


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
