"""How long a recording says that it is: WAV, RF64, BW64, Wave64, AIFF and FLAC, by their headers.

It is asked while songs are read, so it takes the standard library alone, and reads headers, never audio. What a header
claims is not held against the file here; ``audio/source.py`` does that when the stem is made.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from stemtasks.audio.chunks import FAMILIES, body, chunks

FORMATS = (b"fmt ", b"COMM")
FORMAT_BYTES = 18
STREAMINFO = 18
"""Where sample rate and frames are, in bytes of a FLAC file (RFC 9639, section 8.2)."""


def seconds_of(path: str) -> float | None:
    """Return the duration that a recording's header claims, or None where it is read nowhere here."""
    try:
        with open(path, "rb") as file:
            return _of_flac(file) if file.read(4) == b"fLaC" else _of_chunks(file)
    except (OSError, ValueError, OverflowError, struct.error):
        return None


def _of_flac(file: BinaryIO) -> float | None:
    file.seek(STREAMINFO)
    packed = int.from_bytes(file.read(8), "big")
    rate, frames = packed >> 44, packed & (1 << 36) - 1
    return frames / rate if rate and frames else None


def _of_chunks(file: BinaryIO) -> float | None:
    file.seek(0)
    family = FAMILIES.get(file.read(4))
    if family is None:
        return None
    format_ = b""
    for chunk in chunks(file, family):
        if chunk.name in FORMATS:
            format_ = body(file, chunk, FORMAT_BYTES)
        if chunk.name == b"COMM":
            _, frames, _, exponent, mantissa = struct.unpack(">hIhHQ", format_)
            rate = float(mantissa) * 2.0 ** (exponent - 16383 - 63)
            return frames / rate if rate > 0.0 else None
        if chunk.name == b"data" and len(format_) >= 14:
            _, _, rate, _, frame_bytes = struct.unpack(family.order + "HHIIH", format_[:14])
            return chunk.size / frame_bytes / rate if rate and frame_bytes else None
    return None
