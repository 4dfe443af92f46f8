"""What an MP3's frames add up to against its Xing, Info or VBRI header (ISO/IEC 11172-3, 2.4; 13818-3)."""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from stemtasks.audio.tags import end_without_tags

_KBIT_S_MPEG1 = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBIT_S_MPEG2 = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_TAGS = (b"ID3", b"TAG", b"APETAGEX", b"LYRICS")
_JOINED = "several recordings are joined in it, and not all would be read; separate them, or export it as one"
_COUNTED, _KBIT_S_96_OR_MORE = 1, 11


@dataclass(frozen=True)
class _Frame:
    word: int
    size: int
    samples: int
    rate_hz: int
    mono: bool
    side_bytes: int


@dataclass(frozen=True)
class Mp3:
    """An MP3's audio frames, and what is wrong with it as one recording.

    ``frames`` is None where a Xing or Info header states them. Else ``header`` is one that does, to be read
    in place of the first ``skipped`` bytes: libsndfile would guess the length from the first bit rate, and
    decode the header of a Fraunhofer encoder (VBRI) as silence.
    """

    frames: int | None
    fault: str | None
    header: bytes = b""
    skipped: int = 0
    is_vbri: bool = False


@dataclass
class _Walk:
    """What was found on the way from frame to frame."""

    first: _Frame | None = None
    start: int = 0
    count: int = 0
    stated: int | None = None
    header: bytes = b""
    gap: str | None = None
    torn: int = 0
    fault: str | None = None


def mp3_length(path: Path) -> Mp3:
    """Return what an MP3's frames add up to.

    Wrong is another recording behind it (tags between frames are passed), bytes in the middle that are no
    frames, or a header that miscounts; some encoders count the header's own frame, and some do not.
    """
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        walk = _walked(content)
    if walk.first is None or walk.fault is not None:
        return Mp3(None if walk.first else 0, walk.fault)
    if walk.stated is not None:
        fault = _miscounted(walk.count, walk.stated) or (walk.gap if walk.count < walk.stated else None)
        if walk.header != b"VBRI" or fault is not None:
            return Mp3(None, fault)
    fault = walk.gap
    if walk.torn and fault is None:
        fault = f"cut short: {walk.torn} bytes of its last MP3 frame are missing; copy or export it again"
    return Mp3(
        walk.count * walk.first.samples, fault, _xing(walk.first, walk.count), walk.start, walk.header == b"VBRI"
    )


def _miscounted(count: int, stated: int) -> str | None:
    if count + 1 < stated:
        return f"cut short: its header claims {stated} MP3 frames, {count} are there; copy or export it again"
    if count > stated + 1:
        return (
            f"its header says {stated} MP3 frames, but {count} are there, and the rest would be lost; "
            "separate what was joined, or export it again"
        )
    return None


def _walked(content: mmap.mmap) -> _Walk:
    """Go from frame to frame: each begins where the one before it ends."""
    walk = _Walk()
    end = end_without_tags(content)
    position = _after_tag(content, 0)
    if not _is_followed(content, position, end):
        position = _next(content, position, end)
    while position + 4 <= end:
        frame = _frame_of(content[position : position + 4])
        if frame is None:
            after = _next(content, position, end)
            if walk.count and after < end and walk.gap is None and not _is_tag(content, position, after):
                walk.gap = (
                    f"damaged: {after - position} bytes at byte {position} are no MP3 frames; copy or export it again"
                )
            position = after
            continue
        if walk.first is None:
            walk.first, walk.start = frame, position
        elif (frame.rate_hz, frame.mono) != (walk.first.rate_hz, walk.first.mono):
            walk.fault = _JOINED
            return walk
        header, stated = _header(content, position, frame)
        if header:
            if walk.count or walk.header:
                walk.fault = _JOINED
                return walk
            walk.header, walk.stated, walk.start = header, stated, position + frame.size
        elif position + frame.size <= end:
            walk.count += 1
        else:
            walk.torn = position + frame.size - end
        position += frame.size
    return walk


def _header(content: mmap.mmap, position: int, frame: _Frame) -> tuple[bytes, int | None]:
    """Return the name of the header that this frame is, if it is one, and the frames that it states."""
    at = position + 4 + frame.side_bytes
    name = content[at : at + 4]
    if name in (b"Xing", b"Info"):
        flags, stated = struct.unpack(">II", content[at + 4 : at + 12].ljust(8, b"\0"))
        return name, stated if flags & _COUNTED and stated else None
    if content[position + 36 : position + 40] == b"VBRI":
        return b"VBRI", int.from_bytes(content[position + 50 : position + 54], "big") or None
    return b"", None


def _xing(frame: _Frame, count: int) -> bytes:
    """Return a frame like this one that holds nothing but a Xing header with the count."""
    word = frame.word & ~(0xF << 12 | 1 << 9) | _KBIT_S_96_OR_MORE << 12 | 1 << 16
    head = struct.pack(">I", word)
    like = _frame_of(head)
    assert like is not None
    return (head + bytes(frame.side_bytes) + b"Xing" + struct.pack(">II", _COUNTED, count)).ljust(like.size, b"\0")


def _after_tag(content: mmap.mmap, position: int) -> int:
    """Return where an ID3v2 tag ends that starts here; ``position`` if none does."""
    head = content[position : position + 10]
    if head[:3] != b"ID3" or len(head) < 10:
        return position
    size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    return position + 10 + size + (10 if head[5] & 0x10 else 0)


def _is_tag(content: mmap.mmap, start: int, stop: int) -> bool:
    """Return whether the bytes between two frames are tags, or padding before a tag."""
    return any(content.find(tag, start, stop + 3) >= 0 for tag in _TAGS)


def _next(content: mmap.mmap, position: int, end: int) -> int:
    """Return where the next frame or tag may start: a frame with another one, or the end, behind it."""
    if (after := _after_tag(content, position)) > position:
        return after
    tag = content.find(b"ID3", position + 1, end)
    at = position
    while (at := content.find(b"\xff", at + 1, end)) >= 0:
        if 0 <= tag < at:
            return tag
        if _is_followed(content, at, end):
            return at
    return tag if tag >= 0 else end


def _is_followed(content: mmap.mmap, position: int, end: int) -> bool:
    """Return whether a frame starts here, with another one, or the end, behind it."""
    frame = _frame_of(content[position : position + 4])
    if frame is None:
        return False
    after = position + frame.size
    return after >= end or _frame_of(content[after : after + 4]) is not None


def _frame_of(head: bytes) -> _Frame | None:
    return _frame(head) if head[:1] == b"\xff" and len(head) == 4 else None


@lru_cache(maxsize=1024)
def _frame(head: bytes) -> _Frame | None:
    """Return the frame of MPEG-1, 2 or 2.5 layer III whose header this is (2.4.2.3); few differ in a file."""
    (word,) = struct.unpack(">I", head)
    version, bit_rate, rate = word >> 19 & 3, word >> 12 & 15, word >> 10 & 3
    if word >> 21 != 0x7FF or word >> 17 & 3 != 1 or version == 1 or bit_rate in (0, 15) or rate == 3:
        return None
    rate_hz = (44100, 48000, 32000)[rate] >> {3: 0, 2: 1, 0: 2}[version]
    granules = 2 if version == 3 else 1
    kbit_s = (_KBIT_S_MPEG1 if version == 3 else _KBIT_S_MPEG2)[bit_rate - 1]
    mono = word >> 6 & 3 == 3
    side = (17 if mono else 32) if version == 3 else (9 if mono else 17)
    size = 72 * granules * kbit_s * 1000 // rate_hz + (word >> 9 & 1)
    return _Frame(word, size, 576 * granules, rate_hz, mono, side)
