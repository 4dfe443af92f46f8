"""Tags that any program may put behind audio: ID3v1, APEv2 and Lyrics3."""

from __future__ import annotations

import mmap


def end_without_tags(content: mmap.mmap | bytes) -> int:
    """Return where the audio's file ends before its tags."""
    end = len(content)
    while True:
        before = end
        if content[max(0, end - 128) : end][:3] == b"TAG":
            end -= 128
        footer = content[max(0, end - 32) : end]
        if footer[:8] == b"APETAGEX":
            size = int.from_bytes(footer[12:16], "little")
            header = 32 if footer[23] & 0x80 else 0  # flags, bit 31: a header is before it
            end = max(0, end - size - header)
        if content[max(0, end - 9) : end] == b"LYRICS200" and content[end - 15 : end - 9].isdigit():
            end = max(0, end - 15 - int(content[end - 15 : end - 9]))
        if end == before or end <= 0:
            return max(0, end)
