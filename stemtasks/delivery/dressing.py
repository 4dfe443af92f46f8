"""What a delivered file says of itself: chunks behind the audio of a WAV, tags before that of a FLAC or an MP3."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from stemtasks.delivery.tags import tagged, tags_of
from stemtasks.delivery.wav_chunks import chunks_of, header_of


class Dressed(NamedTuple):
    """``head`` stands in place of the first ``skipped`` bytes of a file, ``end`` behind all of it."""

    head: bytes
    skipped: int
    end: bytes


AS_IT_IS = Dressed(b"", 0, b"")


def dressed_of(path: Path, file: dict[str, Any], contents: dict[str, Any], wav_chunks: list[str]) -> Dressed | None:
    """Return what a file of the archive's contents gets, or None if it is stored as it is."""
    if file["measurements"].get("format") == "command":  # its program has its own ways
        return None
    if path.suffix in (".flac", ".mp3"):
        return Dressed(*tagged(path, tags_of(file, contents)), b"")
    if path.suffix != ".wav" or not wav_chunks:
        return None
    end = chunks_of(file, contents, wav_chunks)
    head = header_of(path, len(end))
    return Dressed(head, len(head), end)
