"""The chunks of a file: RIFF, RIFX, RF64 and BW64 (EBU Tech 3306, ITU-R BS.2088), Wave64, AIFF and AIFC, CAF.

It takes the standard library alone, because songs are read with it (``stamp.py``).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

MOST_CHUNKS = 4096
UNKNOWN_64 = 1 << 62


class Family(NamedTuple):
    """Where a family of chunked files keeps names and sizes, and what the chunk of its audio is called."""

    first_chunk: int
    name_bytes: int
    size: str
    size_counts_header: bool
    alignment: int
    data: bytes

    @property
    def header_bytes(self) -> int:
        """Return the bytes of a chunk's name and size."""
        return self.name_bytes + struct.calcsize(self.size)

    @property
    def order(self) -> str:
        """Return the byte order of numbers, '<' or '>'."""
        return self.size[0]

    def claimed(self, header: bytes) -> int:
        """Return the bytes that a chunk's header claims for its body."""
        (size,) = struct.unpack(self.size, header[self.name_bytes :])
        return int(max(0, size - self.header_bytes) if self.size_counts_header and size < UNKNOWN_64 else size)


class Chunk(NamedTuple):
    """The first four bytes of its name, where its body starts, and the bytes that its header claims for that."""

    name: bytes
    start: int
    size: int


_RIFF = Family(12, 4, "<I", False, 2, b"data")
FAMILIES = {
    b"RIFF": _RIFF,
    b"RF64": _RIFF,
    b"BW64": _RIFF,
    b"RIFX": Family(12, 4, ">I", False, 2, b"data"),
    b"FORM": Family(12, 4, ">I", False, 2, b"SSND"),
    b"riff": Family(40, 16, "<Q", True, 8, b"data"),
    b"caff": Family(8, 4, ">Q", False, 1, b"data"),
}


def chunks(file: BinaryIO, family: Family) -> Iterator[Chunk]:
    """Yield the chunks in their order; a hostile file costs at most ``MOST_CHUNKS`` reads.

    Where RIFF's 32 bits do not hold the size of the audio, it is that of the ``ds64`` before it.
    """
    position, wide = family.first_chunk, None
    file_bytes = file.seek(0, 2)
    for _ in range(MOST_CHUNKS):
        if position + family.header_bytes > file_bytes:
            return
        file.seek(position)
        header = file.read(family.header_bytes)
        name, start, size = header[:4], position + family.header_bytes, family.claimed(header)
        if name == b"ds64":
            wide = body(file, Chunk(name, start, size), 16)
        if name == family.data and size == 0xFFFFFFFF and wide is not None and len(wide) == 16:
            size = int.from_bytes(wide[8:], "little")
        yield Chunk(name, start, size)
        position = start + size + -size % family.alignment


def body(file: BinaryIO, chunk: Chunk, most_bytes: int) -> bytes:
    """Return the first bytes of a chunk's body."""
    file.seek(chunk.start)
    return file.read(min(chunk.size, most_bytes))
