"""When a recording says that it begins: samples since midnight, in the chunks of a WAV, RF64, BW64 or Wave64.

Three chunks say it: ``bext`` (EBU Tech 3285, section 2.3, TimeReference, at the file's sample rate), ``iXML`` (SPEED,
TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI and _LO, at TIMESTAMP_SAMPLE_RATE or the file's), and, where neither is there,
``smpl`` (RIFF MCI, 1994: dwSMPTEFormat and dwSMPTEOffset). It is asked while songs are read, so it takes the standard
library alone, and reads headers of chunks, never audio.
"""

from __future__ import annotations

import re
import struct
from fractions import Fraction
from typing import BinaryIO

from stemtasks.audio.chunks import FAMILIES, body, chunks

RIFF_AND_WAVE64 = (b"RIFF", b"RF64", b"BW64", b"RIFX", b"riff")
SAYING = (b"fmt ", b"bext", b"iXML", b"smpl")
FRAMES_A_SECOND = {24: 24, 25: 25, 29: 30, 30: 30}
"""How SMPTE time code counts by its format; 29 is 30 with two numbers dropped each minute but the tenth."""
DROPPING = 29
MOST_XML_BYTES = 1 << 20
TIME_REFERENCE = 256 + 32 + 32 + 10 + 8
"""Where in a ``bext`` it is, in bytes: behind description, originator, reference, date and time."""


def start_stamp(path: str) -> Fraction | None:
    """Return the seconds since midnight at which a recording begins, or None where it does not say so."""
    try:
        with open(path, "rb") as file:
            found, order = _saying(file)
    except (OSError, ValueError, OverflowError):
        return None
    format_ = found.get(b"fmt ", b"")
    rate = struct.unpack(order + "I", format_[4:8])[0] if len(format_) >= 8 else 0
    said = [_of_bext(found.get(b"bext", b""), order, rate), _of_ixml(found.get(b"iXML", b""), rate)]
    if said == [None, None]:
        return _of_smpl(found.get(b"smpl", b""), order)
    stamps = [stamp for stamp in said if stamp is not None]
    return next((stamp for stamp in stamps if stamp), stamps[0])


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


def _of_smpl(content: bytes, order: str) -> Fraction | None:
    """Return what the time code says, as hours, minutes, seconds and frames of a byte each; format 0 says nothing."""
    if len(content) < 28:
        return None
    format_, code = struct.unpack_from(order + "II", content, 20)
    hours, minutes, seconds, frames = code.to_bytes(4, "big")
    count = FRAMES_A_SECOND.get(format_)
    if count is None or hours > 23 or minutes > 59 or seconds > 59 or frames >= count:
        return None
    minutes += 60 * hours
    number = (60 * minutes + seconds) * count + frames
    if format_ == DROPPING:
        return Fraction((number - 2 * (minutes - minutes // 10)) * 1001, 30000)
    return Fraction(number, count)


def _saying(file: BinaryIO) -> tuple[dict[bytes, bytes], str]:
    """Return the bytes of the chunks that matter, and the byte order."""
    start = file.read(4)
    if start not in RIFF_AND_WAVE64:
        return {}, "<"
    family = FAMILIES[start]
    found: dict[bytes, bytes] = {}
    for chunk in chunks(file, family):
        if chunk.name in SAYING:
            found.setdefault(chunk.name, body(file, chunk, MOST_XML_BYTES))
    return found, family.order
