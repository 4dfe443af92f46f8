"""Where the recordings of a song begin, as their start stamps say, and what a stem makes of it.

A stamp is read from a recording's header (``audio/stamp.py``) whenever a song becomes jobs. Of it a stem's key has only
how much later it begins than the earliest, and only where the stem asks for that.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stemtasks import seen
from stemtasks.spec.files import is_product

if TYPE_CHECKING:
    from fractions import Fraction

    from stemtasks.spec.song import Song, Stem

WANTED = "since_earliest"
"""What a generator's function asks for that places its recording by its stamp."""
MOST_SECONDS = 12 * 3600
"""Of silence before a recording; stamps that are farther apart crossed midnight, or are of two sessions."""


@dataclass(frozen=True)
class Placed:
    """How much later than the earliest a recording begins, in seconds, as a fraction; what is wrong, or to be said."""

    since_earliest: list[int] | None = None
    mistake: str = ""
    remark: str = ""


def stamps_of(song: Song) -> dict[str, Fraction]:
    """Return the start stamps of a song's recordings by stem, in seconds since midnight; what has none is left out."""
    found = {}
    for stem in song.stems:
        if _counts(stem):
            path = _path(song, stem)
            if is_product(path) or not os.path.isfile(path):  # a pipe would be waited for; what is built has no stamp
                continue
            from stemtasks.audio.stamp import start_stamp  # noqa: PLC0415 - not in a song without recordings

            seen.add(path)
            stamp = start_stamp(path)
            if stamp is not None:
                found[stem.name] = stamp
    return found


def placed(song: Song, stem: Stem) -> Placed:
    """Return what the stamps mean for one stem: nothing where it does not ask for them and they are the same."""
    if not _counts(stem):
        return Placed()
    is_asked = stem.generator.arguments.get("start") == "stamp"
    stamps, path = song.start_stamps, _path(song, stem)
    if stem.name not in stamps:
        if is_asked and os.path.isfile(path):
            return Placed(
                mistake=f"{path}: has no start stamp (bext, iXML, smpl): leave out start, or give offset_seconds"
            )
        return Placed()
    first = min(stamps, key=lambda name: stamps[name])
    since = stamps[stem.name] - stamps[first]
    earliest = f"{_path(song, next(each for each in song.stems if each.name == first))} {_clock(stamps[first])}"
    if is_asked and since > MOST_SECONDS:
        return Placed(
            mistake=f"{path}: its start stamp is {_clock(stamps[stem.name])}, that of {earliest}: more than 12 hours "
            'are between them; give one of them start = "file", and place it with offset_seconds'
        )
    if is_asked:
        return Placed([since.numerator, since.denominator])
    if math.floor(2 * since * song.song.sample_rate + 1) // 2 == 0:
        return Placed()
    return Placed(
        remark=f"its start stamp is {_clock(stamps[stem.name])}, that of stems.{first} {_clock(stamps[first])}, and "
        'both begin with the song: place it with start = "stamp", or say that it is right with start = "file"'
    )


def _counts(stem: Stem) -> bool:
    """Return whether a stem starts from a recording whose stamp is not to be ignored."""
    arguments = stem.generator.arguments
    is_recording = WANTED in stem.generator.wants and isinstance(arguments.get("file"), str)
    return is_recording and arguments.get("start") != "file"


def _path(song: Song, stem: Stem) -> str:
    return song.input(stem.generator.arguments["file"])


def _clock(seconds: Fraction) -> str:
    """Return a time of day, to the millisecond."""
    thousandths = math.floor(2000 * seconds + 1) // 2
    minutes, rest = divmod(thousandths, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"
