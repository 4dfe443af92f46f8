"""How long a recording says that it is: WAV, RF64, BW64, Wave64, AIFF and FLAC, by their headers.

It is asked while songs are read, so it takes the standard library alone, and reads headers, never audio. What a header
claims is not held against the file here; ``audio/source.py`` does that when the stem is made.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from stemtasks.audio.stamp import riff_chunks

MOST_CHUNKS = 1000
STREAMINFO = 18
"""Where sample rate and frames are, in bytes of a FLAC file (RFC 9639, section 8.2)."""


def seconds_of(path: str) -> float | None:
    """Return the duration that a recording's header claims, or None where it is read nowhere here."""
    try:
        with open(path, "rb") as file:
            start = file.read(12)
            if start[:4] == b"fLaC":
                return _of_flac(file)
            if start[:4] == b"FORM":
                return _of_aiff(file)
            return _of_riff(file)
    except (OSError, ValueError, OverflowError, struct.error):
        return None


def _of_flac(file: BinaryIO) -> float | None:
    file.seek(STREAMINFO)
    packed = int.from_bytes(file.read(8), "big")
    rate, frames = packed >> 44, packed & (1 << 36) - 1
    return frames / rate if rate and frames else None


def _of_aiff(file: BinaryIO) -> float | None:
    position = 12
    for _ in range(MOST_CHUNKS):
        file.seek(position)
        header = file.read(8)
        if len(header) < 8:
            return None
        (size,) = struct.unpack(">I", header[4:])
        if header[:4] == b"COMM":
            _, frames, _, exponent, mantissa = struct.unpack(">hIhHQ", file.read(18))
            rate = float(mantissa) * 2.0 ** (exponent - 16383 - 63)
            return frames / rate if rate > 0.0 else None
        position += 8 + size + size % 2
    return None


def _of_riff(file: BinaryIO) -> float | None:
    file.seek(0)
    found = riff_chunks(file)
    order, format_, claimed = found.get("order", b"<").decode(), found.get("fmt ", b""), found.get("data bytes")
    if len(format_) < 14 or claimed is None:
        return None
    _, _, rate, _, frame_bytes = struct.unpack(order + "HHIIH", format_[:14])
    return int(claimed) / frame_bytes / rate if rate and frame_bytes else None
