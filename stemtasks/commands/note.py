"""A note of what the last build rests on, read before anything else is loaded.

Of every file that its answer rests on (inputs and outputs, and whatever was read: specs, settings, sources, data of
``dodo.py``, where libraries are installed) it has the size, mtime, ctime and inode from before it was read, and it has
what the build said. While all of them stand, a build could say nothing else. Whatever may write to the tree removes the
note first, so a note that is there also says that nothing has been at work since. It is a shortcut and nothing rests on
it: one that is damaged, from another version or of another Python is no note.

    build/.stemtasks/unchanged    a checksum of what follows, and JSON: files, links, variables, circumstances, said
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

import xxhash

from stemtasks import seen
from stemtasks.errors import CacheError

FORMAT = "4"
FILE = "unchanged"
FOLDERS_OF_IMPORTS = tuple(sys.path)
"""Where this Python imports from, before doit has added the folder of ``dodo.py``."""


class Said(NamedTuple):
    """What a build with nothing to do says: a line a task, how many tasks, and the seconds that it saves."""

    lines: str
    tasks: int
    saved: float


def leave(state: Path, files: Mapping[str, seen.Stamp | None], environment_counts: bool, said: Said) -> None:
    """Leave a note; a disk that is full or read-only has none.

    ``files`` are stamps by path of all that the build rests on; ``environment_counts`` says that ``dodo.py`` may look
    at the environment.
    """
    noted = {
        "files": files,
        "links": seen.links,
        "variables": sorted(seen.variables),
        "circumstances": _circumstances(environment_counts, seen.variables),
        "said": said,
    }
    text = json.dumps(noted)
    with contextlib.suppress(OSError):
        (state / FILE).write_text(f"{_mark(text)}\n{text}", encoding="ascii")


def recall(state: Path) -> Said | None:
    """Return what there is to say if nothing has changed, or None: then a build has to look."""
    try:
        mark, _, text = (state / FILE).read_text(encoding="ascii").partition("\n")
        noted = json.loads(text) if mark == _mark(text) else {}
        circumstances = noted["circumstances"]
        if (
            circumstances == _circumstances(bool(circumstances[-1]), noted["variables"])
            and all(_listed(seen.stamp(path)) == stamp for path, stamp in noted["files"].items())
            and all(os.readlink(path) == target for path, target in noted["links"].items())
        ):
            return Said(*noted["said"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        pass
    return None


def remove(state: Path) -> None:
    """Remove the note, from the disk too: what it says may not hold any more."""
    from stemtasks import durable  # noqa: PLC0415 - not in a build with nothing to do

    try:
        (state / FILE).unlink()
        durable.sync(state)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise CacheError(f"{state / FILE}: cannot be removed ({error.strerror}); make its folder writable") from None


def _listed(stamp: seen.Stamp | None) -> list[int] | None:
    """Return a stamp as JSON gives it back."""
    return None if stamp is None else [*stamp]


def _mark(text: str) -> str:
    return xxhash.xxh3_128_hexdigest(f"{FORMAT}\0{text}".encode())


def _circumstances(environment_counts: bool, variables: Collection[str]) -> list[object]:
    """Return what decides the answer beside files: this program, this Python, where it imports from, its settings.

    No value of the environment is written down. The signing key is not among them: whether files are as recorded does
    not depend on it.
    """
    given = [item for item in sorted(os.environ.items()) if item[0] not in _OF_A_SHELL]
    asked = [(name, os.environ.get(name)) for name in sorted(variables)]
    settings = json.dumps([asked, [item for item in given if item[0].startswith("STEMTASKS_")]])
    whole = xxhash.xxh3_128_hexdigest(json.dumps(given).encode()) if environment_counts else ""
    python = [os.path.dirname(os.path.dirname(os.path.abspath(__file__))), sys.version, sys.prefix]
    return [*python, folders_of_imports(), xxhash.xxh3_128_hexdigest(settings.encode()), whole]


_OF_A_SHELL = ("STEMTASKS_CACHE_KEY", "_", "OLDPWD", "SHLVL")


def folders_of_imports() -> list[str]:
    """Return where Python imports from, without the folder of the program, which comes and goes."""
    return sorted({os.path.abspath(entry) for entry in FOLDERS_OF_IMPORTS} - {os.path.dirname(sys.argv[0])})
