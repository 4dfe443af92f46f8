"""What a FLAC file's STREAMINFO states against the frames behind it (RFC 9639, sections 8.2 and 9)."""

from __future__ import annotations

import mmap

from stemtasks.audio.tags import end_without_tags

LARGEST_FRAME_BYTES = 1 << 18
MOST_BLOCKS = 4096
_BLOCK_SAMPLES = {1: 192, **{n: 144 << n for n in range(2, 6)}, **{n: 1 << n for n in range(8, 16)}}
_FIXED, _VARIABLE = b"\xff\xf8", b"\xff\xf9"


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
    """Return what is wrong with the length: a second stream, frames that are missing, or more than is stated."""
    start = content.find(b"fLaC", 0, 1 << 20)
    if start < 0 or start + 42 > len(content):
        return None
    if _is_joined(content, start + 42):
        return "several recordings are joined in it, only the first would be read; separate them, or export it as one"
    least, block, stated, rate_hz = _stream(content[start + 8 : start + 26])
    first, end = _first_frame(content, start + 4), end_without_tags(content)
    there = _end_of_last_frame(content, first, end, block)
    if content[first : first + 2] == _VARIABLE or least == block:
        gap = _gap(content, first, end, block, there)
        if gap is not None:
            return (
                f"damaged: its FLAC frames do not follow one another at frame {gap} ({gap / rate_hz:.3f} s); "
                "copy or export it again"
            )
    if not stated or there is None or there == stated:
        return None
    if there < stated:
        return f"cut short: its header claims {stated} frames, {there} are there; copy or export it again"
    return (
        f"its header says {stated} frames, but {there} are there, and the rest would be lost; "
        "repair the header or export it again"
    )


def _is_joined(content: mmap.mmap, position: int) -> bool:
    """Return whether another stream begins behind ``position``."""
    while (position := content.find(b"fLaC", position)) >= 0:
        position += 4
        if content[position : position + 4] in (b"\0\0\0\x22", b"\x80\0\0\x22"):
            return True
    return False


def _stream(info: bytes) -> tuple[int, int, int, int]:
    """Return what STREAMINFO says (8.2): least and most samples of a block, all samples (0: unknown), the rate."""
    least, block = int.from_bytes(info[:2], "big"), int.from_bytes(info[2:4], "big")
    packed = int.from_bytes(info[10:18], "big")
    return least, block, packed & (1 << 36) - 1, packed >> 44 or 1


def _first_frame(content: mmap.mmap, position: int) -> int:
    """Return where the metadata blocks end that begin here (section 8.1)."""
    for _ in range(MOST_BLOCKS):
        header = content[position : position + 4]
        position += 4 + int.from_bytes(header[1:], "big")
        if len(header) < 4 or header[0] & 0x80:
            break
    return min(position, len(content))


def _gap(content: mmap.mmap, position: int, end: int, block: int, there: int | None) -> int | None:
    """Return the sample at which no frame goes on where the one before it ends, or None where all follow.

    What looks like a frame of another number is one if the bytes before it are a frame by their checksum, and
    else chance inside of one. ``there`` is where the last frame ends, if that is known.
    """
    sync = content[position : position + 2]
    if sync not in (_FIXED, _VARIABLE):
        return None
    last, reached, others = position, 0, False
    while 0 <= position < end:
        frame = _frame(content[position : position + 16], block)
        if frame is not None and frame[0] == reached:
            last, reached, others = position, frame[1], False
        elif frame is not None:
            others = True
            if position - last < LARGEST_FRAME_BYTES and not _crc16(content[last:position]):
                return reached
        position = content.find(sync, position + 1, end)
    is_whole = reached >= there if there is not None else not others
    return None if is_whole else reached


def _end_of_last_frame(content: mmap.mmap, first: int, end: int, block: int) -> int | None:
    """Return the samples up to the end of the frame that ends the file, or None where none does."""
    position = end
    while (position := content.rfind(b"\xff", max(first, end - LARGEST_FRAME_BYTES), position)) >= 0:
        if content[position : position + 2] in (_FIXED, _VARIABLE):
            frame = _frame(content[position : position + 16], block)
            if frame is not None and not _crc16(content[position:end]):
                return frame[1]
    return None


def _frame(head: bytes, block: int) -> tuple[int, int] | None:
    """Return the numbers of a frame's first sample and of that behind it, from its header (9.1); None for none."""
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
    begin = number if head[1] & 1 else number * block
    return begin, begin + samples


def _crc16(frame: bytes) -> int:
    crc = 0
    for byte in frame:
        crc = (crc << 8 & 0xFFFF) ^ _CRC16[crc >> 8 ^ byte]
    return crc
