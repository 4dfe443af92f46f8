"""Looking after the local store: what it holds, whether it is whole, and keeping it under its cap.

An entry's mtime is its last use, a blob is as old as the youngest entry that leads to it. An entry goes before its
blobs, so that none leads to a blob that upkeep removed; a build that runs meanwhile has a miss at worst.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stemtasks.cache.digest import Digest, read_digest
from stemtasks.cache.store import Store

GIGABYTE = 10**9
ORPHAN_SECONDS = 600
"""A blob that no entry leads to may be one whose entry another build is about to write."""


@dataclass
class Survey:
    """All of a store: sizes and times of blobs by digest, and of entries by key."""

    blobs: dict[str, os.stat_result] = field(default_factory=dict)
    entries: dict[str, tuple[os.stat_result, dict[str, Any]]] = field(default_factory=dict)
    unreadable: list[Path] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        """Return how much is kept, blobs and entries."""
        return sum(status.st_size for status in self.blobs.values()) + sum(
            status.st_size for status, _ in self.entries.values()
        )


def survey(store: Store) -> Survey:
    """Walk through a store."""
    found = Survey()
    for path in (store.folder / "blobs").glob("*/*"):
        with contextlib.suppress(OSError):
            found.blobs[path.name] = path.stat()
    for path in (store.folder / "entries").glob("*/*"):
        with contextlib.suppress(OSError):
            status = path.stat()
            entry = store.entry(path.stem)
            if entry is not None:
                found.entries[path.stem] = (status, entry)
            elif path.exists():
                found.unreadable.append(path)
    return found


def blobs_of(entry: dict[str, Any]) -> set[str]:
    """Return the digests of what an entry leads to."""
    return {output["sha256"] for output in entry["outputs"].values()}


def collect(store: Store, max_bytes: float, used: Collection[str]) -> tuple[int, int]:
    """Remove the least recently used until the store is under its cap; return bytes removed, and bytes left.

    What keys in ``used`` lead to is never removed, so that more than the cap may be left.
    """
    found = survey(store)
    left = before = found.bytes
    leading = Counter(digest for _, entry in found.entries.values() for digest in blobs_of(entry))
    for path in found.unreadable:
        _remove(path)
    now = time.time()
    for digest, status in found.blobs.items():
        if not leading[digest] and now - status.st_ctime > ORPHAN_SECONDS and _remove(store.blob_path(digest)):
            left -= status.st_size
    oldest_first = sorted(found.entries, key=lambda key: found.entries[key][0].st_mtime_ns)
    for key in oldest_first:
        if left <= max_bytes:
            break
        if key in used:
            continue
        status, entry = found.entries[key]
        if not _remove(store.entry_path(key)):
            continue
        left -= status.st_size
        for digest in blobs_of(entry):
            leading[digest] -= 1
            if not leading[digest] and digest in found.blobs and _remove(store.blob_path(digest)):
                left -= found.blobs[digest].st_size
    with contextlib.suppress(OSError), store.incoming() as temporary:
        temporary.write_text(f"{left}\n")
        os.replace(temporary, store.folder / "bytes")
    return before - left, left


def settle(store: Store, max_gb: float, used: Collection[str]) -> None:
    """Add what a build kept to the store's size, and collect if that is over the cap; a full walk only then."""
    with contextlib.suppress(OSError):
        size = store.folder / "bytes"
        if size.exists():
            with open(size, "a", encoding="ascii") as lines:  # one short write, so that two trees may
                lines.write(f"{store.added}\n")
        else:
            size.write_text(f"{survey(store).bytes}\n")
        store.added = 0
        if _sum(size.read_text(encoding="ascii", errors="replace").split()) > max_gb * GIGABYTE:
            collect(store, max_gb * GIGABYTE, used)


def _sum(lines: Iterable[str]) -> int:
    return sum(int(line) for line in lines if line.isdecimal())


def damaged(store: Store, repair: bool) -> list[str]:
    """Read every blob and return a line for each that is bad and each entry that leads nowhere; remove them to repair.

    Removed blobs are misses: the next build that needs them fetches or makes them.
    """
    lines = []
    found = survey(store)
    good: dict[str, Digest] = {}
    for digest in sorted(found.blobs):
        path = store.blob_path(digest) if len(digest) == 64 else None
        try:
            now = read_digest(path) if path else None
        except OSError:
            now = None
        if now is not None and now.sha256 == digest:
            good[digest] = now
        else:
            lines.append(f"blob {digest}: its bytes are not what its name says")
            if repair:
                _remove(store.folder / "blobs" / digest[:2] / digest)
    for path in found.unreadable:
        lines.append(f"entry {path.stem}: cannot be read")
        if repair:
            _remove(path)
    for key, (_, entry) in sorted(found.entries.items()):
        if any(good.get(output["sha256"]) != Digest(**output) for output in entry["outputs"].values()):
            lines.append(f"entry {key}: leads to a blob that is missing or bad")
            if repair:
                _remove(store.entry_path(key))
    return lines


def _remove(path: Path) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
