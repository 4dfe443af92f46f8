"""When a recording says that it begins: samples since midnight, in the chunks of a WAV, RF64, BW64 or Wave64.

Two chunks say it: ``bext`` (EBU Tech 3285, section 2.3, TimeReference, at the file's sample rate) and ``iXML`` (SPEED,
TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI and _LO, at TIMESTAMP_SAMPLE_RATE or the file's). It is asked while songs are
read, so it takes the standard library alone, and reads headers of chunks, never audio.
"""

from __future__ import annotations

import re
import struct
from fractions import Fraction
from typing import BinaryIO

MOST_CHUNKS = 1000
MOST_XML_BYTES = 1 << 20
TIME_REFERENCE = 256 + 32 + 32 + 10 + 8
"""Where in a ``bext`` it is, in bytes: behind description, originator, reference, date and time."""


def start_stamp(path: str) -> Fraction | None:
    """Return the seconds since midnight at which a recording begins, or None where it does not say so."""
    try:
        with open(path, "rb") as file:
            found = riff_chunks(file)
    except (OSError, ValueError, OverflowError):
        return None
    order, format_ = found.get("order", b"<").decode(), found.get("fmt ", b"")
    rate = struct.unpack(order + "I", format_[4:8])[0] if len(format_) >= 8 else 0
    said = [_of_bext(found.get("bext", b""), order, rate), _of_ixml(found.get("iXML", b""), rate)]
    stamps = [stamp for stamp in said if stamp is not None]
    return next((stamp for stamp in stamps if stamp), stamps[0] if stamps else None)


def _of_bext(body: bytes, order: str, rate: int) -> Fraction | None:
    if len(body) < TIME_REFERENCE + 8 or not rate:
        return None
    low, high = struct.unpack_from(order + "II", body, TIME_REFERENCE)
    return Fraction(high << 32 | low, rate)


def _of_ixml(body: bytes, rate: int) -> Fraction | None:
    text = body.decode("utf-16" if body[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8", "replace")
    low = _number(text, "TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO")
    rate = _number(text, "TIMESTAMP_SAMPLE_RATE") or rate
    if low is None or not rate:
        return None
    high = _number(text, "TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI") or 0
    return Fraction((high & 0xFFFFFFFF) << 32 | low & 0xFFFFFFFF, rate)


def _number(text: str, tag: str) -> int | None:
    found = re.search(rf"<{tag}\s*>\s*(-?[0-9]{{1,10}})\s*</", text)
    return int(found.group(1)) if found else None


def riff_chunks(file: BinaryIO) -> dict[str, bytes]:
    """Return the bytes of the chunks that matter, the byte order, and how many bytes of audio are claimed, as digits.

    At most ``MOST_CHUNKS`` are passed.
    """
    start = file.read(40)
    is_wave64 = start[:4] == b"riff"
    if start[:4] not in (b"RIFF", b"RF64", b"BW64", b"RIFX", b"riff"):
        return {}
    order = ">" if start[:4] == b"RIFX" else "<"
    found = {"order": order.encode()}
    position, header_bytes, alignment = (40, 24, 8) if is_wave64 else (12, 8, 2)
    for _ in range(MOST_CHUNKS):
        file.seek(position)
        header = file.read(header_bytes)
        if len(header) < header_bytes:
            break
        name = header[:4].decode("latin-1")
        size = struct.unpack("<Q", header[16:])[0] - 24 if is_wave64 else struct.unpack(order + "I", header[4:])[0]
        if size < 0:
            break
        if name in ("fmt ", "bext", "iXML", "ds64"):
            found.setdefault(name, file.read(min(size, MOST_XML_BYTES)))
        if name == "data" and size == 0xFFFFFFFF and len(found.get("ds64", b"")) >= 16:
            (size,) = struct.unpack("<Q", found["ds64"][8:16])
        if name == "data":
            found.setdefault("data bytes", str(size).encode())
        position += header_bytes + size + -size % alignment
    return found
