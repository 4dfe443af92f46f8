"""What a DAW's session has whatever its format: a track a file, sections, names and numbers as text.

Opened as it is, a session sums to the mix: each stem lies at 0:00 on a track with the mix's fader, its gain and pan are
in the file already, and the master bus does nothing. What is no stem (the delivered master) would sound twice, so its
track is muted: solo it, and it is compared with the mix. Where there are no stems, the first file is heard alone.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from typing import Any

from stemtasks.delivery.names import field, one_line

GOLDEN = 0.618034
"""Of the circle of hues from one track to the next: however many there are, each is far from those before."""
LIGHTNESS = (0.65, 0.4)
SATURATION = 0.65
MASTERS_COLOUR = "#808080"


@dataclass(frozen=True)
class Track:
    """A track: its name, its file beside the session, its fader (linear), its colour (``#rrggbb``)."""

    name: str
    file: str
    gain: float
    colour: str
    muted: bool


def tracks_of(contents: dict[str, Any]) -> list[Track]:
    """Return a track for each file of the contents, in their order."""
    tracks: list[Track] = []
    stems = any(file["role"] == "stem" for file in contents["files"])
    for file in contents["files"]:
        if file["role"] == "stem":
            gain, colour = 10 ** (file["mix_gain_db"] / 20), colour_of(len(tracks))
            tracks.append(Track(one_line(file["title"]), file["name"], gain, colour, muted=False))
        elif file["role"] != "preview" or not tracks:
            muted = stems or bool(tracks)
            tracks.append(Track(f"Delivered {file['role']}", file["name"], 1.0, MASTERS_COLOUR, muted))
    return tracks


def colour_of(place: int) -> str:
    """Return the colour of a track by its place, as ``#rrggbb``."""
    hue = place * GOLDEN % 1
    return "#" + "".join(
        f"{round(255 * part):02x}" for part in colorsys.hls_to_rgb(hue, LIGHTNESS[place % 2], SATURATION)
    )


def seconds_of(contents: dict[str, Any]) -> float:
    """Return how long every file is, in seconds."""
    seconds: float = contents["song"]["delivered_frames"] / contents["song"]["sample_rate"]
    return seconds


def signature_of(contents: dict[str, Any]) -> tuple[str, str]:
    """Return the numerator and the denominator of the time signature."""
    beats, _, unit = contents["song"]["time_signature"].partition("/")
    return beats, unit


def file_name(title: str, ending: str) -> str:
    """Return the name of the session's file, beside the audio, of a song's title."""
    return f"{field(title, 'Song')}.{ending}"


def decimal(number: float) -> str:
    """Return a number without an exponent, to a trillionth: of seconds, beats or a gain more than enough."""
    return f"{number:.12f}".rstrip("0").rstrip(".")
