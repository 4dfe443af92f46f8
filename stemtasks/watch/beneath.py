"""Files of ``build/``, by names that strangers may have written: nothing else is opened."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import BinaryIO

from stemtasks.paths import BUILD


def is_name(name: str) -> bool:
    """Return whether a name of an address is one of a file or a folder that may be seen."""
    return bool(name) and not name.startswith(".") and not any(each in name for each in "/\\\0")


def opened(names: list[str]) -> BinaryIO | None:
    """Return a file below ``build/``, by the names on the way to it, open to be read; None where there is none.

    Each is opened in the folder before it and no link is followed, whatever becomes of them meanwhile.
    """
    if not all(map(is_name, names)):
        return None
    with contextlib.ExitStack() as folders:
        try:
            at = os.open(BUILD, os.O_RDONLY | os.O_DIRECTORY)
            folders.callback(os.close, at)
            for name in names[:-1]:
                at = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
                folders.callback(os.close, at)
            file = os.open(names[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=at)
        except (OSError, ValueError):
            return None
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        return None
    return os.fdopen(file, "rb")
