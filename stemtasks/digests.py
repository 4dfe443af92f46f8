"""Digests of files, each read at most once while it stays as it is.

xxh3-128 says whether a file changed; sha256 says whether bytes are what they claim to be. Size, mtime,
ctime and inode together are the reason not to read a file again: mtime alone is kept by copying tools.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, Self

import xxhash

from stemtasks.errors import AudioError, CacheError
from stemtasks.records import Records

CHUNK_BYTES = 1 << 20
RACY_NS = 50_000_000
"""A file changed less than this before it was read could change again within one tick of its clock."""
COARSE_NS = 2_000_000_000
"""The same where a file system counts whole seconds, or two as FAT does."""
MOST_NAMES = 8
"""Of one file: more are not kept track of, and read again when they are asked for."""


class Digest(NamedTuple):
    """What a file holds."""

    bytes: int
    xxh3: str
    sha256: str


class Signature(NamedTuple):
    """Why a file need not be read again."""

    bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int


def signature(path: str | Path) -> Signature | None:
    """Return a file's signature, or None where there is no regular file (reading a named pipe would wait for ever)."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return Signature(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


class Reading:
    """Both digests of a file as far as it has been read, in constant memory."""

    def __init__(self, path: str | Path) -> None:
        self.path = path
        self._fast, self._strong, self._count = xxhash.xxh3_128(), hashlib.sha256(), 0

    def until(self, stop: int | None = None) -> None:
        """Read on, to the end or until ``stop`` bytes are read."""
        buffer = memoryview(bytearray(CHUNK_BYTES))
        with open(self.path, "rb", buffering=0) as file:
            file.seek(self._count)
            left = CHUNK_BYTES if stop is None else stop - self._count
            while left > 0 and (size := file.readinto(buffer[:left])):
                self._fast.update(buffer[:size])
                self._strong.update(buffer[:size])
                self._count += size
                left = CHUNK_BYTES if stop is None else stop - self._count

    def digest(self) -> Digest:
        """Return the digests of what was read."""
        return Digest(self._count, self._fast.hexdigest(), self._strong.hexdigest())


def read_digest(path: str | Path) -> Digest:
    """Return both digests of a file, read once."""
    reading = Reading(path)
    reading.until()
    return reading.digest()


class Ahead:
    """Digests of files whose beginnings are read in a thread of its own while their rest is written."""

    def __init__(self) -> None:
        self._readings: dict[Path, Reading] = {}
        self._thread = ThreadPoolExecutor(1, "ahead")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()

    def final(self, path: Path, start: int, stop: int) -> None:
        """Read a file on from ``start`` to ``stop``, or from the beginning where it was written anew."""
        if start == 0:
            self._readings[path] = Reading(path)
        self._thread.submit(self._readings[path].until, stop)

    def digest(self, path: Path) -> Digest:
        """Return the digest of a file that is whole."""
        self._thread.shutdown()
        reading = self._readings.pop(path, None) or Reading(path)
        reading.until()
        return reading.digest()


def read_xxh3(path: str | Path) -> str:
    """Return a file's xxh3-128."""
    fast = xxhash.xxh3_128()
    buffer = memoryview(bytearray(CHUNK_BYTES))
    with open(path, "rb", buffering=0) as file:
        while size := file.readinto(buffer):
            fast.update(buffer[:size])
    return fast.hexdigest()


def is_of(path: str | Path, digest: Digest) -> bool:
    """Return whether a file has a digest's size and xxh3."""
    return os.stat(path).st_size == digest.bytes and read_xxh3(path) == digest.xxh3


class Digests:
    """Digests by path, kept in the records from run to run."""

    def __init__(self, records: Records) -> None:
        self._records = records
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

    def publish(self, path: str, digest: Digest) -> None:
        """Take the digest of a file that this process has just put in place."""
        now = signature(path)
        if now is None:
            return
        self._keep(path, now, digest)
        # its new name has changed the times of a file that has others
        for other in tuple(self._names[now.inode]):
            if other != path and self._known[other][1] == digest and signature(other) == now:
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
        """Read the file until it holds still; keep sha256 where xxh3 says that nothing changed."""
        for _ in range(3):
            before = signature(path)
            if before is None:
                return None
            if known is not None and known[0] == before:
                return known[1]
            try:
                digest = known[1] if known is not None and is_of(path, known[1]) else read_digest(path)
            except OSError as error:
                raise AudioError(f"{path}: cannot be read ({error.strerror})") from None
            if signature(path) == before:
                # a file younger than a tick of its clock is read again by whoever asks next
                if not _racy(before, time.time_ns()):
                    self._keep(path, before, digest)
                return digest
        raise AudioError(f"{path}: keeps changing while it is read; close what writes it and run doit again")


def _racy(at: Signature, now_ns: int) -> bool:
    """Return whether a file could change now and keep its signature; times far in the past or future cannot recur."""
    stamps = (at.mtime_ns, at.ctime_ns)
    tick_ns = RACY_NS if any(stamp % 1_000_000_000 for stamp in stamps) else COARSE_NS
    return any(abs(now_ns - stamp) <= tick_ns for stamp in stamps)
