"""Timing: bpm and sections become whole frames, before any audio is made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from stemtasks.audio.levels import write_facts
from stemtasks.errors import SpecError
from stemtasks.timeline import Section, Timeline, frames_of_beats

TOLERANCE_SECONDS = 0.01
"""What sections may miss the target by: lossy files are padded by less, and nobody hears it."""


def run(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Write ``timing.json``: the timeline of the target duration that the reference gives."""
    reference = json.loads(inputs["reference"].read_bytes())
    timeline = timeline_of(reference["target_frames"], params)
    write_facts(outputs["facts"], timeline.to_json())


def verify(facts: dict[str, Any], limits: dict[str, Any]) -> list[str]:  # noqa: ARG001 - every stage has it
    """Return nothing: a timeline that exists has sections that fill the target."""
    return []


def timeline_of(target_frames: int, params: dict[str, Any]) -> Timeline:
    """Return the timeline; raises ``SpecError`` if the sections do not fill the target."""
    rate = params["sample_rate"]
    return Timeline(
        sample_rate=rate,
        frames=target_frames,
        tail_frames=round(params["tail_seconds"] * rate),
        bpm=params["bpm"],
        beats_per_bar=params["beats_per_bar"],
        time_signature=params["time_signature"],
        key=params["key"],
        sections=_sections(target_frames, params),
    )


def _sections(target_frames: int, params: dict[str, Any]) -> tuple[Section, ...]:
    rate, bpm = params["sample_rate"], params["bpm"]
    total_beats = 0.0 if bpm is None else target_frames / rate * bpm / 60
    if not params["sections"]:
        return (Section("song", 0, target_frames, 0.0, total_beats, params["key"]),)
    given = sum(section["beats"] or 0.0 for section in params["sections"])
    filler = any(section["beats"] is None for section in params["sections"])
    missing = total_beats - given
    _check_filled(missing, given, filler, target_frames, params)
    sections, beat = [], 0.0
    for index, section in enumerate(params["sections"]):
        last = index == len(params["sections"]) - 1
        beats = missing if section["beats"] is None else section["beats"]
        start = 0 if bpm is None else frames_of_beats(beat, bpm, rate)
        beat += beats
        end = target_frames if last or bpm is None else frames_of_beats(beat, bpm, rate)
        sections.append(Section(section["name"], start, end, beat - beats, beats, section["key"] or params["key"]))
    return tuple(sections)


def _check_filled(missing: float, given: float, filler: bool, target_frames: int, params: dict[str, Any]) -> None:
    """Refuse sections that end before or after the target, naming both and the ways out."""
    rate, bpm = params["sample_rate"], params["bpm"]
    if bpm is None:
        return
    seconds = missing * 60 / bpm
    if abs(seconds) <= TOLERANCE_SECONDS and not filler:
        return
    if seconds > 0 and filler:
        return
    per_bar = params["beats_per_bar"]
    wrong = "are missing" if seconds > 0 else "are too many"
    raise SpecError(
        f"sections last {given * 60 / bpm:.3f} s ({given / per_bar:g} bars at {bpm:g} bpm), "
        f"the target {target_frames / rate:.3f} s: {abs(missing) / per_bar:.3f} bars {wrong}; "
        "change the sections or the bpm, or mark one section 'fill = true'"
    )
