"""Another program's session, whatever its format: tracks of clips, tempo, markers, and what is not taken over."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath

from stemtasks.errors import SpecError

MOST_BYTES = 64 << 20
"""Of a session as text; one of a thousand tracks with plugins has a few."""
SOFTEST_DB, LOUDEST_DB = -144.0, 48.0


@dataclass(frozen=True)
class Clip:
    """A part of a file on a track's timeline, all in seconds; ``gain`` is linear, negative where it is inverted."""

    file: str
    at: float
    start: float
    length: float
    gain: float = 1.0
    fade_in: float = 0.0
    fade_out: float = 0.0
    is_reversed: bool = False
    loop: tuple[float, float] | None = None
    """The part of its file that is played again and again after it was first played to its end; in seconds."""
    repeat_until: float | None = None
    """Where a clip ends of which ``length`` is one repetition."""

    @property
    def ends(self) -> float:
        """Return where it ends."""
        return self.at + self.length if self.repeat_until is None else self.repeat_until


@dataclass
class Track:
    """A track: its fader (linear), its pan (-1 left to 1 right), its clips in order, and what is not taken over."""

    name: str
    gain: float = 1.0
    pan: float = 0.0
    is_muted: bool = False
    clips: list[Clip] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class Session:
    """A session; ``markers`` are seconds and names, ``notes`` what is not taken over of no single track."""

    path: Path
    title: str = ""
    artist: str = ""
    bpm: float | None = None
    time_signature: str = "4/4"
    sample_rate: int | None = None
    gain: float = 1.0
    markers: list[tuple[float, str]] = field(default_factory=list)
    tracks: list[Track] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    enclosed: dict[str, str] = field(default_factory=dict)
    """Files that lie in the session's own archive, by the path that clips name: its member."""

    @property
    def seconds(self) -> float:
        """Return where the last clip of a track that is heard ends."""
        heard = (clip for track in self.tracks if not track.is_muted for clip in track.clips)
        return max((clip.ends for clip in heard), default=0.0)


def decibels_of(gain: float) -> float:
    """Return a linear gain in dB, as far as a spec goes."""
    db = 20.0 * math.log10(abs(gain)) if gain else SOFTEST_DB
    return round(min(LOUDEST_DB, max(SOFTEST_DB, db)), 4) + 0.0


def text_of(path: Path) -> str:
    """Return the text of a session; SpecError where it cannot be read, or is none."""
    raw = bytes_of(path)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")  # an old one, of the system's own letters


def bytes_of(path: Path) -> bytes:
    """Return what is in a session's file; SpecError where it cannot be read, or is far too large."""
    try:
        with open(path, "rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise SpecError(f"{path}: cannot be read ({error.strerror}); allow this user to read it") from None
    if len(raw) > MOST_BYTES:
        raise SpecError(f"{path}: has more than {MOST_BYTES >> 20} MiB, so it is no session")
    if not raw.strip():
        raise SpecError(f"{path}: the file is empty; save the session again")
    return raw


def found_from(path: Path) -> Callable[[str], str]:
    """Return what finds a file that a session names: where it says, or beside the session under its own name.

    A session that came from another machine has that one's paths.
    """

    def found(named: str) -> str:
        plain = named.replace("\\", "/") if PureWindowsPath(named).drive or "\\" in named else named
        for place in (
            plain,
            os.path.basename(plain),
            f"Audio/{os.path.basename(plain)}",
            f"Media/{os.path.basename(plain)}",
        ):
            if os.path.isfile(path.parent / place):
                return os.path.normpath(path.parent / place)
        return os.path.normpath(path.parent / plain)

    return found


def number(text: str | float | None, default: float = 0.0) -> float:
    """Return a number that a session says, or what it is where it says none."""
    try:
        found = float(text) if text is not None else default
    except (TypeError, ValueError):
        return default
    return found if math.isfinite(found) else default
