"""Which recordings of a song are the tracks of one session: three or more of one folder and one length, 20 s at least.

Lengths are read from headers (``audio/lengths.py``) whenever a song becomes jobs, and only where a stem that ``auto``
fits has two or more others beside it. Of them a stem's key has only how many are as long as its own.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

from stemtasks import seen
from stemtasks.spec.files import is_product

if TYPE_CHECKING:
    from stemtasks.spec.song import Song, Stem

FEWEST, SHORTEST_SECONDS, ALIKE_SECONDS = 3, 20.0, 0.05
PART_OF_IT = ("start_seconds", "duration_seconds", "offset_seconds")
WANTED = "since_earliest"
"""What a generator's function asks for that plays a recording."""


def lengths_of(song: Song) -> dict[str, tuple[str, float]]:
    """Return path and seconds of the whole recordings that may be tracks of a session, by stem."""
    paths = {stem.name: path for stem in song.stems if (path := _whole_recording(song, stem)) is not None}
    beside = Counter(map(os.path.dirname, paths.values()))
    found = {}
    for name, path in paths.items():
        if beside[os.path.dirname(path)] < FEWEST:
            continue
        from stemtasks.audio.lengths import seconds_of  # noqa: PLC0415 - not in a song without need

        seen.add(path)
        seconds = seconds_of(path)
        if seconds is not None:
            found[name] = path, seconds
    return found


def session_tracks(song: Song, stem: Stem) -> int:
    """Return how many recordings of a stem's folder are as long as its own, itself counted; 0 for no session."""
    lengths = song.recording_lengths
    if stem.name not in lengths:
        return 0
    path, own = lengths[stem.name]
    alike = {
        other
        for other, seconds in lengths.values()
        if os.path.dirname(other) == os.path.dirname(path) and abs(seconds - own) <= ALIKE_SECONDS
    }
    return len(alike) if len(alike) >= FEWEST and own >= SHORTEST_SECONDS else 0


def _whole_recording(song: Song, stem: Stem) -> str | None:
    """Return the path of a stem's recording, None where it plays none, or a part, or one that is not there."""
    arguments = stem.generator.arguments
    if WANTED not in stem.generator.wants or not isinstance(arguments.get("file"), str):
        return None
    path = song.input(arguments["file"])
    is_part = any(arguments.get(name) for name in PART_OF_IT)
    return None if is_part or is_product(path) or not os.path.isfile(path) else path
