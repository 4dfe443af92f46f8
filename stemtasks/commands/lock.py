"""One build at a time in a tree: a lock that the kernel holds for a process, in a file that says for whom.

The kernel lets go when the process ends, however it ends, so a dead owner blocks nobody. POSIX record locks
and not ``flock`` (which the package ``filelock`` takes): worker processes that the owner forked inherit a
``flock`` and would hold it on after the owner was killed. Their one trap is that closing *any* descriptor of
the file lets go, so nothing in the owner opens the file again. The file stays where it is: removing it would
give two builds a lock each.
"""

from __future__ import annotations

import errno
import os
import platform
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path

from stemtasks.errors import CacheError

POLL_SECONDS = 0.1
OWNER_BYTES = 400
LOCKED_BYTE = 1 << 30
"""On Windows a locked byte cannot be read, so it lies far behind the text."""


def hold(path: Path, wait: bool, say: Callable[[str], None]) -> int:
    """Take the lock for as long as this process lives, or until the descriptor that is returned is closed.

    While another process has it, ``say`` that once and wait, or without ``wait`` raise ``CacheError``.
    """
    said = False
    while True:
        descriptor = _opened(path)
        try:
            if _taken(descriptor):
                if _is_still(path, descriptor):
                    _write_owner(descriptor)
                    return descriptor
                os.close(descriptor)
                continue
            held = f"{path.parent.parent}: another build is at work there{_owner(descriptor)}"
            os.close(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        if not wait:
            raise CacheError(f"{held}; run doit again when it has ended, or without --no-wait to wait for it")
        if not said:
            say(f"{held}; waiting for it to end")
            said = True
        time.sleep(POLL_SECONDS)


def _opened(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise CacheError(
            f"{path.parent}: the build's lock cannot be written there ({error.strerror}); "
            "make the folder writable or free some space"
        ) from None


def _taken(descriptor: int) -> bool:
    """Return whether this process has the lock now; on a disk without locks every process has it."""
    try:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415

            os.lseek(descriptor, LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl  # noqa: PLC0415

            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
    return True


def _is_still(path: Path, descriptor: int) -> bool:
    """Return whether the file is the one at its path: ``build/`` may have been removed meanwhile."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except OSError:
        return False


def _write_owner(descriptor: int) -> None:
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
    text = f"process {os.getpid()} on {platform.node()}, since {time.strftime('%H:%M:%S')}: {command}\n"
    try:
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, text.encode("utf-8", "replace")[:OWNER_BYTES])
    except OSError:  # a full disk: the lock holds, and only its owner's name is lost
        pass


def _owner(descriptor: int) -> str:
    """Return who has the lock, in brackets; nothing where the file does not say."""
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
        text = os.read(descriptor, OWNER_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
    line = "".join(character for character in text.partition("\n")[0] if character.isprintable())
    return f" ({line})" if line else ""
