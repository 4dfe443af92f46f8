"""A stem of a proposal as a table of a spec: a recording, or clips of recordings."""

from __future__ import annotations

import os
from pathlib import Path

from stemtasks.importing.proposal import Proposal, Recording, Value
from stemtasks.importing.session import Clip, decibels_of
from stemtasks.importing.toml_text import Lines, key, value
from stemtasks.timeline import clock


def stem_lines(proposal: Proposal, stem: Recording, spec_folder: Path) -> list[str]:
    """Return the lines of a stem's table; paths in it are from the folder of the spec."""
    table = Lines(f"[stems.{key(stem.name)}]")
    if stem.clips:
        table.add("generator", "clips")
        table.raw("clips = [")
        for clip in stem.clips:
            table.raw(f"    {value(_clip(clip, spec_folder))},")
        table.raw("]")
    else:
        table.add("generator", "file")
        table.add("file", path_from(spec_folder, Path(stem.survey.path)), _said(proposal, stem))
    table.add("title", stem.title)
    for name in ("kind", "bpm", "start", "align"):
        chosen: Value | None = getattr(stem, name)
        if chosen is not None:
            add(table, name, chosen)
        elif name == "kind":
            table.add("kind", "melodic", "not known: drums, bass, melodic, vocal, pad or fx", is_sure=False)
    if stem.gain_db:
        table.add("gain_db", stem.gain_db, "the track's fader")
    if stem.pan:
        table.add("pan", stem.pan, "the track's")
    if stem.verify:
        table.add("verify", {name: each.value for name, each in stem.verify.items()})
    for each in stem.verify.values():
        table.note(each.why)
    for note in stem.notes:
        table.note(f"not taken over: {note}")
    return list(table.written())


def _said(proposal: Proposal, stem: Recording) -> str:
    """Return what a recording is, in a few words."""
    facts = stem.survey.facts
    channels = {1: "mono", 2: "stereo"}.get(facts["channels"], f"{facts['channels']} channels")
    channels = "mono in two channels" if facts["channels"] == 2 and stem.survey.is_mono else channels
    rate = "" if facts["sample_rate"] == proposal.sample_rate.value else f", {facts['sample_rate']} Hz"
    return f"{clock(1000 * stem.seconds)}, {channels}{rate}, peak {facts['peak_dbfs']:.1f} dBFS"


def _clip(clip: Clip, spec_folder: Path) -> dict[str, object]:
    found: dict[str, object] = {"file": path_from(spec_folder, Path(clip.file)), "at": clip.at}
    if clip.start:
        found["from"] = clip.start
    found["length"] = clip.length
    if clip.repeat_until is not None:
        found["repeat_until"] = clip.repeat_until
    if clip.gain != 1.0:
        found["gain_db"] = decibels_of(clip.gain)
    found |= {name: each for name, each in (("fade_in", clip.fade_in), ("fade_out", clip.fade_out)) if each}
    if clip.is_reversed:
        found["reverse"] = True
    return found


def add(table: Lines, name: str, chosen: Value) -> None:
    """Add what was chosen, with the reason."""
    table.add(name, chosen.value, chosen.why, is_sure=chosen.is_sure)


def path_from(folder: Path, file: Path) -> str:
    """Return a file's path from a folder, or from the root where both have nothing in common but that."""
    start, end = os.path.realpath(folder), os.path.abspath(file)
    try:
        common = os.path.commonpath((start, end))
    except ValueError:  # other drives
        return Path(end).as_posix()
    if common == os.path.dirname(common):
        return Path(end).as_posix()
    return Path(os.path.relpath(end, start)).as_posix()
