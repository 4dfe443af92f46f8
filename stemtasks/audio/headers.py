"""What a recording's container claims to hold against what the file holds.

libsndfile shortens a file that was cut in copying without a word, so the sizes of the audio data
are read here: RIFF, RIFX, RF64 and BW64 (EBU Tech 3306), AIFF and AIFC, Wave64, AU and CAF.
``audio/ogg.py``, ``flac.py`` and ``mpeg.py`` read whole streams.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from typing import BinaryIO

from stemtasks.audio.coding import Coding, read_coding
from stemtasks.audio.flac import flac_fault
from stemtasks.audio.ogg import ogg_fault

MOST_CHUNKS = 4096
UNKNOWN_64 = 1 << 62
MOST_PADDING_BYTES = 4096
FILES = (b"RIFF", b"RIFX", b"RF64", b"BW64", b"FORM", b"riff", b"caff", b".snd", b"fLaC", b"OggS")
AFTER_AUDIO = (
    b"LIST",
    b"id3 ",
    b"ID3 ",
    b"bext",
    b"cue ",
    b"smpl",
    b"inst",
    b"iXML",
    b"JUNK",
    b"PAD ",
    b"fact",
    b"PEAK",
)


@dataclass(frozen=True)
class AudioData:
    """Bytes of audio a header claims (None: written by a recorder that could not know), and bytes that are there."""

    claimed: int | None
    present: int
    where: str = "header"
    fault: str | None = None
    frames: int | None = None
    """The true frames of a coding in blocks, and a contradiction in the header or behind the audio."""

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
_CAF = _Layout(8, 4, ">Q", False, 1, b"data")
FAMILIES = {
    b"RIFF": _RIFF,
    b"RF64": _RIFF,
    b"BW64": _RIFF,
    b"RIFX": _RIFX,
    b"FORM": _AIFF,
    b"riff": _WAVE64,
    b"caff": _CAF,
}


def audio_data(file: BinaryIO, file_bytes: int) -> AudioData | None:
    """Return what the header claims and what is there, or None for a container without such a claim."""
    file.seek(0)
    start = file.read(16)
    if start[:4] == b".snd" and len(start) >= 12:
        offset, claimed = struct.unpack(">II", start[4:12])
        if _is_open_ended(claimed):
            return AudioData(None, max(0, file_bytes - offset))
        fault = _behind(file, offset + claimed, file_bytes, None) if claimed else None
        return AudioData(claimed, max(0, file_bytes - offset), fault=fault)
    if start[:4] in (b"OggS", b"fLaC") or start[:3] == b"ID3":
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            fault = ogg_fault(content) if start[:4] == b"OggS" else flac_fault(content)
            return AudioData(None, file_bytes, fault=fault)
    layout = FAMILIES.get(start[:4])
    return None if layout is None else _chunked(file, file_bytes, layout)


def _chunked(file: BinaryIO, file_bytes: int, layout: _Layout) -> AudioData | None:
    """Walk the chunks to the audio; a hostile file costs at most ``MOST_CHUNKS`` reads."""
    size_bytes = struct.calcsize(layout.size)
    header_bytes = layout.name_bytes + size_bytes
    position, wide_claim = layout.first_chunk, None
    coding: Coding | None = None
    fact: int | None = None
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
        if name[:4] == b"fmt ":
            coding = read_coding(file.read(min(claimed, 64)), layout.size[0])
        if name[:4] == b"fact":
            fact = int.from_bytes(file.read(4), "little" if layout.size[0] == "<" else "big")
        if name == layout.data:
            if claimed == 0xFFFFFFFF and wide_claim is not None:
                claimed = wide_claim
            present = file_bytes - body
            if claimed == 0 and (present == 0 or _is_chunk(file, body, file_bytes, layout)):
                present = 0
            fault = None if coding is None else coding.fault()
            if _is_open_ended(claimed):
                return AudioData(None, present, fault=fault)
            if claimed and not fault:
                fault = _behind(file, body + claimed, file_bytes, layout)
            frames = None if coding is None else coding.true_frames(fact, claimed)
            return AudioData(claimed, present, fault=fault, frames=frames)
        position = body + claimed + -claimed % layout.alignment
        if position >= file_bytes:
            return None
    return None


def _behind(file: BinaryIO, position: int, file_bytes: int, layout: _Layout | None) -> str | None:
    """Return what is wrong with the bytes behind the audio, which may be chunks, tags or padding."""
    header_bytes = 0 if layout is None else layout.name_bytes + struct.calcsize(layout.size)
    start = position
    for _ in range(MOST_CHUNKS):
        file.seek(position)
        rest = file.read(MOST_PADDING_BYTES + 1)
        if rest[:1] == b"\0" and len(rest) > 1 and rest[1:5] in FILES + AFTER_AUDIO:
            position, rest = position + 1, rest[1:]  # the byte that makes a chunk's size even
        if rest[:4] in FILES:
            return (
                "several recordings are joined in it, only the first would be read; separate them, or export it as one"
            )
        if len(rest) < 16 or (len(rest) <= MOST_PADDING_BYTES and not rest.strip(b"\0")):
            return None
        if rest[:3] in (b"TAG", b"ID3") or rest[:8] == b"APETAGEX" or rest[:11] == b"LYRICSBEGIN":
            return None
        skipped = 0 if layout is None else -(position - layout.first_chunk) % layout.alignment
        for gap in (0, skipped):
            if layout is not None and _is_chunk(file, position + gap, file_bytes, layout):
                name = rest[gap : gap + 4]
                if name in FILES:
                    continue
                (size,) = struct.unpack(layout.size, rest[gap + layout.name_bytes : gap + header_bytes])
                if layout.size_counts_header:
                    size = max(0, size - header_bytes)
                position += gap + header_bytes + size
                break
            if rest[gap : gap + 4] in AFTER_AUDIO:
                return None  # a chunk that claims too much; the audio is before it
        else:
            if position == start:
                return (
                    f"its header says less than the file holds: {file_bytes - position} bytes follow the audio that "
                    "are no chunk, and would be lost; repair the header or export it again"
                )
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
