"""Two names for the same bytes, without a second copy on disk where the file system can; so they are read-only."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from pathlib import Path

FICLONE = 0x40049409
READ_ONLY = 0o444

_clone_nothing: set[int] = set()
"""The devices whose file system has said that it cannot: not asked again, since asking makes and removes a file."""


def link(source: Path, target: Path) -> None:
    """Make ``target`` hold ``source``'s bytes, without a second copy on disk where the file system can."""
    if not _cloned(source, target):
        try:
            os.link(source, target)
        except FileNotFoundError:
            raise
        except OSError:
            shutil.copyfile(source, target)
    protect(target)


def protect(path: Path) -> None:
    """Make a file read-only, where the file system knows of that."""
    with contextlib.suppress(OSError):
        os.chmod(path, READ_ONLY)


def _cloned(source: Path, target: Path) -> bool:
    """Clone copy-on-write (Linux: btrfs, XFS, ...), and return whether that worked."""
    try:
        import fcntl  # noqa: PLC0415 - not on Windows
    except ImportError:
        return False
    with open(source, "rb") as reader:
        device = os.fstat(reader.fileno()).st_dev
        if device in _clone_nothing:
            return False
        with open(target, "xb") as writer:
            try:
                fcntl.ioctl(writer.fileno(), FICLONE, reader.fileno())
            except OSError as error:
                if error.errno == errno.EOPNOTSUPP and os.fstat(writer.fileno()).st_dev == device:
                    _clone_nothing.add(device)
            else:
                return True
    os.unlink(target)
    return False
