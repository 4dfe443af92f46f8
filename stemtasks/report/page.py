"""The report: a song at a glance, as one page of HTML that loads nothing but the audio files beside it.

The same inputs give the same bytes: nothing of the clock or the machine is in it, nor whether a file was made or
restored. Without JavaScript all of it can be read, and each file be played by itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stemtasks.audio.facts import write_facts
from stemtasks.report.contents import contents
from stemtasks.report.markup import level, pairs, text
from stemtasks.report.material import Material
from stemtasks.report.player import PLAYER
from stemtasks.report.rows import timeline
from stemtasks.report.style import STYLE
from stemtasks.report.tables import checked, made, sections
from stemtasks.report.verdict import verdict
from stemtasks.timeline import clock

POLICY = (
    "default-src 'none'; img-src data:; media-src 'self' file: blob:; connect-src 'self'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'"
)
KEYS = (
    ("Space", "play and pause"),
    ("← →", "five seconds back and on"),
    ("Home", "to the start"),
    ("1 to 9", "a stem alone, and again for all"),
    ("0", "no stem alone or muted"),
    ("x", "the stems, the mix, the master"),
)
FORMATS = {"FLOAT": "32-bit float", "PCM_24": "24 bit", "PCM_16": "16 bit"}
FOOTER = (
    "Written by stemtasks: the same song gives the same report. The players take the audio files that lie beside this "
    "page."
)


def write_report(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Write ``outputs["page"]``, and as its facts what a reader finds in it (``contents.py``)."""
    page = page_of(Material(inputs, params))
    outputs["page"].write_text(page, encoding="utf-8", newline="\n")
    write_facts(outputs["facts"], contents(page))


def page_of(song: Material) -> str:
    """Return the page."""
    title, artist = text(song.params["title"]), song.params["artist"]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{title} - report</title>\n<link rel="icon" href="data:,">\n<style>{STYLE}</style>\n</head>\n'
        f'<body>\n<a class="skip" href="#timeline">To the timeline</a>\n<header>\n<h1>{title}</h1>\n'
        + (f'<p class="soft">{text(artist)}</p>\n' if artist else "")
        + f"</header>\n<main>\n{verdict(song, _glance(song))}{_player(song)}{timeline(song)}"
        f"{sections(song)}{checked(song)}{made(song)}"
        f'</main>\n<footer class="note"><p>{FOOTER}</p></footer>\n<script>{PLAYER}</script>\n</body>\n</html>\n'
    )


def _glance(song: Material) -> str:
    """Return the figures of the master and the song."""
    line, master, target = song.timeline, song.master, song.target_lufs
    tail = f"and {line.tail_frames / line.sample_rate:g} s of tail" if line.tail_frames else ""
    ceiling = f"ceiling {song.limits['master']['ceiling_dbtp']:g}"
    figures = [
        ("Loudness", level(master["lufs"], "LUFS") + _small("" if target is None else f"target {target:g}")),
        ("True peak", level(master["true_peak_dbtp"], "dBTP") + _small(ceiling)),
        ("Loudness range", level(master["lra_lu"], "LU")),
        ("Loudest 3 s", level(master["max_short_term_lufs"], "LUFS")),
        ("Gain reduction", f"{max(song.reduction_db, default=0.0):.1f} dB" + _small("at most")),
        ("Duration", clock(line.frames * 1000 / line.sample_rate) + _small(tail)),
        ("Tempo", ("none" if line.bpm is None else f"{line.bpm:g} bpm") + _small(line.time_signature)),
        ("Key", text(line.key or "not stated")),
        ("Format", f"{line.sample_rate / 1000:g} kHz" + _small(FORMATS[master["subtype"]])),
        ("Stems", f"{sum(not stem.is_group for stem in song.stems)}"),
    ]
    return pairs(figures, "glance")


def _small(words: str) -> str:
    return f" <small>{text(words)}</small>" if words else ""


def _player(song: Material) -> str:
    seconds = song.axis.frames / song.axis.sample_rate
    radios = "".join(
        f'<label><input type="radio" name="hear" value="{kind}"{checked}> {says}</label>'
        for kind, says, checked in (("stem", "stems", " checked"), ("mix", "mix", ""), ("master", "master", ""))
    )
    keys = "".join(f"<li><kbd>{key}</kbd> {text(what)}</li>" for key, what in KEYS)
    return (
        '<h2 id="listen" class="live">Listen</h2>\n<div id="player" role="group" aria-labelledby="listen" '
        f'data-duration="{seconds:.6f}" data-live hidden>\n'
        '<button type="button" id="play">Play</button> <span id="clock">0:00.0</span>\n'
        f'<input type="range" id="position" min="0" max="{seconds:.3f}" step="0.01" value="0" '
        'aria-label="Position in the song">\n'
        f"<fieldset><legend>Hear the</legend>{radios}</fieldset>\n"
        '<button type="button" id="clear">Clear solo/mute</button>\n<p id="said" role="status"></p>\n</div>\n'
        '<noscript><p class="note live">Playing files together needs JavaScript. Without it, each file has a player of '
        "its own below.</p></noscript>\n"
        f'<details class="keys" data-live hidden><summary>Keys</summary><ul>{keys}</ul>'
        '<label><input type="checkbox" id="keys" checked> These keys work on this page</label></details>\n'
    )
