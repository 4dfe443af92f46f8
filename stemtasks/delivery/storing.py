"""Writing what is handed over: a zip, or the same files in a folder.

A zip is stored, not deflated (float audio shrinks by 8 % for 40 times the time). It is the same bytes for the same
inputs: members in a fixed order, one fixed date and mode, nothing in it of the clock or the machine.
"""

from __future__ import annotations

import contextlib
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, BinaryIO

from stemtasks.delivery.dressing import AS_IT_IS, Dressed
from stemtasks.delivery.zip_entry import entry
from stemtasks.errors import VerificationError
from stemtasks.progress import on_final, on_frames

COPY_BYTES = 1 << 20


class Stored(ABC):
    """What is being written, file by file."""

    @abstractmethod
    def write(self, name: str, content: bytes) -> None:
        """Store a file of a content."""

    @abstractmethod
    def opened(self, name: str, size: int) -> AbstractContextManager[IO[bytes]]:
        """Give a file of a size to write to."""

    @abstractmethod
    def settle(self) -> None:
        """Tell who reads along that what is written by now stays as it is."""

    def copy(
        self, sources: Mapping[str, Path], frames: int, dressed: Mapping[str, Dressed | None]
    ) -> dict[str, dict[str, Any]]:
        """Store files in blocks, each read once; what is stored can be read by others before the rest is.

        Return digest and size of those that are ``dressed``. ``frames`` are what a person who looks
        on is told of at the end.
        """
        found = {}
        tick = on_frames.get()
        total, copied = sum(path.stat().st_size for path in sources.values()), 0
        buffer = memoryview(bytearray(COPY_BYTES))
        for name, path in sources.items():
            own = dressed[name]
            head, skipped, end = own or AS_IT_IS
            size, digest = path.stat().st_size + len(head) - skipped + len(end), sha256(head)
            with path.open("rb", buffering=0) as source, self.opened(name, size) as member:
                member.write(head)
                copied += source.seek(skipped)
                while count := source.readinto(buffer):
                    member.write(buffer[:count])
                    if own:
                        digest.update(buffer[:count])
                    copied += count
                    if tick is not None:
                        tick(frames * copied // total)
                member.write(end)
            if own:
                digest.update(end)
                found[name] = {"sha256": digest.hexdigest(), "bytes": size}
            self.settle()
        return found


class Zipped(Stored):
    """A zip, all of it in one folder."""

    def __init__(self, file: BinaryIO, archive: zipfile.ZipFile, folder: str) -> None:
        self._file, self._archive, self._folder = file, archive, folder
        self._settled = 0

    def write(self, name: str, content: bytes) -> None:
        """Store a file of a content."""
        self._archive.writestr(entry(f"{self._folder}/{name}"), content)

    def opened(self, name: str, size: int) -> AbstractContextManager[IO[bytes]]:
        """Give a file of a size to write to."""
        return self._archive.open(entry(f"{self._folder}/{name}", size), "w")

    def settle(self) -> None:
        """Tell who reads along that what is written by now stays as it is."""
        self._file.flush()
        final = on_final.get()
        if final is not None:
            final(Path(self._file.name), self._settled, self._file.tell())
            self._settled = self._file.tell()


class Laid(Stored):
    """Files in a folder; where each is to lie is known before."""

    def __init__(self, places: Mapping[str, Path]) -> None:
        self._places = dict(places)

    def write(self, name: str, content: bytes) -> None:
        """Store a file of a content."""
        self._place(name).write_bytes(content)

    def opened(self, name: str, size: int) -> AbstractContextManager[IO[bytes]]:  # noqa: ARG002 - as of a zip
        """Give a file of a size to write to."""
        return self._place(name).open("wb")

    def settle(self) -> None:
        """Have nothing to tell: files are whole when they have their names."""

    def finish(self) -> None:
        """Insist that all is there that was to be."""
        if self._places:
            raise VerificationError(f"no delivery format wrote {', '.join(self._places)}, as their names promise")

    def _place(self, name: str) -> Path:
        if name not in self._places:
            raise VerificationError(f"a delivery format wrote {name!r}, which is not among its names")
        return self._places.pop(name)


@contextlib.contextmanager
def stored(path: Path, folder: str) -> Iterator[Stored]:
    """Give a zip to write to, whose files lie in one folder; where writing ends early, nothing is left of it."""
    try:
        with (
            path.open("wb") as file,
            zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive,
        ):
            yield Zipped(file, archive, folder)
    except BaseException:
        # zipfile closes an interrupted archive into a whole one that lacks files
        path.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def laid(places: Mapping[str, Path]) -> Iterator[Stored]:
    """Give a folder to write to, by the names of its files."""
    folder = Laid(places)
    yield folder
    folder.finish()
