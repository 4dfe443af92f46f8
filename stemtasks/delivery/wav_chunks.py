"""What a delivered WAV says of itself: chunks behind its audio, which stays as it is; only sizes in the header change.

``bext`` version 2 (EBU Tech 3285, with loudness by EBU R128), ``iXML`` (Gallery Software's specification), ``cue`` with
labels at the sections, ``smpl`` with the song without its tail as a loop (both: Microsoft's and IBM's 'Multimedia
Programming Interface and Data Specifications 1.0' and its supplement). Nothing in them is of the clock.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from stemtasks.audio.chunks import FAMILIES, chunks
from stemtasks.delivery.names import BITS, one_line

RIFF_LIMIT_BYTES = 0xFFFFFFFF
IN_DS64 = 0xFFFFFFFF
NOT_SAID = 0x7FFF
"""In ``bext``, of a loudness that was not measured."""
LOUDNESSES = ("lufs", "lra_lu", "true_peak_dbtp", "max_momentary_lufs", "max_short_term_lufs")


def chunks_of(file: dict[str, Any], contents: dict[str, Any], kinds: Iterable[str]) -> bytes:
    """Return the chunks of some ``kinds`` of a file of the archive's contents, to stand at its end."""
    made = {"bext": _bext, "ixml": _ixml, "cue": _cue, "smpl": _smpl}
    return b"".join(made[kind](file, contents) for kind in kinds)


def header_of(path: Path, more_bytes: int) -> bytes:
    """Return all before the first sample of a file of ``write_wav``, where ``more_bytes`` follow what it has.

    Past 4 GiB it is RF64's (EBU Tech 3306); there is room for it.
    """
    with path.open("rb") as file:
        found = {chunk.name: chunk for chunk in chunks(file, FAMILIES[b"RIFF"])}
        data = found[b"data"]
        file.seek(0)
        header = bytearray(file.read(data.start))
    form_bytes = path.stat().st_size - 8 + more_bytes
    if header[:4] == b"RIFF" and form_bytes <= RIFF_LIMIT_BYTES:
        struct.pack_into("<I", header, 4, form_bytes)
    elif header[:4] == b"RIFF":
        (frames,) = struct.unpack_from("<I", header, found[b"fact"].start)
        struct.pack_into("<4sI4s", header, 0, b"RF64", IN_DS64, b"WAVE")
        struct.pack_into("<4sIQQQ", header, found[b"JUNK"].start - 8, b"ds64", 28, form_bytes, data.size, frames)
        for place in (found[b"fact"].start, data.start - 4):
            struct.pack_into("<I", header, place, IN_DS64)
    else:
        struct.pack_into("<Q", header, found[b"ds64"].start, form_bytes)
    return bytes(header)


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack("<4sI", name, len(body)) + body + b"\0" * (len(body) % 2)


def _title(file: dict[str, Any]) -> str:
    return one_line(file.get("title") or file["role"])


def _bext(file: dict[str, Any], contents: dict[str, Any]) -> bytes:
    """Return ``bext``: it begins at midnight (TimeReference 0); its reference is the digest of the file without it."""
    facts = file["measurements"]
    said = (f"{one_line(contents['song']['title'])} - {_title(file)}", "stemtasks", file["sha256"][:32])
    description, originator, reference = (text.encode("ascii", "replace") for text in said)
    channels = {1: "mono", 2: "stereo"}[facts["channels"]]
    history = f"A=PCM,F={facts['sample_rate']},W={BITS[facts['subtype']]},M={channels},T=stemtasks\r\n"
    body = struct.pack("<256s32s32s10s8sQH64x", description, originator, reference, b"", b"", 0, 2)
    body += struct.pack("<5h180x", *(_hundredths(facts.get(name)) for name in LOUDNESSES))
    return _chunk(b"bext", body + history.encode())


def _hundredths(value: float | None) -> int:
    return NOT_SAID if value is None or not -99.99 <= value <= 99.99 else round(100 * value)


def _ixml(file: dict[str, Any], contents: dict[str, Any]) -> bytes:
    """Return ``iXML``: the song, its tempo and key, and the name of each channel, in UTF-8."""
    song, facts = contents["song"], file["measurements"]
    root = Element("BWFXML")
    SubElement(root, "IXML_VERSION").text = "1.61"
    SubElement(root, "PROJECT").text = one_line(song["title"])
    tempo = [] if song["bpm"] is None else [f"{song['bpm']:g} BPM (quarter notes)", song["time_signature"]]
    SubElement(root, "NOTE").text = ", ".join([*tempo, *([song["key"]] if song["key"] else [])])
    SubElement(root, "FILE_UID").text = file["sha256"][:32]
    speed = SubElement(root, "SPEED")
    SubElement(speed, "FILE_SAMPLE_RATE").text = str(facts["sample_rate"])
    SubElement(speed, "AUDIO_BIT_DEPTH").text = BITS[facts["subtype"]]
    tracks = SubElement(root, "TRACK_LIST")
    SubElement(tracks, "TRACK_COUNT").text = str(facts["channels"])
    for number, side in enumerate([""] if facts["channels"] == 1 else [" L", " R"], 1):
        track = SubElement(tracks, "TRACK")
        SubElement(track, "CHANNEL_INDEX").text = str(number)
        SubElement(track, "INTERLEAVE_INDEX").text = str(number)
        SubElement(track, "NAME").text = _title(file) + side
    return _chunk(b"iXML", ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True))


def _cue(file: dict[str, Any], contents: dict[str, Any]) -> bytes:  # noqa: ARG001 - the same in every file
    """Return ``cue`` with a point at the start of each section, and their names as labels, in UTF-8."""
    starts = [(number, section["start_frame"]) for number, section in enumerate(contents["sections"], 1)]
    points = b"".join(struct.pack("<II4sIII", number, frame, b"data", 0, 0, frame) for number, frame in starts)
    labels = b"".join(
        _chunk(b"labl", struct.pack("<I", number) + one_line(section["name"]).encode() + b"\0")
        for number, section in enumerate(contents["sections"], 1)
    )
    return _chunk(b"cue ", struct.pack("<I", len(starts)) + points) + _chunk(b"LIST", b"adtl" + labels)


def _smpl(file: dict[str, Any], contents: dict[str, Any]) -> bytes:
    """Return ``smpl`` with one endless loop, from the first frame to the last before the tail."""
    period_ns = round(1e9 / file["measurements"]["sample_rate"])
    middle_c = 60
    head = struct.pack("<9I", 0, 0, period_ns, middle_c, 0, 0, 0, 1, 0)
    return _chunk(b"smpl", head + struct.pack("<6I", 1, 0, 0, contents["song"]["frames"] - 1, 0, 0))
