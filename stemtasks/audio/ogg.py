"""Whether an Ogg file is one whole stream (RFC 3533, sections 4 and 6)."""

from __future__ import annotations

import mmap
import zlib

FIRST, LAST = 0x02, 0x04
HEADER_BYTES = 27
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def ogg_fault(content: mmap.mmap) -> str | None:
    """Return what is wrong with the file as one recording: a chain, pages that are not there, or no end.

    A page counts if its checksum is right, as for every decoder. Foreign bytes between pages lose nothing.
    """
    position, begun, last, broken = 0, False, 0, False
    following: dict[bytes, tuple[int, int]] = {}
    while (position := content.find(b"OggS", position)) >= 0 and position + HEADER_BYTES <= len(content):
        page = _page(content, position)
        if page is None:
            position, broken = position + 1, True
            continue
        kind, serial, number = page[5], page[14:18], int.from_bytes(page[18:22], "little")
        until = int.from_bytes(page[6:14], "little", signed=True)
        if kind & FIRST and begun:
            return "several recordings are chained in it, and not all would be read; separate them, or export it as one"
        expected, reached = following.get(serial, (number, 0))
        if number != expected:
            return f"damaged: Ogg pages are missing or broken before byte {position}; copy or export it again"
        if 0 <= until < reached:
            return (
                f"its Ogg page at byte {position} says that it ends at frame {until}, the one before it at {reached}, "
                "and audio would be lost; export it again"
            )
        following[serial] = number + 1 & 0xFFFFFFFF, max(reached, until)
        begun, last = begun or not kind & FIRST, kind
        position += len(page)
    if not last & LAST:
        broke = "its last Ogg pages are broken" if broken else "its last Ogg page does not end the stream"
        return f"cut short: {broke}; copy or export it again"
    return None


def _page(content: mmap.mmap, position: int) -> bytes | None:
    """Return the page that starts here, or None where its checksum (polynomial 0x04c11db7) is wrong.

    zlib has the same polynomial for mirrored bits, with a register that begins and ends inverted.
    """
    segments = content[position + 26]
    table = content[position + HEADER_BYTES : position + HEADER_BYTES + segments]
    page = content[position : position + HEADER_BYTES + segments + sum(table)]
    register = zlib.crc32((page[:22] + bytes(4) + page[26:]).translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return page if page[22:26] == register.to_bytes(4, "big").translate(_MIRRORED) else None
