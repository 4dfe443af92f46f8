"""Where a shared store's files lie: a folder, or a bucket behind obstore. Names in, bytes out; three ways to fail.

Nothing here judges what the bytes say. obstore is imported when a bucket is first used: a build with
nothing to do never asks. Its messages may quote a signed address and are therefore not passed on.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import socket
import stat
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from stemtasks import durable
from stemtasks.cache.settings import CacheTable, folder_of

PIECE_BYTES = 1 << 20
STALE_SECONDS = 24 * 3600
RETRIES = 2
WRITE_PATIENCE = 6
"""A part of 5 MB on a slow uplink takes longer than an answer: its time-out is so many times as long."""


class Missing(Exception):  # noqa: N818 - not a mistake
    """There is no such file."""


class Refused(Exception):  # noqa: N818
    """The service does not let us."""


class Unreachable(Exception):  # noqa: N818
    """The service does not answer, or not with what was asked for; the text is a phrase for a person."""


class Remote(Protocol):
    """Files by name; every method may raise ``Missing``, ``Refused`` or ``Unreachable``."""

    def read(self, name: str) -> Iterator[bytes]:
        """Yield a file's bytes in pieces."""

    def size(self, name: str) -> int | None:
        """Return a file's size in bytes, or None where there is none or it cannot be known."""

    def write(self, name: str, content: Path | bytes) -> None:
        """Put a file, replacing the one there is; a reader sees all of it or the old one."""

    def listed(self, folder: str) -> Iterator[int]:
        """Yield the sizes of all files under a folder."""


class Folder:
    """A folder, often of another machine."""

    def __init__(self, folder: Path, writable: bool) -> None:
        self.folder = folder
        if writable:
            # only at the start: a folder that disappears halfway is not made anew under an empty mount point
            with contextlib.suppress(OSError):
                folder.mkdir(parents=True, exist_ok=True)
            self._sweep()

    def read(self, name: str) -> Iterator[bytes]:
        """Yield a file's bytes in pieces."""
        with self._spoken(), open(self.folder / name, "rb", buffering=0, opener=_opened_at_once) as file:
            while piece := file.read(PIECE_BYTES):
                yield piece

    def size(self, name: str) -> int | None:
        """Return a file's size in bytes, or None where there is none."""
        try:
            with self._spoken():
                return (self.folder / name).stat().st_size
        except Missing:
            return None

    def write(self, name: str, content: Path | bytes) -> None:
        """Write aside and rename; always a copy, because another user must not share an inode with this tree."""
        with self._spoken():
            if not self.folder.is_dir():
                raise FileNotFoundError
            final, work = self.folder / name, self.folder / "work"
            final.parent.mkdir(parents=True, exist_ok=True)
            work.mkdir(exist_ok=True)
            # others may write here too: a link of theirs must not lead this write elsewhere
            if not all(place.resolve().is_relative_to(self.folder.resolve()) for place in (final.parent, work)):
                raise PermissionError
            temporary = work / f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex}"
            try:
                if isinstance(content, bytes):
                    temporary.write_bytes(content)
                else:
                    shutil.copyfile(content, temporary)
                durable.sync(temporary)
                os.replace(temporary, final)
            finally:
                temporary.unlink(missing_ok=True)

    def listed(self, folder: str) -> Iterator[int]:
        """Yield the sizes of all files under a folder."""
        with self._spoken():
            if not self.folder.is_dir():
                raise FileNotFoundError
            for path in (self.folder / folder).glob("*/*"):
                yield path.stat().st_size

    @contextlib.contextmanager
    def _spoken(self) -> Iterator[None]:
        """Turn the system's errors into the three of this module."""
        try:
            yield
        except FileNotFoundError:
            if not self.folder.is_dir():
                raise Unreachable("no such folder") from None
            raise Missing from None
        except PermissionError:
            raise Refused from None
        except OSError as error:
            raise Unreachable(error.strerror or "it cannot be used") from None

    def _sweep(self) -> None:
        """Remove what killed builds left half-written; whose machine they ran on cannot be asked, only how long ago."""
        with contextlib.suppress(OSError):
            for path in (self.folder / "work").iterdir():
                if time.time() - path.stat().st_mtime > STALE_SECONDS:
                    path.unlink()


def _opened_at_once(path: str, flags: int) -> int:
    """Open a file without waiting for anybody; raise for a named pipe or a device, which would never end."""
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it holds what is no file")
    return descriptor


class Bucket:
    """A bucket of S3 (and what speaks like it), GCS or Azure; credentials come from the service's own environment."""

    def __init__(self, table: CacheTable) -> None:
        import obstore  # noqa: PLC0415 - an extra, and never in a build with nothing to do
        from obstore import exceptions  # noqa: PLC0415

        self._obstore: Any = obstore
        self._refused = (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError)
        self._errors = (exceptions.BaseError, OSError, ValueError)
        try:
            self._reader = _connected(table, table.timeout_seconds)
            self._writer = _connected(table, table.timeout_seconds * WRITE_PATIENCE)
        except self._errors:
            raise Unreachable("its address or [cache] options are not what the service expects") from None

    def read(self, name: str) -> Iterator[bytes]:
        """Yield a file's bytes in pieces."""
        with self._spoken():
            yield from self._obstore.get(self._reader, name).stream(PIECE_BYTES)

    def size(self, name: str) -> int | None:
        """Return a file's size in bytes, or None where there is none, or where only writing is allowed."""
        try:
            with self._spoken():
                return int(self._obstore.head(self._reader, name)["size"])
        except (Missing, Refused):
            return None

    def write(self, name: str, content: Path | bytes) -> None:
        """Put a file; create-if-absent is not asked for, because not every server knows it."""
        with self._spoken():
            self._obstore.put(self._writer, name, content, max_concurrency=2)

    def listed(self, folder: str) -> Iterator[int]:
        """Yield the sizes of all files under a folder."""
        with self._spoken():
            for batch in self._obstore.list(self._reader, prefix=folder):
                yield from (int(file["size"]) for file in batch)

    @contextlib.contextmanager
    def _spoken(self) -> Iterator[None]:
        """Turn obstore's errors into the three of this module."""
        try:
            yield
        except FileNotFoundError:
            raise Missing from None
        except self._refused:
            raise Refused from None
        except self._errors as error:
            raise Unreachable(_phrase(error)) from None


def _connected(table: CacheTable, silence: float) -> Any:
    """Return obstore's view of a bucket; nothing is sent yet."""
    from obstore.store import from_url  # noqa: PLC0415

    connect: Any = from_url  # typed by the kind of address, which is not known here
    options = dict(table.options)
    endpoint = next((options[name] for name in options if "endpoint" in name), os.environ.get("AWS_ENDPOINT_URL", ""))
    return connect(
        table.shared,
        config=options or None,
        client_options={
            "allow_http": str(endpoint).startswith("http://"),
            "connect_timeout": timedelta(seconds=min(silence, 5.0)),
            "read_timeout": timedelta(seconds=silence),
            "timeout": timedelta(hours=1),
        },
        # a request that was silent for its whole time is not tried again, a refused or broken one is
        retry_config={"max_retries": RETRIES, "retry_timeout": timedelta(seconds=table.timeout_seconds)},
    )


def _phrase(error: Exception) -> str:
    """Return what went wrong in a few words that hold no address."""
    text = str(error)
    status = re.search(r"status code: (\d{3}[A-Za-z ]{0,40})", text)
    if status:
        return f"it answers {status[1].strip()}"
    if "timed out" in text.lower() or "TimedOut" in text:
        return "it does not answer in time"
    return "no connection" if "error sending request" in text else "its answer broke off"


def remote_of(table: CacheTable) -> Remote:
    """Return where the shared store of some settings lies; raises ``Unreachable``."""
    folder = folder_of(table.shared)
    return Bucket(table) if folder is None else Folder(folder, table.mode == "readwrite")
