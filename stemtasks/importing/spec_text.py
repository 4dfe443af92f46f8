"""A proposal as the text of a spec: what is chosen, with the reason, and what is not sure, as comments."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from stemtasks.importing.proposal import Proposal, Recording, Value
from stemtasks.importing.toml_text import Lines, comment, key, value
from stemtasks.spec.tables import TABLES
from stemtasks.timeline import clock

SCHEMA_LINE = "#:schema ./song.schema.json"
GROUPS = "groups"


def spec_text(proposal: Proposal, spec_folder: Path) -> str:
    """Return the spec of a song; paths in it are from the folder that it will lie in."""
    lines = [*_head(proposal), "", *_song(proposal), "", *_reference(proposal, spec_folder)]
    lines += ["", *_master(proposal)]
    if proposal.verify:
        lines += ["", *_limits("[verify]", proposal.verify)]
    lines += _groups(proposal.groups())
    for stem in proposal.stems:
        lines += ["", *_stem(proposal, stem, spec_folder)]
    if proposal.left_out:
        lines += ["", *left_out(proposal.left_out)]
    return "\n".join(lines) + "\n"


def _head(proposal: Proposal) -> Iterator[str]:
    yield SCHEMA_LINE
    yield comment(f"Proposed by 'stemtasks import' from {proposal.folder}: change what is not right, and run 'doit'.")
    yield comment("What it was not sure of is behind a '#': take that away where it is right.")


def _song(proposal: Proposal) -> Iterator[str]:
    song = Lines("[song]")
    song.add("title", proposal.title)
    if proposal.bpm is None:
        song.add(
            "bpm", 120.0, "not found: no steady beat is heard; needed for sections, and loops keep it", is_sure=False
        )
    else:
        _add(song, "bpm", proposal.bpm)
    if proposal.key is None:
        song.add("key", "A minor", "not found", is_sure=False)
    else:
        _add(song, "key", proposal.key)
    _add(song, "sample_rate", proposal.sample_rate)
    _add(song, "subtype", proposal.subtype)
    if proposal.tail_seconds is not None:
        _add(song, "tail_seconds", proposal.tail_seconds)
    yield from song.written()


def _reference(proposal: Proposal, spec_folder: Path) -> Iterator[str]:
    table = Lines("[reference]")
    if proposal.reference is not None:
        table.add("file", path_from(spec_folder, proposal.folder / proposal.reference.path), proposal.recognised)
        table.note(f"it lasts {clock(1000 * proposal.seconds)}, and so does the song; stems are compared with it")
    elif proposal.duration is not None:
        _add(table, "duration", proposal.duration)
    yield from table.written()


def _master(proposal: Proposal) -> Iterator[str]:
    master = Lines("[master]")
    _add(master, "loudness_lufs", proposal.loudness_lufs)
    yield from master.written()


def _limits(header: str, limits: dict[str, Value]) -> Iterator[str]:
    table = Lines(header)
    for name, each in limits.items():
        _add(table, name, each)
    yield from table.written()


def _groups(groups: dict[str, list[str]]) -> list[str]:
    """Return a table for each group of stems; as comments, while no song has such tables."""
    mark = "" if GROUPS in TABLES else "# "
    lines: list[str] = []
    for name, stems in groups.items():
        lines += ["", f"{mark}[{GROUPS}.{key(name)}]", f"{mark}stems = {value(stems)}"]
    return lines


def _stem(proposal: Proposal, stem: Recording, spec_folder: Path) -> Iterator[str]:
    table = Lines(f"[stems.{key(stem.name)}]")
    table.add("generator", "file")
    facts = stem.survey.facts
    channels = {1: "mono", 2: "stereo"}.get(facts["channels"], f"{facts['channels']} channels")
    channels = "mono in two channels" if facts["channels"] == 2 and stem.survey.is_mono else channels
    rate = "" if facts["sample_rate"] == proposal.sample_rate.value else f", {facts['sample_rate']} Hz"
    said = f"{clock(1000 * stem.seconds)}, {channels}{rate}, peak {facts['peak_dbfs']:.1f} dBFS"
    table.add("file", path_from(spec_folder, proposal.folder / stem.path), said)
    table.add("title", stem.title)
    for name in ("kind", "bpm", "start", "align"):
        chosen: Value | None = getattr(stem, name)
        if chosen is not None:
            _add(table, name, chosen)
        elif name == "kind":
            table.add("kind", "melodic", "not known: drums, bass, melodic, vocal, pad or fx", is_sure=False)
    if stem.verify:
        table.add("verify", {name: each.value for name, each in stem.verify.items()})
        for each in stem.verify.values():
            table.note(each.why)
    yield from table.written()


def left_out(reasons: dict[str, str]) -> Iterator[str]:
    """Yield what is no stem, as comments."""
    yield comment("Left out:")
    for path, why in reasons.items():
        yield comment(f"  {path}: {why}")


def _add(table: Lines, name: str, chosen: Value) -> None:
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
