"""Reaper's project (``.rpp``): the song as a session for Reaper, beside the files that it refers to.

A line is a word and its values; ``<`` and ``>`` hold what is inside another. Reaper's tempo counts quarter notes, as
ours does. What is not said here has Reaper's defaults.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stemtasks.delivery.handover import Handover
from stemtasks.delivery.names import one_line
from stemtasks.delivery.session import Track, decimal, file_name, seconds_of, signature_of, tracks_of

SOURCES = {"flac": "FLAC", "mp3": "MP3", "wav": "WAVE"}
"""What reads a file, by its ending; all others are for its VIDEO source, which decodes with ffmpeg or the system."""
CUSTOM = 0x1000000
"""Says that a colour is one's own."""


def names(title: str) -> list[str]:
    """Return the names of the files that it writes for a song's title."""
    return [file_name(title, "rpp")]


def rpp(handover: Handover) -> Iterator[tuple[str, bytes]]:
    """Yield ``SONG.rpp``: a track a file with the mix's fader, tempo, time signature and section markers."""
    contents = handover.contents
    text = "\n".join(_project(contents)) + "\n"
    yield file_name(contents["song"]["title"], "rpp"), text.encode()


def _project(contents: dict[str, Any]) -> Iterator[str]:
    song = contents["song"]
    # version, program, and in place of the clock nothing
    yield '<REAPER_PROJECT 0.1 "6.0" 0'
    if song["bpm"] is not None:
        numerator, denominator = signature_of(contents)
        yield f"  TEMPO {decimal(song['bpm'])} {numerator} {denominator}"
    yield f"  SAMPLERATE {song['sample_rate']} 0 0"
    yield "  PANLAW 1"  # 0 dB in the middle, whatever the user's default
    yield "  MASTER_VOLUME 1 0 -1 -1 1"
    yield "  MASTERMUTESOLO 0"
    for number, section in enumerate(contents["sections"], 1):
        seconds = decimal(section["start_frame"] / song["sample_rate"])
        yield f"  MARKER {number} {seconds} {quoted(one_line(section['name']))} 0"
    for track in tracks_of(contents):
        yield from _track(track, decimal(seconds_of(contents)))
    yield ">"


def _track(track: Track, seconds: str) -> list[str]:
    red, green, blue = bytes.fromhex(track.colour[1:])
    return [
        "  <TRACK",
        f"    NAME {quoted(track.name)}",
        f"    PEAKCOL {CUSTOM | blue << 16 | green << 8 | red}",
        f"    VOLPAN {decimal(track.gain)} 0 -1 -1 1",
        f"    MUTESOLO {int(track.muted)} 0 0",
        "    NCHAN 2",
        "    <ITEM",
        "      POSITION 0",
        f"      LENGTH {seconds}",
        "      LOOP 0",
        "      FADEIN 1 0 0",
        "      FADEOUT 1 0 0",
        f"      NAME {quoted(track.name)}",
        "      VOLPAN 1 0 1 -1",
        "      SOFFS 0",
        "      PLAYRATE 1 1 0 -1 0 0.0025",
        f"      <SOURCE {SOURCES.get(track.file.rpartition('.')[2], 'VIDEO')}",
        f"        FILE {quoted(track.file)}",
        "      >",
        "    >",
        "  >",
    ]


def quoted(text: str) -> str:
    """Return a text in the quotes that it does not hold; one that holds all three kinds loses the backticks."""
    for mark in "\"'`":
        if mark not in text:
            return f"{mark}{text}{mark}"
    return "`" + text.replace("`", "'") + "`"
