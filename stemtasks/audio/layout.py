"""The speakers that an audio file declares for its channels, in the file's own order.

WAV, RF64, BW64 and Wave64 by the mask of WAVE_FORMAT_EXTENSIBLE (Microsoft, 'Multiple channel audio data and WAVE
files', 2007), or by ``chna`` (``adm.py``); CAF's ``chan`` and AIFF's ``CHAN`` (Apple, Core Audio Format Specification,
'Channel Layout Chunk', and CoreAudioBaseTypes.h); FLAC (RFC 9639, 8.6.2 and 9.1.3); Vorbis (Vorbis I, 4.3.9) and Opus
(RFC 7845, 5.1.1; RFC 8486 for ambisonics). Speakers have the names of ``dsp/channels.py``. AU and MP3 declare none.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from stemtasks.audio.adm import named_by_chna
from stemtasks.audio.chunks import FAMILIES, MOST_CHUNKS, body, chunks
from stemtasks.audio.coding import EXTENSIBLE

MOST_HEADER_BYTES = 1 << 20
MOST_CHUNK_BYTES = 1 << 16
_MASK = ("L", "R", "C", "LFE", "Lb", "Rb", "Lc", "Rc", "Cs", "Ls", "Rs", "Tc", "Tfl", "Tfc", "Tfr", "Tbl", "Tbc", "Tbr")
"""The speaker of each bit of a mask, lowest first; CAF's bitmap has the same bits."""
_AMBISONIC_GUIDS = {bytes([tag, 0, 0, 0]) + bytes.fromhex("2107d3118644c8c1ca000000") for tag in (1, 3)}
_VORBIS = {
    3: "L C R",
    4: "L R Lb Rb",
    5: "L C R Ls Rs",
    6: "L C R Ls Rs LFE",
    7: "L C R Ls Rs Cs LFE",
    8: "L C R Ls Rs Lb Rb LFE",
}
_FLAC = {
    3: "L R C",
    4: "L R Lb Rb",
    5: "L R C Ls Rs",
    6: "L R C LFE Ls Rs",
    7: "L R C LFE Cs Ls Rs",
    8: "L R C LFE Lb Rb Ls Rs",
}
_LABELS = dict(enumerate(_MASK, 1)) | {33: "Lb", 34: "Rb", 35: "Lw", 36: "Rw", 37: "LFE", 204: "mid", 205: "side"}
_MONO = 42
_STEREO_LABELS = ([38, 39], [206, 207], [301, 302])  # matrix (Lt, Rt), X and Y, headphones
_TAGS = """
101 L R | 102 L R | 103 L R | 104 mid side | 105 L R | 106 L R | 108 L R Ls Rs | 109 L R Ls Rs C |
110 L R Ls Rs C Cs | 111 L R Ls Rs C Cs Lw Rw | 112 L R Lb Rb Tfl Tfr Tbl Tbr | 113 L R C | 114 C L R |
115 L R C Cs | 116 C L R Cs | 117 L R C Ls Rs | 118 L R Ls Rs C | 119 L C R Ls Rs | 120 C L R Ls Rs |
121 L R C LFE Ls Rs | 122 L R Ls Rs C LFE | 123 L C R Ls Rs LFE | 124 C L R Ls Rs LFE | 125 L R C LFE Ls Rs Cs |
126 L R C LFE Ls Rs Lc Rc | 127 C Lc Rc L R Ls Rs LFE | 128 L R C LFE Ls Rs Lb Rb | 129 L R Ls Rs C LFE Lc Rc |
131 L R Cs | 132 L R Ls Rs | 133 L R LFE | 134 L R LFE Cs | 135 L R LFE Ls Rs | 136 L R C LFE | 137 L R C LFE Cs |
138 L R Ls Rs LFE | 139 L R Ls Rs C Cs | 140 L R Ls Rs C Lb Rb | 141 C L R Ls Rs Cs | 142 C L R Ls Rs Cs LFE |
143 C L R Ls Rs Lb Rb | 144 C L R Ls Rs Lb Rb Cs | 148 L R Ls Rs C Lc Rc | 149 C LFE | 150 L C R | 151 L C R Cs |
152 L C R LFE | 153 L R Cs LFE | 154 L C R Cs LFE | 155 L C R Ls Rs Cs | 156 L C R Ls Rs Lb Rb |
157 L C R Ls Rs LFE Cs | 160 L C R Ls Rs LFE Lb Rb | 161 L C R Ls Rs LFE Lc Rc | 168 C L R LFE |
169 C L R Cs LFE | 170 Lc Rc L R Ls Rs | 172 C Cs L R Lb Rb | 173 Lc Rc L R Ls Rs LFE | 175 C Cs L R Lb Rb LFE |
176 Lc C Rc L R Ls Rs | 177 Lc C Rc L R Ls Rs LFE | 178 Lc Rc L R Ls Rs Lb Rb | 179 Lc C Rc L R Ls Cs Rs |
180 Lc Rc L R Ls Rs Lb Rb LFE | 181 Lc C Rc L R Ls Cs Rs LFE | 182 C L R Ls Rs LFE Cs |
183 C L R Ls Rs Lb Rb LFE | 185 L R Lb Rb | 186 L R C Lb Rb | 187 L R C LFE Lb Rb | 188 L R C LFE Cs Ls Rs |
189 L R C LFE Lb Rb Ls Rs
"""
"""What CAF's layout tags of a fixed order mean, by their upper 16 bits; the lower are the count of channels."""
_BY_TAG = {int(tag): tuple(names) for tag, *names in map(str.split, _TAGS.split("|"))}
_UNDECLARED_TAGS = (147, 0xFFFF)  # discrete channels in order, and unknown
_AMBISONIC_TAGS = (107, 190, 191)


@dataclass(frozen=True)
class Layout:
    """The speaker of each channel, or None where the file declares none; and why they cannot be folded down."""

    speakers: tuple[str, ...] | None = None
    fault: str | None = None
    ambisonic: bool = False


_UNDECLARED = Layout()
_AMBISONIC = Layout(None, "is ambisonic, its channels are no speakers: decode it to stereo", True)


def read_layout(path: Path, channels: int) -> Layout:
    """Return what the file declares for its channels; mono declares nothing that could change it."""
    if channels < 2:
        return _UNDECLARED
    with open(path, "rb") as file:
        start = file.read(4)
        if start == b"OggS":
            return _ogg(file.read(MOST_HEADER_BYTES), channels)
        if start == b"fLaC" or start[:3] == b"ID3":
            return _flac(file, channels)
        if start not in FAMILIES:
            return _UNDECLARED
        family, declared = FAMILIES[start], _UNDECLARED
        for chunk in chunks(file, family):
            if chunk.name == b"fmt ":
                declared = _wave(body(file, chunk, MOST_CHUNK_BYTES), channels, family.order)
            if chunk.name == b"chna":
                is_declared = declared.speakers is not None
                speakers, fault = named_by_chna(body(file, chunk, MOST_CHUNK_BYTES), channels, is_declared)
                if speakers is not None or fault is not None:
                    return Layout(speakers, fault)
            if chunk.name.lower() == b"chan" and chunk.size >= 12:
                return _core_audio(body(file, chunk, MOST_CHUNK_BYTES), channels)
    return declared


def _masked(mask: int, channels: int, where: str) -> Layout:
    """Return the speakers of a mask's bits; of a stereo file that names more or fewer, none."""
    if not mask:
        return _UNDECLARED
    bits = [bit for bit in range(32) if mask >> bit & 1]
    if len(bits) == channels:
        return Layout(tuple(_MASK[bit] if bit < len(_MASK) else f"bit {bit}" for bit in bits))
    return _miscounted(len(bits), channels, f"{where} 0x{mask:x}")


def _miscounted(named: int, channels: int, where: str) -> Layout:
    if channels == 2:
        return _UNDECLARED
    speakers = f"{named} speaker" + "s" * (named != 1)
    return Layout(None, f"its {where} names {speakers} for {channels} channels: repair the header")


def _wave(fmt: bytes, channels: int, order: str) -> Layout:
    """Return what a fmt chunk says: mask and GUID of an extensible one, B-format's too (R. Dobson, 2000)."""
    if len(fmt) < 40 or struct.unpack(order + "H", fmt[:2]) != (EXTENSIBLE,):
        return _UNDECLARED
    if fmt[24:40] in _AMBISONIC_GUIDS:
        return _AMBISONIC
    (mask,) = struct.unpack(order + "I", fmt[20:24])
    return _masked(mask, channels, "channel mask")


def _core_audio(said: bytes, channels: int) -> Layout:
    """Return what a channel layout chunk says: by a bitmap, a label for each channel, or a tag."""
    tag, bitmap, count = struct.unpack(">III", said[:12])
    if tag == 1 << 16:
        return _masked(bitmap, channels, "channel bitmap")
    if tag == 0:
        labels = [label for (label,) in struct.iter_unpack(">I16x", said[12 : 12 + len(said[12:]) // 20 * 20])][:count]
        return _labelled(labels, channels)
    kind, named = tag >> 16, tag & 0xFFFF
    if kind in _UNDECLARED_TAGS:
        return _UNDECLARED
    if kind in _AMBISONIC_TAGS:
        return _AMBISONIC
    if named != channels:
        return _miscounted(named, channels, f"channel layout (tag {kind})")
    if kind not in _BY_TAG:
        return Layout(None, f"its channel layout (tag {kind}) is none of those known here: export it as WAV")
    return Layout(_BY_TAG[kind])


def _labelled(labels: list[int], channels: int) -> Layout:
    """Return the speakers of CAF's labels: unknown or discrete ones alone declare nothing."""
    if all(label in (0, 400, 0xFFFFFFFF) or label >> 16 == 1 for label in labels):
        return _UNDECLARED
    if any(200 <= label <= 203 or label == 500 or label >> 16 in (2, 3, 4) for label in labels):
        return _AMBISONIC
    if len(labels) != channels:
        return _miscounted(len(labels), channels, "channel layout")
    if labels in _STEREO_LABELS:
        return Layout(("L", "R"))
    if set(labels) == {_MONO}:
        return _UNDECLARED  # tracks side by side, each of them mono
    return Layout(tuple(_LABELS.get(label, f"label {label}") for label in labels))


def _flac(file: BinaryIO, channels: int) -> Layout:
    """Return FLAC's own order by count, or that of the mask in its Vorbis comment (RFC 9639, 8.6.2)."""
    file.seek(0)
    start = file.read(MOST_HEADER_BYTES).find(b"fLaC")
    if start < 0:
        return _UNDECLARED  # an MP3 behind its tag
    position = start + 4
    for _ in range(MOST_CHUNKS):
        file.seek(position)
        header = file.read(4)
        size = int.from_bytes(header[1:], "big")
        if header[:1] in (b"\x04", b"\x84"):
            for comment in _comments(file.read(min(size, MOST_HEADER_BYTES))):
                said = re.fullmatch(rb"WAVEFORMATEXTENSIBLE_CHANNEL_MASK=0x([0-9a-f]{1,8})", comment, re.IGNORECASE)
                if said:
                    return _masked(int(said[1], 16), channels, "channel mask")
        if len(header) < 4 or header[0] & 0x80:
            break
        position += 4 + size
    return _by_count(_FLAC, channels)


def _comments(body: bytes) -> Iterator[bytes]:
    """Yield the fields of a Vorbis comment (RFC 9639, 8.6): vendor, count, then each behind its length."""
    position = 4 + int.from_bytes(body[:4], "little") + 4
    while position + 4 <= len(body):
        size = int.from_bytes(body[position : position + 4], "little")
        yield body[position + 4 : position + 4 + size]
        position += 4 + size


def _ogg(head: bytes, channels: int) -> Layout:
    """Return the order of Vorbis, and of Opus as its mapping family says, from the first packet."""
    packet = head[23 + head[22] :] if len(head) > 23 else b""
    family = packet[18] if packet.startswith(b"OpusHead") and len(packet) > 18 else None
    if family in (2, 3):
        return _AMBISONIC
    if family in (0, 1) or packet.startswith(b"\x01vorbis"):
        return _by_count(_VORBIS, channels)
    return _UNDECLARED


def _by_count(orders: dict[int, str], channels: int) -> Layout:
    return Layout(tuple(orders[channels].split())) if channels in orders else _UNDECLARED
