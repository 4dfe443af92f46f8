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

from stemtasks.audio.chunks import FAMILIES, MOST_CHUNKS, UNKNOWN_64, Family, body, chunks
from stemtasks.audio.coding import Coding, gsm_fault, read_coding
from stemtasks.audio.flac import flac_fault
from stemtasks.audio.ogg import ogg_fault

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
    stated: int = 0
    """The frames that an AIFF states beside its bytes, or packets of them: no more than are there."""
    start: int = 0
    """The byte at which the audio begins, in a file of chunks."""

    @property
    def is_cut(self) -> bool:
        """Whether the file ends before the audio that its header claims."""
        return self.claimed is not None and self.present < self.claimed


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
    family = FAMILIES.get(start[:4])
    return None if family is None else _chunked(file, file_bytes, family)


def _chunked(file: BinaryIO, file_bytes: int, family: Family) -> AudioData | None:
    """Return what the chunks say up to the audio, and what is behind it."""
    coding: Coding | None = None
    fact: int | None = None
    common = b""
    for chunk in chunks(file, family):
        if chunk.name == b"fmt ":
            coding = read_coding(body(file, chunk, 64), family.order)
        if chunk.name == b"fact":
            fact = int.from_bytes(body(file, chunk, 4), "little" if family.order == "<" else "big")
        if chunk.name == b"COMM":
            common = body(file, chunk, 22)
        if chunk.name == family.data:
            present = file_bytes - chunk.start
            if chunk.size == 0 and (present == 0 or _is_chunk(file, chunk.start, file_bytes, family)):
                present = 0
            fault = None if coding is None else coding.fault()
            if _is_open_ended(chunk.size):
                return AudioData(None, present, fault=fault)
            fault = fault or gsm_fault(common, chunk.size)
            if chunk.size and not fault:
                fault = _behind(file, chunk.start + chunk.size, file_bytes, family)
            frames = None if coding is None else coding.true_frames(fact, chunk.size)
            stated = int.from_bytes(common[2:6], "big")
            return AudioData(chunk.size, present, fault=fault, frames=frames, stated=stated, start=chunk.start)
    return None


def _behind(file: BinaryIO, position: int, file_bytes: int, family: Family | None) -> str | None:
    """Return what is wrong with the bytes behind the audio, which may be chunks, tags or padding."""
    header_bytes = 0 if family is None else family.header_bytes
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
        skipped = 0 if family is None else -(position - family.first_chunk) % family.alignment
        for gap in (0, skipped):
            if family is not None and _is_chunk(file, position + gap, file_bytes, family):
                name = rest[gap : gap + 4]
                if name in FILES:
                    continue
                position += gap + header_bytes + family.claimed(rest[gap : gap + header_bytes])
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


def _is_chunk(file: BinaryIO, position: int, file_bytes: int, family: Family) -> bool:
    """Return whether a chunk starts here, and not audio behind a size that was never filled in."""
    file.seek(position)
    header = file.read(family.header_bytes)
    if len(header) < family.header_bytes or not (header[:4].isascii() and header[:4].decode().isprintable()):
        return False
    return position + family.claimed(header) <= file_bytes


def _is_open_ended(claimed: int) -> bool:
    """Return whether a size is one that recorders write to a pipe: all ones, or about 2 GiB (SoX, arecord)."""
    return 0x7FFFEF00 <= claimed <= 0x80000000 or 0xFFFFFF00 <= claimed <= 0xFFFFFFFF or claimed >= UNKNOWN_64
