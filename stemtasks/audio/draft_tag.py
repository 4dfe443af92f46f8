"""What a draft's WAV says of itself: a chunk behind its audio that programs show as title and comment.

``LIST`` of ``INFO`` (Microsoft and IBM, 'Multimedia Programming Interface and Data Specifications 1.0', 2-14).
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

from stemtasks.audio.chunks import FAMILIES, chunks
from stemtasks.audio.wav import RIFF_LIMIT_BYTES
from stemtasks.progress import whole

TEXTS = {b"INAM": b"draft", b"ICMT": b"a draft at a lower sample rate: not to be delivered"}


def mark(path: Path) -> None:
    """Add the chunk to a file of ``write_wav``, unless it has it: a file that was linked is one that was marked."""
    with open(path, "rb") as file:
        found = {chunk.name: chunk for chunk in chunks(file, FAMILIES[b"RIFF"])}
    if b"LIST" in found:
        return
    added, is_large = _info(), b"ds64" in found
    form_bytes = path.stat().st_size + len(added) - 8
    if form_bytes > RIFF_LIMIT_BYTES and not is_large:
        return  # a few bytes below 4 GiB; its name says it
    with open(path, "r+b") as file:
        file.seek(0, os.SEEK_END)
        file.write(added)
        file.seek(found[b"ds64"].start if is_large else 4)
        file.write(struct.pack("<Q" if is_large else "<I", form_bytes))
    whole(path)


def _info() -> bytes:
    body = b"INFO" + b"".join(_chunk(name, text + b"\0") for name, text in TEXTS.items())
    return _chunk(b"LIST", body)


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack("<4sI", name, len(body)) + body + b"\0" * (len(body) % 2)
