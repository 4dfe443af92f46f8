"""A file whose first bytes read as others: the audio is the file's own, the header one that libsndfile knows."""

from __future__ import annotations

import io
import os
from pathlib import Path


class Beginning(io.RawIOBase):
    """The bytes ``head``, then those of a file behind its first ``skipped`` ones; for reading alone."""

    def __init__(self, path: Path, head: bytes, skipped: int) -> None:
        self._file = open(path, "rb")  # noqa: SIM115 - closed by close
        self._head, self._shift = head, skipped - len(head)
        self._length = os.fstat(self._file.fileno()).st_size - self._shift
        self._position = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a byte, counted from the start, the position or the end."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._length}[whence]
        self._position = max(0, start + offset)
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # soundfile gives a buffer of cffi
        """Fill the buffer, and return how many bytes came; fewer at the end, or where the disk fails."""
        wanted = memoryview(buffer).cast("B")
        done = len(part := self._head[self._position : self._position + len(wanted)])
        wanted[:done] = part
        self._position += done
        if done < len(wanted) and self._position >= len(self._head):
            try:
                self._file.seek(self._position + self._shift)
                read = self._file.readinto(wanted[done:])
            except OSError:  # told as a file that is cut short: libsndfile has no way to hand this on
                read = 0
            self._position += read
            done += read
        return done

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()
