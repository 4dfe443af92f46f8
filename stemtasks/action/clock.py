"""Whether a file's stamp can be trusted: whether a change from now on would show in it.

A change within one tick of a disk's clock leaves the stamp as it is. The clock is asked of the disk itself, by touching
a file of ours: a server's is not this machine's, this machine's may be set back, and some disks count whole seconds.
Of another disk, on which nothing of ours lies, only files that are older than an hour are trusted.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

from stemtasks.cache.digest import Signature

FINE_NS = 20_000_000
"""Twice the longest tick of a kernel that counts parts of a second."""
COARSE_NS = 2_000_000_000
"""The tick of a disk that counts whole seconds, or two as FAT does."""
ELSEWHERE_NS = 3_600_000_000_000


class Clock:
    """The clock of the disk that a folder is on."""

    def __init__(self, folder: Path) -> None:
        self._probe = folder / "clock"

    def settled(self, path: str | Path, at: Signature | None, *, by_mtime: bool = False, ago_ns: int = 0) -> bool:
        """Return whether a change to a file now, or ``ago_ns`` ago, must show in its stamp.

        ``by_mtime`` leaves out ctime, for a file that only a build writes to: its new name has just changed that.
        """
        return self.all_settled([(path, at)], by_mtime=by_mtime, ago_ns=ago_ns)

    def all_settled(
        self, stamps: Iterable[tuple[str | Path, Signature | None]], *, by_mtime: bool = False, ago_ns: int = 0
    ) -> bool:
        """Return whether that is so of each of some files; the disk is asked for its time once."""
        try:
            here = self._asked()
            return all(
                at is not None and _settled(os.stat(path).st_dev, at, here, by_mtime, ago_ns) for path, at in stamps
            )
        except OSError:
            return False

    def _asked(self) -> os.stat_result:
        try:
            os.utime(self._probe)
        except FileNotFoundError:
            self._probe.touch()
        return os.stat(self._probe)


def _settled(device: int, at: Signature, here: os.stat_result, by_mtime: bool, ago_ns: int) -> bool:
    now_ns, tick_ns = time.time_ns(), ELSEWHERE_NS
    if device == here.st_dev:
        now_ns, tick_ns = here.st_mtime_ns, FINE_NS if here.st_mtime_ns % 1_000_000_000 else COARSE_NS
    times_ns = [at.mtime_ns] if by_mtime else [at.mtime_ns, at.ctime_ns]
    return not any(now_ns - ago_ns - tick_ns <= time_ns <= now_ns + tick_ns for time_ns in times_ns)
