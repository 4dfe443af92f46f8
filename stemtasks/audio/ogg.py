"""Whether an Ogg file is one whole stream (RFC 3533, sections 4 and 6)."""

from __future__ import annotations

import mmap

FIRST, LAST = 0x02, 0x04
HEADER_BYTES = 27


def ogg_fault(content: mmap.mmap) -> str | None:
    """Return what is wrong with the file as one recording: streams in a chain, or no page that ends the stream."""
    position, begun, last = 0, False, LAST
    while (position := content.find(b"OggS", position)) >= 0 and position + HEADER_BYTES <= len(content):
        kind, segments = content[position + 5], content[position + 26]
        if kind & FIRST and begun:
            return "several recordings are chained in it, and not all would be read; separate them, or export it as one"
        begun = begun or not kind & FIRST
        last = kind
        table = content[position + HEADER_BYTES : position + HEADER_BYTES + segments]
        position += HEADER_BYTES + segments + sum(table)
    if not last & LAST:
        return "cut short: its last Ogg page does not end the stream; copy or export it again"
    return None
