"""A WAV made an RF64, whatever its size (EBU Tech 3306): its sizes are those of 64 bits from the start."""

from __future__ import annotations

import struct
from pathlib import Path

FREE = slice(12, 48)
"""The ``JUNK`` chunk that ``write_wav`` holds free for a ``ds64``."""
IN_DS64 = 0xFFFFFFFF


def make_rf64(path: Path, frames: int) -> None:
    """Write the sizes of a file of ``write_wav`` into a ``ds64`` chunk; one that is an RF64 is left as it is."""
    with path.open("r+b") as file:
        head = file.read(256)
        if head[:4] == b"RF64":
            return
        if head[:4] != b"RIFF" or head[FREE][:4] != b"JUNK":
            raise ValueError(f"{path}: is no WAV of write_wav")
        fact, data = head.index(b"fact"), head.index(b"data")
        (riff_bytes,), (data_bytes,) = struct.unpack("<I", head[4:8]), struct.unpack("<I", head[data + 4 : data + 8])
        file.seek(0)
        file.write(
            struct.pack("<4sI4s4sIQQQI", b"RF64", IN_DS64, b"WAVE", b"ds64", 28, riff_bytes, data_bytes, frames, 0)
        )
        for at in (fact + 8, data + 4):
            file.seek(at)
            file.write(struct.pack("<I", IN_DS64))
