"""What is on the disk, and not only in memory: what is written down of a file has to outlive a power loss with it."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from pathlib import Path

UNWRITTEN_NS = 600 * 1_000_000_000
"""A file that was changed longer ago is on the disk: systems write after 30 s and a commit, laptops after minutes."""
UNKNOWN = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EROFS}
"""What a file system says that cannot be asked for this."""


def sync(path: str | Path) -> None:
    """Return when a file's bytes, or a folder's names, are on the disk; raises ``OSError`` where they cannot be.

    Windows syncs only what may be written to, and no folders: there it is left to the system.
    """
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in UNKNOWN:
            raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        os.close(descriptor)


def synced(path: str | Path) -> bool:
    """Return whether somebody else's file or folder, as it is now, is on the disk, and see to it where it is young."""
    with contextlib.suppress(OSError):
        status = os.stat(path)
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            return True
        now_ns = time.time_ns()
        # a clock that was set back makes files that seem to come from the future
        if any(abs(now_ns - stamp) < UNWRITTEN_NS for stamp in (status.st_mtime_ns, status.st_ctime_ns)):
            sync(path)
        return True
    return False
