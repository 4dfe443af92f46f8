"""What a recording's container claims to hold against what the file holds.

libsndfile shortens a file that was cut in copying without a word, so the sizes of the audio data
are read here: RIFF, RIFX, RF64 and BW64 (EBU Tech 3306), AIFF and AIFC, Wave64, AU, the last page of
an Ogg stream (RFC 3533), and what an MP3's own frames add up to. CAF is not among them: libsndfile
refuses a cut one.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

OGG_PAGE_BYTES = 27 + 255 + 255 * 255
MOST_CHUNKS = 4096
UNKNOWN_64 = 1 << 62
_KBIT_S_MPEG1 = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBIT_S_MPEG2 = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)


@dataclass(frozen=True)
class AudioData:
    """Bytes of audio a header claims (None: written by a recorder that could not know), and bytes that are there."""

    claimed: int | None
    present: int
    where: str = "header"

    @property
    def is_cut(self) -> bool:
        """Whether the file ends before the audio that its header claims."""
        return self.claimed is not None and self.present < self.claimed


@dataclass(frozen=True)
class _Layout:
    """Where a family of chunked files keeps names and sizes."""

    first_chunk: int
    name_bytes: int
    size: str
    size_counts_header: bool
    alignment: int
    data: bytes


_RIFF = _Layout(12, 4, "<I", False, 2, b"data")
_RIFX = _Layout(12, 4, ">I", False, 2, b"data")
_AIFF = _Layout(12, 4, ">I", False, 2, b"SSND")
_WAVE64 = _Layout(40, 16, "<Q", True, 8, b"data" + bytes.fromhex("f3acd3118cd100c04f8edb8a"))
_LAYOUTS = {b"RIFF": _RIFF, b"RF64": _RIFF, b"BW64": _RIFF, b"RIFX": _RIFX, b"FORM": _AIFF, b"riff": _WAVE64}


def audio_data(file: BinaryIO, file_bytes: int) -> AudioData | None:
    """Return what the header claims and what is there, or None for a container without such a claim."""
    file.seek(0)
    start = file.read(16)
    if start[:4] == b".snd" and len(start) >= 12:
        offset, claimed = struct.unpack(">II", start[4:12])
        return AudioData(None if _is_open_ended(claimed) else claimed, max(0, file_bytes - offset))
    if start[:4] == b"OggS":
        return _last_ogg_page(file, file_bytes)
    layout = _LAYOUTS.get(start[:4])
    return None if layout is None else _chunked(file, file_bytes, layout)


def _chunked(file: BinaryIO, file_bytes: int, layout: _Layout) -> AudioData | None:
    """Walk the chunks to the audio; a hostile file costs at most ``MOST_CHUNKS`` reads."""
    size_bytes = struct.calcsize(layout.size)
    header_bytes = layout.name_bytes + size_bytes
    position, wide_claim = layout.first_chunk, None
    for _ in range(MOST_CHUNKS):
        file.seek(position)
        header = file.read(header_bytes)
        if len(header) < header_bytes:
            return None
        name = header[: layout.name_bytes]
        (claimed,) = struct.unpack(layout.size, header[layout.name_bytes :])
        if layout.size_counts_header and claimed < UNKNOWN_64:
            claimed = max(0, claimed - header_bytes)
        body = position + header_bytes
        if name == b"ds64":
            wide = file.read(16)
            wide_claim = struct.unpack("<Q", wide[8:])[0] if len(wide) == 16 else None
        if name == layout.data:
            if claimed == 0xFFFFFFFF and wide_claim is not None:
                claimed = wide_claim
            present = file_bytes - body
            if claimed == 0 and (present == 0 or _is_chunk(file, body, file_bytes, layout)):
                present = 0
            return AudioData(None if _is_open_ended(claimed) else claimed, present)
        position = body + claimed + -claimed % layout.alignment
        if position >= file_bytes:
            return None
    return None


def _is_chunk(file: BinaryIO, position: int, file_bytes: int, layout: _Layout) -> bool:
    """Return whether a chunk starts here, and not audio behind a size that was never filled in."""
    file.seek(position)
    header = file.read(layout.name_bytes + struct.calcsize(layout.size))
    if len(header) < layout.name_bytes + struct.calcsize(layout.size):
        return False
    (claimed,) = struct.unpack(layout.size, header[layout.name_bytes :])
    return bool(header[:4].isascii() and header[:4].decode().isprintable() and position + claimed <= file_bytes)


def _is_open_ended(claimed: int) -> bool:
    """Return whether a size is one that recorders write to a pipe: all ones, or about 2 GiB (SoX, arecord)."""
    return 0x7FFFEF00 <= claimed <= 0x80000000 or 0xFFFFFF00 <= claimed <= 0xFFFFFFFF or claimed >= UNKNOWN_64


def _last_ogg_page(file: BinaryIO, file_bytes: int) -> AudioData | None:
    """Return the bytes that the last page needs and has (RFC 3533, section 6)."""
    file.seek(max(0, file_bytes - OGG_PAGE_BYTES))
    tail = file.read(OGG_PAGE_BYTES)
    page = tail[tail.rfind(b"OggS") :]
    if not page.startswith(b"OggS"):
        return None
    # a page cut inside its own header needs at least one byte more than it has
    needed = 27 + page[26] + sum(page[27 : 27 + page[26]]) if len(page) >= 27 else 28
    return AudioData(needed, len(page), "last Ogg page")


def mp3_frames(path: Path) -> int | None:
    """Return the audio frames that an MP3's headers add up to, or None where a Xing or Info header states them.

    Without such a header libsndfile guesses the length from the first bit rate, and reads no further.
    """
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        start = 0
        if content[:3] == b"ID3" and len(content) >= 10:
            start = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(content[6:10], (21, 14, 7, 0), strict=True))
        for name in (b"Xing", b"Info"):
            at = content.find(name, start, start + 4096)
            if at >= 0 and len(content) >= at + 12:
                flags, frames = struct.unpack(">II", content[at + 4 : at + 12])
                if flags & 1 and frames:
                    return None
        return _layer_three_frames(content, max(start, content.find(b"\xff", start, start + 4096)))


def _layer_three_frames(content: mmap.mmap, position: int) -> int:
    """Add up the frames of MPEG-1, 2 and 2.5 layer III (ISO/IEC 11172-3, 2.4.2.3) up to the first that is none."""
    frames, end = 0, len(content) - 4
    while position <= end:
        (word,) = struct.unpack(">I", content[position : position + 4])
        version, bit_rate, rate = word >> 19 & 3, word >> 12 & 15, word >> 10 & 3
        if word >> 21 != 0x7FF or word >> 17 & 3 != 1 or version == 1 or bit_rate in (0, 15) or rate == 3:
            break
        rate_hz = (44100, 48000, 32000)[rate] >> {3: 0, 2: 1, 0: 2}[version]
        granules = 2 if version == 3 else 1
        kbit_s = (_KBIT_S_MPEG1 if version == 3 else _KBIT_S_MPEG2)[bit_rate - 1]
        position += 72 * granules * kbit_s * 1000 // rate_hz + (word >> 9 & 1)
        frames += 576 * granules
    return frames
