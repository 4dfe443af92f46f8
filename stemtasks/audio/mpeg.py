"""What an MP3's frames add up to against its Xing or Info header (ISO/IEC 11172-3, 2.4; 13818-3)."""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

from stemtasks.audio.tags import end_without_tags

_KBIT_S_MPEG1 = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBIT_S_MPEG2 = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_JOINED = "several recordings are joined in it, and not all would be read; separate them, or export it as one"


@dataclass(frozen=True)
class _Frame:
    size: int
    samples: int
    rate_hz: int
    mono: bool
    side_bytes: int


def mp3_length(path: Path) -> tuple[int | None, str | None]:
    """Return the audio frames that an MP3's headers add up to, and what is wrong with it as one recording.

    The frames are None where a Xing or Info header states them; without such a header libsndfile guesses the
    length from the first bit rate, and reads no further. Wrong is another recording behind it (tags between
    frames are passed) or a header that miscounts; some encoders count the header's own frame, and some do not.
    """
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        end = end_without_tags(content)
        position, count, samples, stated = _after_tag(content, 0), 0, 0, None
        first: _Frame | None = None
        while position + 4 <= end:
            frame = _frame(content, position)
            if frame is None:
                position = _next(content, position, end)
                continue
            if first is None:
                first = frame
            elif (frame.rate_hz, frame.mono) != (first.rate_hz, first.mono):
                return samples, _JOINED
            at = position + 4 + frame.side_bytes
            if content[at : at + 4] in (b"Xing", b"Info"):
                if count or stated is not None:
                    return samples, _JOINED
                flags, said = struct.unpack(">II", content[at + 4 : at + 12].ljust(8, b"\0"))
                stated = said if flags & 1 and said else None
            elif position + frame.size <= end or stated is None:
                count += 1
            samples += frame.samples
            position += frame.size
    if stated is None:
        return samples, None
    if count + 1 < stated:
        return None, f"cut short: its header claims {stated} MP3 frames, {count} are there; copy or export it again"
    if count > stated + 1:
        return None, (
            f"its header says {stated} MP3 frames, but {count} are there, and the rest would be lost; "
            "separate what was joined, or export it again"
        )
    return None, None


def _after_tag(content: mmap.mmap, position: int) -> int:
    """Return where an ID3v2 tag ends that starts here; ``position`` if none does."""
    head = content[position : position + 10]
    if head[:3] != b"ID3" or len(head) < 10:
        return position
    size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    return position + 10 + size + (10 if head[5] & 0x10 else 0)


def _next(content: mmap.mmap, position: int, end: int) -> int:
    """Return where the next frame or tag may start: a frame with another one, or the end, behind it."""
    if (after := _after_tag(content, position)) > position:
        return after
    tag = content.find(b"ID3", position + 1, end)
    at = position
    while (at := content.find(b"\xff", at + 1, end)) >= 0:
        if 0 <= tag < at:
            return tag
        frame = _frame(content, at)
        if frame is not None and (at + frame.size >= end or _frame(content, at + frame.size) is not None):
            return at
    return tag if tag >= 0 else end


def _frame(content: mmap.mmap, position: int) -> _Frame | None:
    """Return the frame of MPEG-1, 2 or 2.5 layer III whose header is here (2.4.2.3)."""
    if position + 4 > len(content):
        return None
    (word,) = struct.unpack(">I", content[position : position + 4])
    version, bit_rate, rate = word >> 19 & 3, word >> 12 & 15, word >> 10 & 3
    if word >> 21 != 0x7FF or word >> 17 & 3 != 1 or version == 1 or bit_rate in (0, 15) or rate == 3:
        return None
    rate_hz = (44100, 48000, 32000)[rate] >> {3: 0, 2: 1, 0: 2}[version]
    granules = 2 if version == 3 else 1
    kbit_s = (_KBIT_S_MPEG1 if version == 3 else _KBIT_S_MPEG2)[bit_rate - 1]
    mono = word >> 6 & 3 == 3
    side = (17 if mono else 32) if version == 3 else (9 if mono else 17)
    size = 72 * granules * kbit_s * 1000 // rate_hz + (word >> 9 & 1)
    return _Frame(size, 576 * granules, rate_hz, mono, side)
