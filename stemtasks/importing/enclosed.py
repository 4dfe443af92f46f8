"""Audio that lies in a session's own archive, taken out of it, so that a song can name it."""

from __future__ import annotations

import os
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path, PurePosixPath

from stemtasks.errors import SpecError
from stemtasks.importing.session import Session

ENCLOSED = "audio"
"""In the folder of the specs, with a folder for each song."""


def enclose(session: Session, folder: Path) -> None:
    """Copy what clips name inside the session's archive into a folder, and let the clips name the copies.

    Nothing is written outside the folder, whatever a member is called, and nothing that is there is overwritten.
    """
    if not session.enclosed:
        return
    copies: dict[str, str] = {}
    try:
        with zipfile.ZipFile(session.path) as packed:
            members = set(packed.namelist())
            for path, member in session.enclosed.items():
                if member in members:
                    copy = folder / _plain(member, set(copies.values()), folder)
                    _copy(packed, member, copy)
                    copies[path] = copy.as_posix()
    except OSError as error:
        raise SpecError(f"{error.filename or session.path}: cannot be written ({error.strerror})") from None
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise SpecError(f"{session.path}: what is in it cannot be read ({error}); export it again") from None
    for track in session.tracks:
        track.clips = [replace(clip, file=copies.get(clip.file, clip.file)) for clip in track.clips]


def _copy(packed: zipfile.ZipFile, member: str, copy: Path) -> None:
    if copy.exists():
        if copy.stat().st_size == packed.getinfo(member).file_size:
            return
        raise SpecError(f"{copy}: is there already, and is not overwritten; move it away")
    copy.parent.mkdir(parents=True, exist_ok=True)
    part = copy.with_name(f"{copy.name}.part")
    with packed.open(member) as source, open(part, "wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
    os.replace(part, copy)


def _plain(member: str, taken: set[str], folder: Path) -> str:
    """Return a member's name alone; one that is there twice with its folders' names too."""
    name = PurePosixPath(member).name
    if (folder / name).as_posix() in taken:
        name = "_".join(part for part in PurePosixPath(member).parts if part not in ("/", "..", "."))
    return name
