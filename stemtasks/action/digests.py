"""Digests of this tree's files, each read at most once while it stays as it is.

Size, mtime, ctime and inode together are the reason not to read a file again: mtime alone is kept by copying tools.
"""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

from stemtasks import durable
from stemtasks.action.clock import Clock
from stemtasks.action.records import Records
from stemtasks.cache.digest import Digest, Signature, read_digest, signature
from stemtasks.errors import AudioError, CacheError

MOST_NAMES = 8
"""Of one file: more are not kept track of, and read again when they are asked for."""

MOST_CHANGES, MOST_READS = 3, 50
"""Of one file: after so many changes of its bytes, or of anything, while it is read, it is given up."""


class Digests:
    """Digests by path, kept in the records from run to run."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self.clock = Clock(records.path.parent)
        self._known: dict[str, tuple[Signature, Digest]] = {}
        self._names: dict[int, list[str]] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def of(self, path: str) -> Digest | None:
        """Return the digest of a file as it is now, or None where there is none."""
        now = signature(path)
        if now is None:
            return None
        known = self._known.get(path) or self._recorded(path)
        if known is not None and known[0] == now:
            return known[1]
        with self._lock:
            lock = self._locks.setdefault(path, threading.Lock())
        with lock:
            known = self._known.get(path) or known
            return self._read(path, known)

    def known(self, path: str) -> Signature | None:
        """Return the signature that a file had when its digest was last asked for, if that was certain."""
        found = self._known.get(path)
        return found and found[0]

    def publish(self, file: Path, path: str, digest: Digest) -> None:
        """Give a file that is on the disk its name; one that is young is read again by whoever asks next."""
        self._known.pop(path, None)
        before = signature(file)
        settled = self.clock.settled(file, before, by_mtime=True)
        os.replace(file, path)
        now = signature(path)
        if now is None or before is None or not settled or now != before._replace(ctime_ns=now.ctime_ns):
            return
        self._keep(path, now, digest)
        # its new name has changed the times of a file that has others
        for other in tuple(self._names[now.inode]):
            known = self._known.get(other)
            if other != path and known is not None and known[1] == digest and signature(other) == now:
                self._keep(other, now, digest)

    def _learn(self, path: str, at: Signature, digest: Digest) -> None:
        self._known[path] = (at, digest)
        names = self._names.setdefault(at.inode, [])
        if path not in names and len(names) < MOST_NAMES:
            names.append(path)

    def _keep(self, path: str, at: Signature, digest: Digest) -> None:
        self._learn(path, at, digest)
        # where it cannot be written down, the next run reads the file again
        with contextlib.suppress(CacheError):
            self._records.put("files", path, [*at, *digest])

    def _recorded(self, path: str) -> tuple[Signature, Digest] | None:
        row = self._records.get("files", path)
        if not isinstance(row, list) or len(row) != len(Signature._fields) + len(Digest._fields):
            return None
        self._learn(path, Signature(*row[:4]), Digest(*row[4:]))
        return self._known[path]

    def _read(self, path: str, known: tuple[Signature, Digest] | None) -> Digest | None:
        """Read the file until it holds still; two files of one xxh3 can be made by arithmetic, so sha256 decides."""
        changes = 0
        for _ in range(MOST_READS):
            before = signature(path)
            if before is None:
                return None
            if known is not None and known[0] == before:
                return known[1]
            # who only looks has an answer for now
            settled = not self._records.writes or self.clock.settled(path, before)
            try:
                digest = read_digest(path)
            except OSError as error:
                raise AudioError(f"{path}: cannot be read ({error.strerror})") from None
            if signature(path) == before:
                # a file younger than a tick of its clock, or not yet on the disk, is read again by whoever asks next
                if settled and (not self._records.writes or durable.synced(path)):
                    self._keep(path, before, digest)
                return digest
            # another name for the same bytes, as equal stems have, changes one time of the file and nothing in it
            after = signature(path)
            changes += after is None or after._replace(ctime_ns=0) != before._replace(ctime_ns=0)
            if changes == MOST_CHANGES:
                break
        raise AudioError(f"{path}: keeps changing while it is read; close what writes it and run doit again")
