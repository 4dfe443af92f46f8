"""A proposal as the text of a spec: what is chosen, with the reason, and what is not sure, as comments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stemtasks.importing.proposal import Group, Proposal, Value
from stemtasks.importing.stem_text import add, path_from, stem_lines
from stemtasks.importing.toml_text import Lines, comment, key, value
from stemtasks.timeline import clock

SCHEMA_LINE = "#:schema ./song.schema.json"


def spec_text(proposal: Proposal, spec_folder: Path) -> str:
    """Return the spec of a song; paths in it are from the folder that it will lie in."""
    tables = [_head(proposal), _song(proposal), _reference(proposal, spec_folder)]
    tables += map(_section, proposal.sections)
    if mix := _mix(proposal):
        tables.append(mix)
    tables.append(_master(proposal))
    if proposal.verify:
        tables.append(_limits(proposal.verify))
    if proposal.groups:
        tables.append(["[archive]", "groups = false  # stems are delivered; true: groups in their place"])
    tables += map(_group, proposal.groups)
    tables += [stem_lines(proposal, stem, spec_folder) for stem in proposal.stems]
    if proposal.notes:
        tables.append([comment("Not taken over from the session:"), *(comment(f"  {note}") for note in proposal.notes)])
    if proposal.left_out:
        listed = (comment(f"  {what}: {why}") for what, why in proposal.left_out.items())
        tables.append([comment("Left out:"), *listed])
    return "\n\n".join("\n".join(lines) for lines in tables) + "\n"


def _head(proposal: Proposal) -> list[str]:
    return [
        SCHEMA_LINE,
        comment(f"Proposed by 'stemtasks import' from {proposal.folder}: change what is not right, and run 'doit'."),
        comment("What it was not sure of is behind a '#': take that away where it is right."),
    ]


def _song(proposal: Proposal) -> list[str]:
    song = Lines("[song]")
    song.add("title", proposal.title)
    if proposal.artist:
        song.add("artist", proposal.artist)
    if proposal.bpm is None:
        song.add("bpm", 120.0, "not found; what is in bars or beats needs it", is_sure=False)
    else:
        add(song, "bpm", proposal.bpm)
    if proposal.time_signature != "4/4":
        song.add("time_signature", proposal.time_signature)
    if proposal.key is None:
        song.add("key", "A minor", "not found", is_sure=False)
    else:
        add(song, "key", proposal.key)
    add(song, "sample_rate", proposal.sample_rate)
    add(song, "subtype", proposal.subtype)
    if proposal.tail_seconds is not None:
        add(song, "tail_seconds", proposal.tail_seconds)
    return list(song.written())


def _reference(proposal: Proposal, spec_folder: Path) -> list[str]:
    table = Lines("[reference]")
    if proposal.reference is not None:
        table.add("file", path_from(spec_folder, Path(proposal.reference.survey.path)), proposal.recognised)
        table.note(f"it lasts {clock(1000 * proposal.seconds)}, and so does the song; stems are compared with it")
    elif proposal.duration is not None:
        add(table, "duration", proposal.duration)
    return list(table.written())


def _section(section: dict[str, Any]) -> list[str]:
    return ["[[sections]]", *(f"{key(name)} = {value(each)}" for name, each in section.items())]


def _master(proposal: Proposal) -> list[str]:
    master = Lines("[master]")
    add(master, "loudness_lufs", proposal.loudness_lufs)
    return list(master.written())


def _limits(limits: dict[str, Value]) -> list[str]:
    table = Lines("[verify]")
    for name, each in limits.items():
        add(table, name, each)
    return list(table.written())


def _mix(proposal: Proposal) -> list[str]:
    """Return the faders: the session's master's, and of groups what they are turned down by."""
    mix = Lines("[mix]")
    if proposal.mix_gain_db:
        mix.add("gain_db", proposal.mix_gain_db, "of all stems")
    back = {group.name: -group.gain_db.value for group in proposal.groups if group.gain_db is not None}
    if back:
        mix.add("gains_db", back, "what the groups are turned down by")
    return list(mix.written()) if proposal.mix_gain_db or back else []


def _group(group: Group) -> list[str]:
    table = Lines(f"[groups.{key(group.name)}]")
    table.add("stems", group.stems)
    if group.gain_db is not None:
        add(table, "gain_db", group.gain_db)
    if group.verify:
        table.add("verify", {name: each.value for name, each in group.verify.items()})
    return list(table.written())
