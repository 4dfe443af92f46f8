"""The track sheet: what the archive holds, as plain text for a person.

Recording Academy P&E Wing ('Recommendation for Delivery of Recorded Music Projects', AES TD1002): tempo, key,
time signature and sections go with the files. Columns line up in a monospaced font, in any script.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any

from stemtasks.automation import said
from stemtasks.delivery.handover import Handover
from stemtasks.delivery.names import rate_label
from stemtasks.timeline import clock

NAME = "TrackSheet.txt"
COLUMNS = 100
NAME_COLUMNS = 24
FORMATS = {"PCM_16": "16-bit PCM", "PCM_24": "24-bit PCM", "FLOAT": "32-bit float", "MPEG_LAYER_III": "MP3"}


def names() -> list[str]:
    """Return the names of the files that it writes."""
    return [NAME]


def track_sheet(handover: Handover) -> Iterator[tuple[str, bytes]]:
    """Yield ``TrackSheet.txt``: tempo, key, sections, levels and how each stem was made, for a person."""
    yield NAME, sheet(handover.contents).encode()


def sheet(manifest: dict[str, Any]) -> str:
    """Return the sheet of an archive's contents, lines of at most about ``COLUMNS`` columns."""
    song = manifest["song"]
    stems = [file for file in manifest["files"] if file["role"] == "stem"]
    master = next((file for file in manifest["files"] if file["role"] == "master"), None)
    title = shown(song["title"], COLUMNS)
    parts = [
        [title, "=" * width(title)],
        pairs(_song(song, manifest["files"])),
        titled("Sections", _sections(manifest["sections"], song)),
        *(titled("Stems", _levels(stems)) for _ in stems[:1]),
        *(titled("Sources", table([["Stem", "Made by", "Effects"], *map(_source, stems)])) for _ in stems[:1]),
        *([] if master is None else [titled("Master", pairs(_master(master)))]),
        titled("Files", [file["name"] for file in manifest["files"]]),
        [manifest["contract"]],
    ]
    return "\n\n".join("\n".join(line.rstrip() for line in part) for part in parts) + "\n"


def width(text: str) -> int:
    """Return the columns a text takes in a monospaced font (Unicode Standard Annex 11: wide characters take 2)."""
    return sum(_columns(character) for character in text)


def shown(text: str, columns: int) -> str:
    """Return a text on one line, in at most ``columns`` columns, an ellipsis standing for what is cut."""
    line = "".join(c for c in " ".join(text.split()) if unicodedata.category(c) not in ("Cc", "Cs"))
    if width(line) <= columns:
        return line
    taken, kept = 1, []
    for character in line:
        taken += _columns(character)
        if taken > columns:
            break
        kept.append(character)
    return "".join(kept).rstrip() + "…"


def format_of(song: dict[str, Any], files: list[dict[str, Any]]) -> str:
    """Return what the files are; of a delivery whose parts differ, each part."""
    rate, channels = f"{rate_label(song['sample_rate'])[:-1]} kHz", _channels(song["channels"])
    said = {f"{file['role']}s" if file["role"] == "stem" else file["role"]: _form(file, song) for file in files}
    if len(set(said.values())) == 1:
        return f"{rate}, {next(iter(said.values()))}, {channels}"
    return f"{rate}, {channels}; " + ", ".join(f"{part} {form}" for part, form in said.items())


def _form(file: dict[str, Any], song: dict[str, Any]) -> str:
    facts = file["measurements"]
    container = {"flac": "FLAC ", "rf64": "RF64 "}.get(facts.get("format"), "")
    subtype: str = facts.get("subtype", song["subtype"])
    return container + FORMATS.get(subtype, subtype)


def _song(song: dict[str, Any], files: list[dict[str, Any]]) -> list[tuple[str, str]]:
    rate = song["sample_rate"]
    bpm = song["bpm"]
    tail = f" and a tail of {_clock(song['tail_frames'], rate)}" if song["tail_frames"] else ""
    return [
        *([("Artist", song["artist"])] if song["artist"] else []),
        ("Tempo", "none" if bpm is None else f"{_short(bpm)} BPM (quarter notes)"),
        ("Key", song["key"] or "not stated"),
        ("Time signature", song["time_signature"]),
        ("Length", _clock(song["frames"], rate) + tail),
        *([("Delivery", song["delivery"])] if "delivery" in song else []),
        ("Format", format_of(song, files)),
        ("Files", f"each starts at 0:00.000 and has {song['delivered_frames']} frames"),
    ]


def _sections(sections: list[dict[str, Any]], song: dict[str, Any]) -> list[str]:
    bars = song["bpm"] is not None
    rows = [["Start", "End", *(["At bar", "Bars"] if bars else []), "Key", "Section"]]
    for section in sections:
        times = [_clock(section[name], song["sample_rate"]) for name in ("start_frame", "end_frame")]
        places = [_short(section["start_bar"]), _short(section["bars"])] if bars else []
        rows.append([*times, *places, section["key"] or song["key"] or "-", section["name"]])
    return table(rows, right=4 if bars else 2)


def _levels(stems: list[dict[str, Any]]) -> list[str]:
    loudness = any("lufs" in stem["measurements"] for stem in stems)
    head = ["Peak dBFS", "RMS dBFS", *(["LUFS"] if loudness else []), "Gain dB", "Fader dB", "Pan"]
    matched = any("match" in stem for stem in stems)
    head += ["Match"] if matched else []
    rows = [[*head, "Alignment", "Stem"]]
    for stem in stems:
        facts = stem["measurements"]
        levels = [level(facts["peak_dbfs"]), level(facts["rms_dbfs"])]
        levels += [level(facts.get("lufs"))] if loudness else []
        gains = [said(stem["gain_db"], _decibels), _decibels(stem["mix_gain_db"]), said(stem["pan"], _pan)]
        gains += [_matched(stem.get("match"))] if matched else []
        rows.append([*levels, *gains, stem.get("align", {}).get("strategy") or "-", stem["title"]])
    notes = ["Gain and pan are in the file already; the fader is what the mix adds."]
    if matched:
        notes.append("The match, pan and polarity as in the reference, is in the file behind these.")
    return [*table(rows, right=len(head)), *notes]


def _source(stem: dict[str, Any]) -> list[str]:
    effects = ", ".join(effect["effect"] for effect in stem["effects"])
    source = f"group: {', '.join(stem['stems'])}" if "stems" in stem else stem["generator"]
    return [stem["title"], source, effects or "-"]


def _master(master: dict[str, Any]) -> list[tuple[str, str]]:
    facts = master["measurements"]
    wanted = master["loudness_lufs"]
    loudness = "" if wanted is None else f" (target {level(wanted)})"
    return [
        ("Loudness", f"{level(facts['lufs'])} LUFS{loudness}"),
        ("True peak", f"{level(facts['true_peak_dbtp'])} dBTP (ceiling {level(master['ceiling_dbtp'])})"),
        ("Loudness range", f"{level(facts.get('lra_lu'))} LU"),
        ("Peak, RMS", f"{level(facts['peak_dbfs'])} dBFS, {level(facts['rms_dbfs'])} dBFS"),
    ]


def _clock(frame: int, sample_rate: int) -> str:
    return clock(frame * 1000 / sample_rate)


def titled(title: str, lines: list[str]) -> list[str]:
    """Return lines under a title."""
    return [title, "-" * len(title), *lines]


def pairs(named: list[tuple[str, str]]) -> list[str]:
    """Return a line for each name with its value."""
    return [f"{name:<16}{shown(value, COLUMNS - 16)}" for name, value in named]


def table(rows: list[list[str]], right: int = 0) -> list[str]:
    """Return rows as lines, the first ``right`` columns set to the right, the last free to run to the margin."""
    cells = [[shown(cell, NAME_COLUMNS) for cell in row[:-1]] for row in rows]
    widths = [max(width(row[place]) for row in cells) for place in range(len(cells[0]))]
    left = COLUMNS - sum(widths) - 2 * len(widths)
    lines = []
    for row, whole in zip(cells, rows, strict=True):
        padded = [
            " " * (columns - width(cell)) + cell if place < right else cell + " " * (columns - width(cell))
            for place, (cell, columns) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join([*padded, shown(whole[-1], left)]))
    return lines


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _short(number: float) -> str:
    return f"{number:.3f}".rstrip("0").rstrip(".")


def level(number: float | None) -> str:
    """Return a level to 0.01, or that there is none."""
    return "-" if number is None else f"{number:.2f}"


def _decibels(gain_db: float) -> str:
    return f"{gain_db:+.2f}"


def _pan(pan: float | None) -> str:
    """Return a pan from -1 to 1 as consoles write it: L100, C, R35."""
    if pan is None:
        return "-"
    percent = round(pan * 100)
    return "C" if not percent else f"{'LR'[percent > 0]}{abs(percent)}"


def _matched(found: dict[str, Any] | None) -> str:
    """Return a pan, and whether the polarity was turned too."""
    return "-" if found is None else _pan(found["pan"]) + (" inv" if found["polarity"] < 0 else "")


def _channels(count: int) -> str:
    return {1: "mono", 2: "stereo"}.get(count, f"{count} channels")
