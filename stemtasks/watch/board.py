"""What there is to say to the pages: whether a build is at work, what is wrong, and which files are others than before.

The thread that builds writes, threads that serve read.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any, NamedTuple

from stemtasks.watch.kinds import REPORTS, Kind
from stemtasks.watch.places import place


class Wrong(NamedTuple):
    """A mistake: whose it is, a song's name or nothing where it is all songs'; its file and line; and what it is."""

    song: str
    where: str
    said: str


class Board:
    """All of it, for all songs."""

    def __init__(self, kind: Kind = REPORTS) -> None:
        self.kind = kind
        self._lock = threading.Lock()
        self._is_building = False
        self._wrong: list[Wrong] = []
        self._made: dict[str, tuple[tuple[int, ...] | None, str]] = {}
        self._shown: dict[str, str] = {}

    @property
    def is_building(self) -> bool:
        """Whether a build is at work."""
        return self._is_building

    def begin(self) -> None:
        """Note that a build begins; what was wrong stands until it says otherwise."""
        with self._lock:
            self._is_building = True

    def loaded(self, broken: list[list[str]]) -> None:
        """Note that the songs could be read, but for these: their names, and the mistakes of each."""
        with self._lock:
            self._wrong = [Wrong(song, *place(line)) for song, *lines in broken for line in lines]

    def failed(self, task: str, said: str) -> None:
        """Note that a task failed."""
        song = task.partition(":")[2].partition("/")[0]
        where, what = place(said)
        with self._lock:
            self._wrong.append(Wrong(song, where, f"{task}: {what}"))

    def made(self, digests: dict[str, str]) -> None:
        """Note that a task's files are right, and what they hold."""
        with self._lock:
            self._made.update({path: (_stamp(path), digest) for path, digest in digests.items()})

    def end(self, code: int, said: str) -> None:
        """Note that the build has ended: with nothing wrong, or it has been said, or else doit has said it."""
        with self._lock:
            self._is_building = False
            if code and not self._wrong:
                said = said.strip().removeprefix("ERROR: ") or f"doit ended with exit code {code}"
                self._wrong = [Wrong("", *place(said))]

    def stopped(self) -> None:
        """Note that the build was stopped."""
        with self._lock:
            self._is_building = False

    def shown(self, folder: str) -> dict[str, Any]:
        """Return what a page of a song's folder needs to know, as plain data; of the whole for ``""``."""
        begin = f"{self.kind.folder / folder}/"
        with self._lock:
            return {
                "building": self._is_building,
                "wrong": [each._asdict() for each in self._wrong if not folder or each.song in ("", folder)],
                "files": {path.removeprefix(begin): at for path in self._files(begin) if (at := self._version(path))},
            }

    def version(self, path: str) -> str:
        """Return what changes when a file of ``build/`` does, and only then; nothing where there is no file."""
        with self._lock:
            return self._version(path)

    def _files(self, begin: str) -> list[str]:
        """Return the files of a folder and of those in it, as far as they may be on a page."""
        there = {path.as_posix() for path in (*Path(begin).glob("*"), *Path(begin).glob("*/*")) if path.is_file()}
        return [
            path
            for path in sorted({*there, *(path for path in self._shown if path.startswith(begin))})
            if not path.endswith((".json", ".zip"))
            and "/." not in path
            and Path(path).name.startswith(self.kind.prefix)
        ]

    def _version(self, path: str) -> str:
        """Return a file's digest, as far as a build has said it; what one at work has not said yet is as before."""
        at = _stamp(path)
        told_at, digest = self._made.get(path, (None, ""))
        if at is not None and told_at == at:
            self._shown[path] = digest
        elif not (self._is_building and path in self._shown):
            self._shown[path] = "-".join(map(str, at or ()))
        return self._shown[path]


def _stamp(path: str) -> tuple[int, ...] | None:
    """Return what changes when a file is another; not what changes when it gets another name."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return (status.st_size, status.st_mtime_ns, status.st_ino)
