"""Writing a zip that is handed over: stored, not deflated (float audio shrinks by 8 % for 40 times the time).

It is the same bytes for the same inputs: members in a fixed order, one fixed date and mode, nothing in it of the clock
or the machine.
"""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from stemtasks.delivery.dressing import AS_IT_IS, Dressed
from stemtasks.delivery.zip_entry import entry
from stemtasks.progress import on_final, on_frames

COPY_BYTES = 1 << 20


class Stored:
    """A zip that is being written, all of it in one folder."""

    def __init__(self, file: BinaryIO, archive: zipfile.ZipFile, folder: str) -> None:
        self._file, self._archive, self._folder = file, archive, folder

    def write(self, name: str, content: bytes) -> None:
        """Store a file of a content."""
        self._archive.writestr(entry(f"{self._folder}/{name}"), content)

    def copy(
        self, sources: Mapping[str, Path], frames: int, dressed: Mapping[str, Dressed | None]
    ) -> dict[str, dict[str, Any]]:
        """Store files in blocks, each read once; what is stored can be read by others before the rest is.

        Return digest and size of those that are ``dressed``. ``frames`` are what a person who looks
        on is told of at the end.
        """
        found = {}
        tick, final = on_frames.get(), on_final.get()
        total, copied, stored = sum(path.stat().st_size for path in sources.values()), 0, 0
        buffer = memoryview(bytearray(COPY_BYTES))
        for name, path in sources.items():
            own = dressed[name]
            head, skipped, end = own or AS_IT_IS
            size, digest = path.stat().st_size + len(head) - skipped + len(end), sha256(head)
            with (
                path.open("rb", buffering=0) as source,
                self._archive.open(entry(f"{self._folder}/{name}", size), "w") as member,
            ):
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
            self._file.flush()
            if final is not None:
                final(Path(self._file.name), stored, self._file.tell())
                stored = self._file.tell()
        return found


@contextlib.contextmanager
def stored(path: Path, folder: str) -> Iterator[Stored]:
    """Give a zip to write to, whose files lie in one folder; where writing ends early, nothing is left of it."""
    try:
        with (
            path.open("wb") as file,
            zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive,
        ):
            yield Stored(file, archive, folder)
    except BaseException:
        # zipfile closes an interrupted archive into a whole one that lacks files
        path.unlink(missing_ok=True)
        raise
