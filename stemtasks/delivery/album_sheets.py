"""What an album's archive says of its tracks: a sheet for a person, and a cue sheet for players and burners."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stemtasks.delivery.names import one_line
from stemtasks.delivery.track_sheet import COLUMNS, format_of, level, pairs, shown, table, titled, width
from stemtasks.timeline import clock

GAINS = {"album": ", one gain for all songs", "song": " for each song", None: ", as the songs' masters are"}
CUE_CHARACTERS = 80
"""Of a title or a name in a cue sheet, as programs that write CD-Text take them."""


def sheet(contents: dict[str, Any]) -> str:
    """Return ``TrackSheet.txt`` of an album's contents: order, titles, lengths, loudness, peaks, codes."""
    title = shown(contents["title"], COLUMNS)
    parts = [
        [title, "=" * width(title)],
        pairs(list(_album(contents))),
        titled("Tracks", table([*_tracks(contents)], right=6)),
        titled("Files", [track["name"] for track in contents["tracks"]]),
    ]
    return "\n\n".join("\n".join(line.rstrip() for line in part) for part in parts) + "\n"


def _album(contents: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if contents["artist"]:
        yield "Artist", contents["artist"]
    if contents["upc"]:
        yield "UPC", contents["upc"]
    count = len(contents["tracks"])
    yield "Length", f"{clock(contents['duration_s'] * 1000)}, {count} track{'s' if count != 1 else ''}"
    files = [{"role": "track", "measurements": track["measurements"]} for track in contents["tracks"]]
    yield "Format", format_of(contents, files)
    wanted = contents["loudness_lufs"]
    target = "" if wanted is None else f" (target {level(wanted)}"
    how = GAINS[contents["gain"]]
    yield "Loudness", f"{level(contents['lufs'])} LUFS together{target}{how if wanted is None else how + ')'}"
    yield "True peak", f"{level(contents['true_peak_dbtp'])} dBTP"
    for name in ("quietest", "loudest") if contents["quietest"] is not None else ():
        track = next(track for track in contents["tracks"] if track["song"] == contents[name])
        yield name.capitalize(), f"{track['title']}, {level(track['measurements']['lufs'])} LUFS"
    if contents["loudness_spread_lu"] is not None:
        yield "Spread", f"{level(contents['loudness_spread_lu'])} LU"


def _tracks(contents: dict[str, Any]) -> Iterator[list[str]]:
    yield ["No", "Start", "Length", "LUFS", "LRA", "dBTP", "ISRC", "Title"]
    for track in contents["tracks"]:
        facts = track["measurements"]
        figures = [level(facts["lufs"]), level(facts["lra_lu"]), level(facts["true_peak_dbtp"])]
        times = [clock(seconds * 1000) for seconds in (track["start_s"], facts["duration_s"])]
        other = track["artist"] if track["artist"] != contents["artist"] else None
        title = track["title"] + (f" ({other})" if other else "")
        yield [f"{track['number']:02}", *times, *figures, track["isrc"] or "-", title]


def cue_sheet(contents: dict[str, Any]) -> str:
    """Return the cue sheet of an album's contents: a file a track, each from its beginning."""
    code = contents["upc"]
    lines = [*([f"CATALOG {code:0>13}"] if code else []), *_said("", contents)]
    for track in contents["tracks"]:
        lines += [f'FILE "{track["name"]}" WAVE', f"  TRACK {track['number']:02} AUDIO", *_said("    ", track)]
        if track["isrc"]:
            lines.append(f"    ISRC {track['isrc']}")
        lines.append("    INDEX 01 00:00:00")
    return "\n".join(lines) + "\n"


def _said(indent: str, named: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a title and an artist; nothing stands for a quotation mark inside quotes."""
    for command, text in (("PERFORMER", named["artist"]), ("TITLE", named["title"])):
        if text:
            yield f'{indent}{command} "{one_line(text).replace(chr(34), chr(39))[:CUE_CHARACTERS]}"'
