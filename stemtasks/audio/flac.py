"""What a FLAC file's STREAMINFO states against the frames behind it (RFC 9639, sections 8.2 and 9)."""

from __future__ import annotations

import mmap

from stemtasks.audio.tags import end_without_tags

LARGEST_FRAME_BYTES = 1 << 18
_BLOCK_SAMPLES = {1: 192, **{n: 144 << n for n in range(2, 6)}, **{n: 1 << n for n in range(8, 16)}}


def _table(polynomial: int, bits: int) -> list[int]:
    table = []
    for byte in range(256):
        value = byte << bits - 8
        for _ in range(8):
            value = value << 1 ^ (polynomial if value >> bits - 1 & 1 else 0)
        table.append(value & (1 << bits) - 1)
    return table


_CRC8, _CRC16 = _table(0x07, 8), _table(0x8005, 16)


def flac_fault(content: mmap.mmap) -> str | None:
    """Return what is wrong with the length: a second stream, or a last frame that ends before or after it."""
    start = content.find(b"fLaC", 0, 1 << 20)
    if start < 0 or start + 42 > len(content):
        return None
    if any(content.find(b"fLaC" + kind + b"\0\0\x22", start + 42) >= 0 for kind in (b"\0", b"\x80")):
        return "several recordings are joined in it, only the first would be read; separate them, or export it as one"
    stated = int.from_bytes(content[start + 21 : start + 26], "big") & (1 << 36) - 1
    block = int.from_bytes(content[start + 8 : start + 10], "big")
    there = _end_of_last_frame(content, start + 42, end_without_tags(content), block) if stated else None
    if there is None or there == stated:
        return None
    if there < stated:
        return f"cut short: its header claims {stated} frames, {there} are there; copy or export it again"
    return (
        f"its header says {stated} frames, but {there} are there, and the rest would be lost; "
        "repair the header or export it again"
    )


def _end_of_last_frame(content: mmap.mmap, first: int, end: int, block: int) -> int | None:
    """Return the samples up to the end of the frame that ends the file, or None where none does."""
    position = end
    while (position := content.rfind(b"\xff", max(first, end - LARGEST_FRAME_BYTES), position)) >= 0:
        if content[position + 1 : position + 2] in (b"\xf8", b"\xf9"):
            samples = _frame_end(content[position : position + 16], block)
            if samples is not None and not _crc16(content[position:end]):
                return samples
    return None


def _frame_end(head: bytes, block: int) -> int | None:
    """Return the number of the sample after a frame, from its header (section 9.1), or None for no header."""
    if len(head) < 8 or head[3] & 1:
        return None
    extra = 0
    while extra < 7 and head[4] << extra & 0x80:
        extra += 1
    extra = max(0, extra - 1)
    number = head[4] & (0x7F if not extra else 0x3F >> extra)
    for byte in head[5 : 5 + extra]:
        number = number << 6 | byte & 0x3F
    at, code = 5 + extra, head[2] >> 4
    samples = _BLOCK_SAMPLES.get(code)
    if code in (6, 7):
        samples = int.from_bytes(head[at : at + code - 5], "big") + 1
        at += code - 5
    at += {12: 1, 13: 2, 14: 2}.get(head[2] & 15, 0)
    crc = 0
    for byte in head[:at]:
        crc = _CRC8[crc ^ byte]
    if samples is None or at >= len(head) or crc != head[at]:
        return None
    return (number if head[1] & 1 else number * block) + samples


def _crc16(frame: bytes) -> int:
    crc = 0
    for byte in frame:
        crc = (crc << 8 & 0xFFFF) ^ _CRC16[crc >> 8 ^ byte]
    return crc
