"""Timing: bpm and sections become whole frames, before any audio is made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemtasks.errors import SpecError
from stemtasks.job import Job
from stemtasks.positions import WHOLE
from stemtasks.timeline import Section, Timeline, clock, frames_of_beats

if TYPE_CHECKING:
    from stemtasks.spec.song import Song

TOLERANCE_SECONDS = 0.01
"""What sections may miss the target by: lossy files are padded by less, and nobody hears it."""


def job(song: Song) -> Job:
    """Return what the timeline is made of: the tempo, the sections, and the target duration."""
    table, per_bar = song.song, song.beats_per_bar
    sections = [
        {
            "name": section.name,
            "beats": section.beats if section.bars is None else section.bars * per_bar,
            "key": section.key,
            **({"start": section.start} if section.start is not None else {}),
        }
        for section in song.sections
    ]
    return Job(
        task=f"timing:{song.name}",
        stage="timing",
        inputs={"reference": song.product("reference.json")},
        outputs={"facts": song.product("timing.json")},
        params={
            "sample_rate": table.sample_rate,
            "tail_seconds": table.tail_seconds,
            "bpm": table.bpm,
            "time_signature": table.time_signature,
            "beats_per_bar": per_bar,
            "key": table.key,
            "sections": sections,
        },
        where=song.path.as_posix(),
    )


def run(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Write ``timing.json``: the timeline of the target duration that the reference gives."""
    from stemtasks.audio.facts import read_facts, write_facts

    timeline = timeline_of(read_facts(inputs["reference"])["target_frames"], params)
    write_facts(outputs["facts"], timeline.to_json())


def verify(facts: dict[str, Any], limits: dict[str, Any]) -> list[str]:  # noqa: ARG001 - every stage has it
    """Return nothing: a timeline that exists has sections that fill the target."""
    return []


def summary(facts: dict[str, Any]) -> str:
    """Return how many sections there are, and the tempo."""
    sections = len(facts["sections"])
    tempo = f", {facts['bpm']:g} bpm" if facts["bpm"] else ""
    return f"{sections} section{'s' if sections > 1 else ''}{tempo}"


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
        return (Section(WHOLE, 0, target_frames, 0.0, total_beats, params["key"]),)
    if any("start" in section for section in params["sections"]):
        return tuple(_by_starts(target_frames, params))
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


def _by_starts(target_frames: int, params: dict[str, Any]) -> Iterator[Section]:
    """Yield sections some of which say where they start: each ends where the next one starts, or as its length says."""
    rate, bpm, named = params["sample_rate"], params["bpm"], params["sections"]
    line = Timeline(rate, target_frames, 0, bpm, params["beats_per_bar"], params["time_signature"], None, ())
    starts: list[int] = []
    end: int | None = 0
    for section in named:
        start = line.frame_of(section["start"]) if "start" in section else end
        name = section["name"]
        if start is None:
            raise SpecError(f"section '{name}': give it a start, or the section before it a length")
        if end is not None and abs(start - end) > TOLERANCE_SECONDS * rate:
            before = f"'{named[len(starts) - 1]['name']}' before it ends at" if starts else "the song starts at"
            raise SpecError(
                f"section '{name}' starts at {_clock(start, rate)}, {before} {_clock(end, rate)}: "
                "give one section the time between, or correct the start"
            )
        if not (starts[-1] if starts else -1) < start < target_frames:
            within = f"between {_clock(starts[-1] if starts else 0, rate)} and the end, {_clock(target_frames, rate)}"
            raise SpecError(
                f"section '{name}' starts at {_clock(start, rate)}, which is not {within}: correct the start"
            )
        starts.append(start)
        end = None if section["beats"] is None else start + frames_of_beats(section["beats"], bpm, rate)
    if end is not None and abs(target_frames - end) > TOLERANCE_SECONDS * rate:
        raise SpecError(
            f"section '{named[-1]['name']}' ends at {_clock(end, rate)}, the target at {_clock(target_frames, rate)}: "
            "change its length, or give it a start instead"
        )
    for section, start, end in zip(named, starts, [*starts[1:], target_frames], strict=True):
        beat, beats = (0.0, 0.0) if bpm is None else (frames / rate * bpm / 60 for frames in (start, end - start))
        yield Section(section["name"], start, end, beat, beats, section["key"] or params["key"])


def _clock(frame: int, rate: int) -> str:
    return clock(frame * 1000 / rate)


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
    way_out = "change the sections or the bpm, or mark one section 'fill = true'"
    if filler:
        way_out = "nothing is left for the section that is marked 'fill = true': shorten another section, or remove it"
    raise SpecError(
        f"sections last {given * 60 / bpm:.3f} s ({given / per_bar:g} bars at {bpm:g} bpm), "
        f"the target {target_frames / rate:.3f} s: {abs(missing) / per_bar:.3f} bars {wrong}; {way_out}"
    )
