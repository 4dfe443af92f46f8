"""What this process has read that decides what there is to build, each with the stamp that it had before it was read.

A stamp taken later would be of what the file has become by then. While ``dodo.py`` and the songs are loaded, Python
tells of every file that is opened and every folder that is listed, also by code that is not ours.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from typing import Any, NamedTuple


class Stamp(NamedTuple):
    """What changes with a file, or with the list of a folder's files."""

    bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int


BEGUN_NS = time.monotonic_ns()
stamps: dict[str, Stamp | None] = {}
"""By absolute path; None where there was no file."""
links: dict[str, str] = {}
"""Where links on the way to a file pointed that a task knows under its real name."""
variables: set[str] = set()
"""Names of variables of the environment that were asked for."""
unsure: set[str] = set()
"""What was done that may decide something and leaves no stamp."""

MOST_STAMPS = 100_000
"""A process that loads songs has read less; one that only imports a part of this package may go on for ever."""

_PROGRAMS = ("subprocess.Popen", "os.system", "os.posix_spawn", "os.exec", "os.fork", "socket.connect")
_watching = False


def stamp(path: str) -> Stamp | None:
    """Return the stamp of a file or a folder, or None where there is neither."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return Stamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def add(path: str | os.PathLike[str]) -> None:
    """Note that a file, or whether there is one, is about to be looked at."""
    absolute = os.path.abspath(path)
    if absolute not in stamps:
        stamps[absolute] = stamp(absolute)


def variable(name: str) -> str | None:
    """Return the value of a variable of the environment, and note that it was asked for."""
    variables.add(name)
    return os.environ.get(name)


def follow(path: str | os.PathLike[str]) -> None:
    """Note the links on the way to a file."""
    waiting, at = os.path.abspath(path).split(os.sep)[::-1], os.sep
    while waiting and len(links) < 10_000:
        at = os.path.join(at, waiting.pop())
        try:
            if stat.S_ISLNK(os.lstat(at).st_mode):
                links[at] = os.readlink(at)
                waiting += os.path.normpath(os.path.join(os.path.dirname(at), links[at])).split(os.sep)[::-1]
                at = os.sep
        except OSError:
            return


def watch() -> None:
    """Note all that is opened or listed from now on, until ``stop``."""
    global _watching  # noqa: PLW0603 - Python keeps a hook for ever
    if not _watching:
        sys.addaudithook(_heard)
    _watching = True


def stop() -> None:
    """Note no more."""
    global _watching  # noqa: PLW0603
    _watching = False


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching or len(stamps) > MOST_STAMPS:
        return
    if event in ("open", "os.listdir", "os.scandir"):
        path = "." if arguments[0] is None else arguments[0]
        if isinstance(path, (str, bytes, os.PathLike)):
            add(os.fsdecode(path))
    elif event in _PROGRAMS:
        unsure.add(event)
