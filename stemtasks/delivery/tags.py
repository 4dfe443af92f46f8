"""What a delivered FLAC or MP3 says of itself before its audio, which stays as it is: title, artist and the like.

FLAC has a VORBIS_COMMENT block (RFC 9639, 8.6; field names of the Ogg Vorbis I comment specification and of ID3's
mapping to it), MP3 an ID3v2.4 tag (ID3v2.4.0 main structure and native frames). Nothing in them is of the clock.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

from stemtasks.delivery.names import one_line

FIELDS = {
    "title": ("TITLE", "TIT2"),
    "artist": ("ARTIST", "TPE1"),
    "album": ("ALBUM", "TALB"),
    "track": ("TRACKNUMBER", "TRCK"),
    "date": ("DATE", "TDRC"),
    "isrc": ("ISRC", "TSRC"),
    "genre": ("GENRE", "TCON"),
    "composer": ("COMPOSER", "TCOM"),
    "copyright": ("COPYRIGHT", "TCOP"),
    "bpm": ("BPM", "TBPM"),
    "key": ("INITIALKEY", "TKEY"),
}
"""What each is called in FLAC and in MP3."""
OF_THE_RECORDING = ("isrc", "track")
"""The master's alone: a stem is another recording, or none."""
_PADDING, _VORBIS_COMMENT = 1, 4
_LAST = 0x80


def tags_of(file: dict[str, Any], contents: dict[str, Any]) -> dict[str, str]:
    """Return the tags of a file of the archive's contents, by their names in ``FIELDS``."""
    song = contents["song"]
    is_master = file["role"] in ("master", "preview")
    title = one_line(song["title"])
    said = {name: str(value) for name, value in (song.get("tags") or {}).items()}
    found = {
        "title": title if is_master else f"{title} - {one_line(file.get('title') or file['role'].capitalize())}",
        "artist": song["artist"] or "",
        "bpm": "" if song["bpm"] is None else f"{song['bpm']:g}",
        "key": _short_key(song["key"] or ""),
        **{name: value for name, value in said.items() if is_master or name not in OF_THE_RECORDING},
    }
    return {name: one_line(found[name]) for name in FIELDS if found.get(name)}


def tagged(path: Path, tags: dict[str, str]) -> tuple[bytes, int]:
    """Return the bytes that a FLAC or an MP3 begins with in place of its first ones, and how many these are."""
    return _flac_head(path, tags) if path.suffix == ".flac" else (_id3(tags), 0)


def _flac_head(path: Path, tags: dict[str, str]) -> tuple[bytes, int]:
    """Return all before the first frame, with a new VORBIS_COMMENT, and without padding."""
    blocks: list[tuple[int, bytes]] = []
    with path.open("rb") as file:
        file.read(4)  # fLaC
        kind = 0
        while not kind & _LAST:
            kind, *size = file.read(4)
            blocks.append((kind & ~_LAST, file.read(int.from_bytes(size, "big"))))
        end = file.tell()
    vendor = next((body[4 : 4 + _length(body)] for kind, body in blocks if kind == _VORBIS_COMMENT), b"stemtasks")
    comments = [f"{FIELDS[name][0]}={value}".encode() for name, value in tags.items()]
    comment = b"".join(struct.pack("<I", len(each)) + each for each in comments)
    comment = struct.pack("<I", len(vendor)) + vendor + struct.pack("<I", len(comments)) + comment
    kept = [block for block in blocks if block[0] not in (_PADDING, _VORBIS_COMMENT)]
    places = [*kept[:1], (_VORBIS_COMMENT, comment), *kept[1:]]  # STREAMINFO is the first
    head = b"fLaC"
    for number, (kind, body) in enumerate(places, 1):
        head += bytes([kind | (_LAST if number == len(places) else 0)]) + len(body).to_bytes(3, "big") + body
    return head, end


def _length(comment: bytes) -> int:
    (length,) = struct.unpack_from("<I", comment)
    return int(length)


def _id3(tags: dict[str, str]) -> bytes:
    whole = {"bpm": f"{float(tags['bpm']):.0f}"} if "bpm" in tags else {}  # which ID3 has without a fraction
    frames = b"".join(_frame(FIELDS[name][1], value) for name, value in (tags | whole).items())
    return b"ID3\x04\x00\x00" + _synchsafe(len(frames)) + frames


def _short_key(key: str) -> str:
    """Return a key as players have it, in at most three letters: ``Ebm``."""
    tonic, _, scale = key.partition(" ")
    return f"{tonic}m" if re.search("minor|dorian|phrygian|locrian", scale) else tonic


def _frame(name: str, text: str) -> bytes:
    body = b"\x03" + text.encode()  # UTF-8
    return name.encode() + _synchsafe(len(body)) + b"\0\0" + body


def _synchsafe(size: int) -> bytes:
    """Return a size in four bytes of seven bits each."""
    return bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
