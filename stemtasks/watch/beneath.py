"""Files of ``build/``, by names that strangers may have written: nothing else is opened."""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Callable
from typing import BinaryIO

from stemtasks.paths import BUILD, LAST_BUILDS
from stemtasks.watch.kinds import Kind

MOST_KEPT = 128
"""Files that are kept open."""


class Files:
    """The files that are served; one that a build at work has taken away, to make it anew, is there until it has."""

    def __init__(self, kind: Kind, is_building: Callable[[], bool]) -> None:
        self._within, self._prefix = kind.folder.relative_to(BUILD).parts, kind.prefix
        self._is_building = is_building
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, ...], int] = {}

    def open(self, names: list[str]) -> BinaryIO | None:
        """Return a file, by the names on the way to it, or None where there is none; it is read by ``os.pread``."""
        is_shown = all(map(is_name, names)) and names[-1].startswith(self._prefix)
        found = opened([*self._within, *names]) if is_shown or is_of_last_build(names) else None
        with self._lock:
            before = self._kept.pop(tuple(names), None)
            if found is None and before is not None and self._is_building():
                found = os.dup(before)
            if before is not None:
                os.close(before)
            if found is None:
                return None
            self._kept[tuple(names)] = os.dup(found)
            while len(self._kept) > MOST_KEPT:
                os.close(self._kept.pop(next(iter(self._kept))))
        return os.fdopen(found, "rb")


def is_name(name: str) -> bool:
    """Return whether a name of an address is one of a file or a folder that may be seen."""
    return bool(name) and not name.startswith(".") and not any(each in name for each in "/\\\0")


def is_of_last_build(names: list[str]) -> bool:
    """Return whether an address is that of a page of a last build: all of the state that may be seen."""
    *folders, name = names
    return tuple(folders) == LAST_BUILDS.relative_to(BUILD).parts and is_name(name)


def opened(names: list[str]) -> int | None:
    """Return the descriptor of a file below ``build/``, by the names on the way to it; None where there is none.

    Each is opened in the folder before it and no link is followed, whatever becomes of them meanwhile.
    """
    with contextlib.ExitStack() as folders:
        try:
            at = os.open(BUILD, os.O_RDONLY | os.O_DIRECTORY)
            folders.callback(os.close, at)
            for name in names[:-1]:
                at = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
                folders.callback(os.close, at)
            file = os.open(names[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=at)
        except (OSError, ValueError):
            return None
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        return None
    return file
