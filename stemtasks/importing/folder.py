"""Which files of a folder are recordings, which are another program's session, and which are left out, and why."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from stemtasks.errors import SpecError, one_line
from stemtasks.importing.naming import in_order
from stemtasks.paths import STATE
from stemtasks.spec.tables import MOST_STEMS

RECORDINGS = frozenset(
    (
        "wav",
        "wave",
        "bwf",
        "rf64",
        "w64",
        "aif",
        "aiff",
        "aifc",
        "flac",
        "ogg",
        "oga",
        "opus",
        "mp3",
        "caf",
        "au",
        "snd",
    )
)
SESSIONS = frozenset(("rpp", "dawproject", "otio"))
NOT_READ = frozenset(
    ("m4a", "mp4", "aac", "wma", "wv", "ape", "alac", "ac3", "dsf", "dff", "sd2", "rx2", "mov", "mkv", "webm", "mka")
)
"""What holds audio and is not read: it is named, and left out."""
FOREIGN = frozenset(("__MACOSX",))


@dataclass
class Found:
    """Paths from the folder, in the order of their names, and a reason for each file that is left out."""

    recordings: list[str] = field(default_factory=list)
    sessions: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


def look(folder: Path) -> Found:
    """Return what a folder and the folders in it hold; SpecError where it cannot be read, or holds too much.

    What is hidden is passed over, and what a build of ours made.
    """
    found = Found()
    unread: list[OSError] = []
    for place, folders, files in os.walk(folder, onerror=unread.append):
        if STATE.name in folders and place != str(folder):
            folders.clear()
            continue
        folders[:] = [name for name in folders if not name.startswith(".") and name not in FOREIGN]
        for name in files:
            if not name.startswith("."):
                _sort(found, os.path.relpath(os.path.join(place, name), folder))
    for error in unread:
        where = os.path.relpath(error.filename or folder, folder)
        if where == ".":
            raise SpecError(f"{folder}: cannot be read ({error.strerror}); allow this user to read it")
        found.left_out[where] = f"this folder cannot be read ({error.strerror})"
    if len(found.recordings) > MOST_STEMS:
        raise SpecError(
            f"{folder}: holds {len(found.recordings)} recordings, a song has {MOST_STEMS} stems at most: name a folder "
            "of one song"
        )
    found.recordings.sort(key=in_order)
    found.sessions.sort(key=in_order)
    return found


def _sort(found: Found, path: str) -> None:
    ending = path.rpartition(".")[2].lower() if "." in os.path.basename(path) else ""
    if ending not in RECORDINGS | SESSIONS | NOT_READ:
        return
    try:
        path.encode()
    except UnicodeEncodeError:
        shown = one_line(os.fsencode(path).decode("utf-8", "backslashreplace"))
        found.left_out[shown] = "its name is not UTF-8: rename it"
        return
    if ending in SESSIONS:
        found.sessions.append(path)
    elif ending in NOT_READ:
        found.left_out[path] = f"{ending.upper()} is not read: export it as WAV or FLAC"
    else:
        found.recordings.append(path)
