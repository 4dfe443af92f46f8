"""What a build rests on, looked at again and again for what has changed since.

``os.stat`` of each file, and no events of the system: it is the same on every disk, also on one of a network or a
container, for files anywhere, for files that are not there yet, and however an editor saves.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import xxhash

from stemtasks import seen
from stemtasks.paths import SPEC
from stemtasks.plugins import PARTS

LOOK_S = 0.1
LEAST_REST = 20
"""A look takes at most one part in so many of the time."""
QUIET_S = 0.1
"""An editor may save by several writes: a build begins when nothing has changed for as long."""
MOST_QUIET_S = 2.0
READ_BYTES = 1 << 20
"""A file that is no larger is known by its content: a save that changes nothing is none."""
FIXED = ("dodo.py", "stemtasks.toml")

Content = seen.Stamp | str | None


class Followed:
    """Files and folders, and what they were when the build that is under way, or was the last, began."""

    def __init__(self) -> None:
        self._paths: set[str] = set()
        self._known: dict[str, tuple[seen.Stamp | None, Content]] = {}
        self._begun: dict[str, Content] = {}
        self.rest_s = LOOK_S
        """How long to wait until the next look."""

    def begin(self) -> None:
        """Note that a build begins: what is there now is what it reads, or it is newer."""
        self._begun = self._look()

    def learn(self, stamps: dict[str, seen.Stamp | None]) -> None:
        """Follow these too, on which the build rests, each with the stamp that it had before it was read."""
        for path, at in stamps.items():
            if path not in self._paths:
                self._paths.add(path)
                now = self._content(path)
                self._begun.setdefault(path, now if self._known[path][0] == at else at)

    def changed(self) -> bool:
        """Return whether a build would read anything else than the one that began last."""
        return self._look() != self._begun

    def settle(self) -> None:
        """Wait until what changes has not changed for a moment."""
        began = time.monotonic()
        before = self._look()
        while time.monotonic() - began < MOST_QUIET_S:
            time.sleep(QUIET_S)
            now = self._look()
            if now == before:
                return
            before = now

    def _look(self) -> dict[str, Content]:
        began = time.perf_counter()
        found = {path: self._content(path) for path in {*self._paths, *_always()}}
        self.rest_s = max(LOOK_S, LEAST_REST * (time.perf_counter() - began))
        return found

    def _content(self, path: str) -> Content:
        """Return what a file holds, or its stamp, or the names in a folder; None where there is neither."""
        at = seen.stamp(path)
        known = self._known.get(path)
        if known is None or known[0] != at:
            known = self._known[path] = (at, None if at is None else _content_of(path, at))
        return known[1]


def _always() -> Iterator[str]:
    """Yield what is followed also where no build has read it: songs and parts, also those that came later."""
    yield from map(os.path.abspath, FIXED)
    for folder, ending in ((SPEC, "*.toml"), (SPEC, "albums/*.toml"), (Path(PARTS), "**/*.py")):
        yield from (os.path.abspath(path) for path in folder.glob(ending) if _is_kept(path.name))


def _content_of(path: str, at: seen.Stamp) -> Content:
    try:
        if os.path.isdir(path):
            return _digest(sorted(name.encode(errors="surrogateescape") for name in os.listdir(path) if _is_kept(name)))
        if at.bytes <= READ_BYTES and os.path.isfile(path):
            with open(path, "rb") as file:
                return _digest([file.read()])
    except OSError:
        pass
    return at


def _digest(parts: Iterable[bytes]) -> str:
    return xxhash.xxh3_128_hexdigest(b"\0".join(parts))


def _is_kept(name: str) -> bool:
    """Return whether a name is not one that editors leave beside a file while they save it."""
    return not name.startswith((".", "#")) and not name.endswith(("~", ".tmp", ".swp", ".pyc"))
