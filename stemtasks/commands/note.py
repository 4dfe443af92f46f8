"""A note of what the last build rests on, read before anything else is loaded.

Of every file that its answer rests on (inputs and outputs, specs, settings, sources, where libraries are installed)
it has the size, mtime, ctime and inode, and it has what the build said. While all of them stand, a build could say
nothing else. Whatever may write to the tree removes the note first, so a note that is there also says that nothing
has been at work since. It is a shortcut and nothing rests on it: one that is damaged, from another version or of
another Python is no note.

    build/.stemtasks/unchanged    a checksum of what follows, and JSON: files, circumstances, said
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import xxhash

from stemtasks.errors import CacheError

FORMAT = "2"
FILE = "unchanged"
SETTLED_NS = 2_000_000_000
"""A file is taken as what this process read if it is older than the process by this, the coarsest clock's tick."""


class Said(NamedTuple):
    """What a build with nothing to do says: a line a task, how many tasks, and the seconds that it saves."""

    lines: str
    tasks: int
    saved: float


def leave(
    state: Path, known: Mapping[str, Sequence[int] | None], read: Iterable[str | Path], since_ns: int, said: Said
) -> None:
    """Leave a note, unless a file of ``read``, or a folder of libraries, may have changed since this process read it.

    ``known`` are stamps of files that were compared with what is recorded of them; ``since_ns`` is when this
    process began. A disk that is full or read-only has no note.
    """
    stamps = {str(path): _stamp(str(path)) for path in (*read, *_folders_of_imports())}
    if any(stamp is not None and max(stamp[1:3]) > since_ns - SETTLED_NS for stamp in stamps.values()):
        return
    text = json.dumps({"files": {**known, **stamps}, "circumstances": _circumstances(), "said": said})
    with contextlib.suppress(OSError):
        (state / FILE).write_text(f"{_mark(text)}\n{text}", encoding="ascii")


def recall(state: Path) -> Said | None:
    """Return what there is to say if nothing has changed, or None: then a build has to look."""
    try:
        mark, _, text = (state / FILE).read_text(encoding="ascii").partition("\n")
        noted = json.loads(text) if mark == _mark(text) else {}
        stamps = noted["files"].items()
        if noted["circumstances"] == _circumstances() and all(_stamp(path) == stamp for path, stamp in stamps):
            return Said(*noted["said"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return None


def remove(state: Path) -> None:
    """Remove the note: what it says may not hold any more."""
    try:
        (state / FILE).unlink(missing_ok=True)
    except OSError as error:
        raise CacheError(f"{state / FILE}: cannot be removed ({error.strerror}); make its folder writable") from None


def _mark(text: str) -> str:
    return xxhash.xxh3_128_hexdigest(f"{FORMAT}\0{text}".encode())


def _stamp(path: str) -> list[int] | None:
    """Return what changes with a file, or with the list of a folder's files; None where there is neither."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def _circumstances() -> list[object]:
    """Return what decides the answer beside files: this Python, where it imports from, and settings that it is given.

    The signing key is not among them: whether files are as recorded does not depend on it.
    """
    given = sorted(item for item in os.environ.items() if item[0].startswith("STEMTASKS_"))
    settings = json.dumps([item for item in given if item[0] != "STEMTASKS_CACHE_KEY"])
    return [sys.version, sys.prefix, _folders_of_imports(), xxhash.xxh3_128_hexdigest(settings.encode())]


def _folders_of_imports() -> list[str]:
    """Return where Python imports from, without the folders of ``dodo.py`` and of the program, which come and go."""
    return sorted({entry for entry in sys.path if entry} - {os.getcwd(), os.path.dirname(sys.argv[0])})
