"""The action cache and the content-addressed store: which outputs a key made, and their bytes.

    store/blobs/<2>/<sha256>      an output's bytes, named by their digest
    store/entries/<2>/<key>.json  {"outputs": {role: {bytes, xxh3, sha256}}, ...}: what an action of that key made;
                                  its mtime is its last use
    store/bytes                   a line for what each build added; the sum is about what the store holds

Bytes and digests only, never audio. A blob is checked by digest on every read, so one that is missing,
truncated or altered is a miss and is removed; an entry counts only when all its blobs are good, and
when it is whole and that of its key. Several trees, and processes that remove old entries, may use one
folder at the same time: what vanishes is a miss.
Blobs share their bytes with the files in the tree where the file system can (a clone, else a hard link,
read-only because of that), else they are copied. Nothing here raises for a store that is full or
damaged: it is then no store.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import math
import os
import platform
import re
import time
import uuid
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from stemtasks.cache.digest import Digest, Signature, is_of, read_digest, signature
from stemtasks.links import link

FORMAT = 1
"""Of an entry; one of another format is not there."""
MOST_ENTRY_BYTES = 1 << 20
"""One that is longer is none: an entry names a handful of files."""
STALE_SECONDS = 24 * 3600
MOST_TRIES = 5
"""To keep something while somebody removes the folders that it would lie in."""
FORMS = {"xxh3": re.compile(r"[0-9a-f]{32}"), "sha256": re.compile(r"[0-9a-f]{64}")}


class Restored(NamedTuple):
    """What an entry says, and the digests of the files that it put in place."""

    entry: dict[str, Any]
    made: dict[str, Digest]


def checked(entry: Any) -> dict[str, Any] | None:
    """Return what may be used of an entry, whoever wrote it, or None if it is not one.

    Roles are compared with a job's and are never part of a path; the summary is shown on a terminal.
    """
    try:
        outputs = {role: Digest(**digest) for role, digest in entry["outputs"].items()}
        for digest in outputs.values():
            if type(digest.bytes) is not int or digest.bytes < 0:
                return None
            if not (FORMS["xxh3"].fullmatch(digest.xxh3) and FORMS["sha256"].fullmatch(digest.sha256)):
                return None
        summary, seconds, limits = str(entry["summary"]), float(entry["seconds"]), str(entry["limits"])
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None
    if not outputs or not summary.isprintable() or not (math.isfinite(seconds) and seconds >= 0):
        return None
    return {
        "outputs": {role: digest._asdict() for role, digest in outputs.items()},
        "summary": summary,
        "seconds": seconds,
        "limits": limits,
    }


class Store:
    """A folder of blobs and entries."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.added = 0
        self.refused = ""
        """Why something could not be kept, the last time that one could not."""
        self._arrived: dict[str, Signature | None] = {}

    def entry(self, key: str) -> dict[str, Any] | None:
        """Return what is known of a key, or None; the blobs are not looked at."""
        try:
            with open(self.entry_path(key), "rb") as file:
                entry = json.loads(file.read(MOST_ENTRY_BYTES))
            if entry.pop("mark") != _mark(entry) or (entry["key"], entry["format"]) != (key, FORMAT):
                return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
        return checked(entry)

    def holds(self, entry: dict[str, Any], roles: frozenset[str]) -> bool:
        """Return whether an entry has these roles, and its blobs are what it says: what ``restore`` would find."""
        if entry["outputs"].keys() != roles:
            return False
        digests = {Digest(**digest) for digest in entry["outputs"].values()}
        try:
            return all(is_of(self.blob_path(digest.sha256), digest) for digest in digests)
        except OSError:
            return False

    def restore(self, key: str, outputs: dict[str, Path]) -> Restored | None:
        """Put every output of a key's entry at its path; None if there is none, or any blob is missing or bad."""
        entry = self.entry(key)
        if entry is None or entry["outputs"].keys() != outputs.keys():
            return None
        wanted = {role: Digest(**digest) for role, digest in entry["outputs"].items()}
        blobs = {role: self.blob_path(digest.sha256) for role, digest in wanted.items()}
        try:
            if not all(blob.exists() for blob in blobs.values()):
                return None
            for role, digest in wanted.items():
                arrived = self._arrived.pop(digest.sha256, None)
                just_read = arrived is not None and arrived == signature(blobs[role])
                link(blobs[role], outputs[role])
                # what has been put there is read, not what it was made of; xxh3 is enough for what is damaged, and who
                # could forge it here could write the entry too: what comes from elsewhere was held to its sha256 then
                if not just_read and not is_of(outputs[role], digest):
                    if read_digest(outputs[role]).sha256 != digest.sha256:
                        blobs[role].unlink(missing_ok=True)
                    return None
            # the entry's time, never a blob's: a blob may be the very file that a tree's record knows by its times
            with contextlib.suppress(PermissionError):
                os.utime(self.entry_path(key))
        except OSError:
            return None
        return Restored(entry, wanted)

    def keep(self, key: str, outputs: dict[str, tuple[Path, Digest]], extra: dict[str, Any]) -> None:
        """Take finished outputs and the entry that leads to them; the entry last, whole or not at all.

        Where the store is removed meanwhile, it is begun again.
        """
        for tries_left in reversed(range(MOST_TRIES)):
            try:
                return self._keep(key, outputs, extra)
            except OSError as error:
                if not (isinstance(error, FileNotFoundError) and tries_left):
                    self.refused = error.strerror or str(error)
                    return None
        return None

    def _keep(self, key: str, outputs: dict[str, tuple[Path, Digest]], extra: dict[str, Any]) -> None:
        for path, digest in outputs.values():
            blob = self.blob_path(digest.sha256)
            if not blob.exists() or blob.stat().st_size != digest.bytes:
                with self.incoming() as temporary:
                    link(path, temporary)
                    self.take_blob(temporary, digest)
        made = {role: digest._asdict() for role, (_, digest) in outputs.items()}
        self.keep_entry(key, {"outputs": made, **extra})

    def take_blob(self, temporary: Path, digest: Digest, arrived: bool = False) -> None:
        """Give a file of the store's own work folder the name of its digest, which the caller has checked.

        One that ``arrived`` was hashed while it was written, and is not read again by the restore that waits for it.
        """
        blob = self.blob_path(digest.sha256)
        blob.parent.mkdir(parents=True, exist_ok=True)
        os.replace(temporary, blob)
        self.added += digest.bytes
        if arrived:
            self._arrived[digest.sha256] = signature(blob)

    def keep_entry(self, key: str, entry: dict[str, Any]) -> None:
        """Write what a key leads to; its blobs are there already."""
        path = self.entry_path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        entry = {"format": FORMAT, "key": key, **entry}
        with self.incoming() as temporary:
            temporary.write_bytes(json.dumps({**entry, "mark": _mark(entry)}, sort_keys=True).encode())
            os.replace(temporary, path)

    @contextlib.contextmanager
    def incoming(self) -> Iterator[Path]:
        """Give a path in the store's own work folder, from which to rename, so that a reader sees all or nothing."""
        work = self.folder / "work"
        work.mkdir(parents=True, exist_ok=True)
        temporary = work / f"{os.getpid()}-{_machine()}-{uuid.uuid4().hex}"
        try:
            yield temporary
        finally:
            # renaming a hard link onto another of the same file leaves both
            temporary.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what killed builds of this machine left, and what others left a day ago."""
        with contextlib.suppress(OSError):
            for path in (self.folder / "work").iterdir():
                process, _, rest = path.name.partition("-")
                if rest.startswith(_machine()) and process.isdecimal():
                    stale = not _lives(int(process))
                else:
                    stale = time.time() - path.lstat().st_ctime > STALE_SECONDS
                if stale:
                    path.unlink(missing_ok=True)

    def blob_path(self, sha256: str) -> Path:
        """Return where the bytes of a digest are kept."""
        return self._path("blobs", sha256, "")

    def entry_path(self, key: str) -> Path:
        """Return where the entry of a key is kept."""
        return self._path("entries", key, ".json")

    def _path(self, kind: str, name: str, suffix: str) -> Path:
        if not FORMS["sha256"].fullmatch(name):
            raise OSError(errno.EINVAL, "not a digest")
        return self.folder / kind / name[:2] / f"{name}{suffix}"


@cache
def _machine() -> str:
    """Return a word for where process numbers mean what they mean here: this machine, this container."""
    with contextlib.suppress(OSError):
        return hashlib.sha256(f"{platform.node()} {os.readlink('/proc/self/ns/pid')}".encode()).hexdigest()[:8]
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def _mark(entry: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()
