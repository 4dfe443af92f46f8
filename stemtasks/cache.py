"""The action cache and the content-addressed store: which outputs a key made, and their bytes.

    store/blobs/<2>/<sha256>      an output's bytes, named by their digest
    store/entries/<2>/<key>.json  {"outputs": {role: {bytes, xxh3, sha256}}, ...}: what an action of that key made

Bytes and digests only, never audio. A blob is checked by digest on every read, so one that is missing,
truncated or altered is a miss and is removed; an entry counts only when all its blobs are good, and
when it is whole and that of its key.
Blobs share their bytes with the files in the tree where the file system can (a clone, else a hard link,
read-only because of that), else they are copied. Nothing here raises for a store that is full or
damaged: it is then no store.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import uuid
from pathlib import Path
from typing import Any

from stemtasks.digests import Digest, read_digest

FICLONE = 0x40049409
READ_ONLY = 0o444
FORMAT = 1
"""Of an entry; one of another format is not there."""


class Store:
    """A folder of blobs and entries."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def entry(self, key: str) -> dict[str, Any] | None:
        """Return what is known of a key, or None; the blobs are not looked at."""
        try:
            entry = json.loads(self._entry_path(key).read_bytes())
            if entry.pop("mark") != _mark(entry) or (entry["key"], entry["format"]) != (key, FORMAT):
                return None
            {role: Digest(**digest) for role, digest in entry["outputs"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
        return dict(entry)

    def holds(self, entry: dict[str, Any]) -> bool:
        """Return whether all blobs of an entry are there, of the right size; they are read when restored."""
        try:
            sizes = {digest["sha256"]: digest["bytes"] for digest in entry["outputs"].values()}
            return all(self._blob_path(sha256).stat().st_size == size for sha256, size in sizes.items())
        except OSError:
            return False

    def restore(self, entry: dict[str, Any], outputs: dict[str, Path]) -> dict[str, Digest] | None:
        """Put every output of an entry at its path, and return their digests; None if any is missing or bad."""
        wanted = {role: Digest(**digest) for role, digest in entry["outputs"].items()}
        if wanted.keys() != outputs.keys():
            return None
        blobs = {role: self._blob_path(digest.sha256) for role, digest in wanted.items()}
        try:
            if not all(blob.exists() for blob in blobs.values()):
                return None
            for role, digest in wanted.items():
                share(blobs[role], outputs[role])
                # what has been put there is read, not what it was made of
                if read_digest(outputs[role]) != digest:
                    blobs[role].unlink(missing_ok=True)
                    return None
        except OSError:
            return None
        return wanted

    def keep(self, key: str, outputs: dict[str, tuple[Path, Digest]], extra: dict[str, Any]) -> None:
        """Take finished outputs and the entry that leads to them; the entry last, whole or not at all."""
        made = {role: digest._asdict() for role, (_, digest) in outputs.items()}
        entry = {"format": FORMAT, "key": key, "outputs": made, **extra}
        with contextlib.suppress(OSError):
            for path, digest in outputs.values():
                blob = self._blob_path(digest.sha256)
                if not blob.exists() or blob.stat().st_size != digest.bytes:
                    self._place(blob, lambda temporary, path=path: share(path, temporary))
            text = json.dumps({**entry, "mark": _mark(entry)}, sort_keys=True).encode()
            self._place(self._entry_path(key), lambda temporary: temporary.write_bytes(text))

    def _place(self, final: Path, write: Any) -> None:
        """Write in the store's own work folder and rename, so that a reader sees all of it or nothing."""
        final.parent.mkdir(parents=True, exist_ok=True)
        work = self.folder / "work"
        work.mkdir(exist_ok=True)
        temporary = work / f"{os.getpid()}-{uuid.uuid4().hex}"
        try:
            write(temporary)
            os.replace(temporary, final)
        finally:
            # renaming a hard link onto another of the same file leaves both
            temporary.unlink(missing_ok=True)

    def _blob_path(self, sha256: str) -> Path:
        if len(sha256) != 64 or not sha256.isalnum():
            raise OSError(errno.EINVAL, "not a digest")
        return self.folder / "blobs" / sha256[:2] / sha256

    def _entry_path(self, key: str) -> Path:
        return self.folder / "entries" / key[:2] / f"{key}.json"


def share(source: Path, target: Path) -> None:
    """Make ``target`` hold ``source``'s bytes, without a second copy on disk where the file system can."""
    if not _cloned(source, target):
        try:
            os.link(source, target)
        except OSError:
            shutil.copyfile(source, target)
    protect(target)


def protect(path: Path) -> None:
    """Make a file read-only, where the file system knows of that."""
    with contextlib.suppress(OSError):
        os.chmod(path, READ_ONLY)


def _mark(entry: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()


def _cloned(source: Path, target: Path) -> bool:
    """Clone copy-on-write (Linux: btrfs, XFS, ...), and return whether that worked."""
    try:
        import fcntl  # noqa: PLC0415 - not on Windows
    except ImportError:
        return False
    with open(source, "rb") as reader, open(target, "xb") as writer:
        try:
            fcntl.ioctl(writer.fileno(), FICLONE, reader.fileno())
        except OSError:
            pass
        else:
            return True
    os.unlink(target)
    return False
