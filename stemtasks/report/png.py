"""Small images of 16 colours as PNG (ISO/IEC 15948)."""

from __future__ import annotations

import struct
import zlib
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

MOST_STORED = 65_535
ANCHORS = ((0, (10, 9, 28)), (5, (84, 30, 112)), (9, (196, 64, 88)), (13, (248, 168, 66)), (15, (252, 246, 210)))
"""Colours of some steps, from dark to bright; those between are mixed."""
CHANGES = ((0, (150, 210, 255)), (7, (30, 84, 170)), (8, (14, 14, 22)), (9, (170, 76, 20)), (15, (255, 214, 140)))
"""Colours of differences: of less, of none (step 8), of more."""
Anchors = tuple[tuple[int, tuple[int, int, int]], ...]


def png(steps: NDArray[np.uint8], anchors: Anchors = ANCHORS) -> bytes:
    """Return an image of steps from 0 to 15, shape (rows, columns).

    Its data are stored and not compressed: what zlib makes of them depends on its version, which is in no key.
    """
    rows, columns = steps.shape
    even = np.pad(steps, ((0, 0), (0, columns % 2)))
    packed = even[:, ::2] << 4 | even[:, 1::2]
    lines = np.pad(packed, ((0, 0), (1, 0))).tobytes()  # each line begins with its filter: none
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", columns, rows, 4, 3, 0, 0, 0)),
        (b"PLTE", _palette(anchors)),
        (b"IDAT", _stored(lines)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in parts)


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def steps_of(image: bytes) -> NDArray[np.uint8]:
    """Return the steps of an image of ``png``, shape (rows, columns)."""
    columns, rows = struct.unpack_from(">II", image, 16)
    data, place = b"", 8
    while place < len(image):
        length, name = struct.unpack_from(">I4s", image, place)
        data += image[place + 8 : place + 8 + length] if name == b"IDAT" else b""
        place += 12 + length
    packed = np.frombuffer(zlib.decompress(data), dtype=np.uint8).reshape(rows, -1)[:, 1:]
    both: NDArray[np.uint8] = np.stack((packed >> 4, packed & 15), axis=2).reshape(rows, -1)[:, :columns]
    return both


def difference(before: bytes, after: bytes) -> bytes | None:
    """Return an image of what differs between two images of one size, a step a step, or None of other sizes."""
    one, other = steps_of(before), steps_of(after)
    if one.shape != other.shape:
        return None
    return png((np.clip(other.astype(np.int8) - one.astype(np.int8), -7, 7) + 8).astype(np.uint8), CHANGES)


def _palette(anchors: Anchors) -> bytes:
    colours: list[tuple[int, ...]] = []
    for (low, dark), (high, bright) in pairwise(anchors):
        for step in range(low, high):
            part = (step - low) / (high - low)
            colours.append(tuple(round(a + (b - a) * part) for a, b in zip(dark, bright, strict=True)))
    return b"".join(map(bytes, [*colours, anchors[-1][1]]))


def _stored(content: bytes) -> bytes:
    """Return content as zlib's format holds it without compression (RFC 1950; RFC 1951, 3.2.4)."""
    pieces = [content[start : start + MOST_STORED] for start in range(0, len(content), MOST_STORED)] or [b""]
    blocks = b"".join(
        struct.pack("<BHH", place == len(pieces) - 1, len(piece), len(piece) ^ 0xFFFF) + piece
        for place, piece in enumerate(pieces)
    )
    return b"\x78\x01" + blocks + struct.pack(">I", zlib.adler32(content))
