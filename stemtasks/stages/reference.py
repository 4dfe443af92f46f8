"""Reference: measure the recording whose duration is the target, or take the duration that the spec gives."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemtasks.audio.limits import failures
from stemtasks.job import Job
from stemtasks.timeline import clock

if TYPE_CHECKING:
    from stemtasks.spec.song import Song

LONGEST_SECONDS = 86_400


def job(song: Song) -> Job:
    """Return what the reference is made of: a file's content, or a duration."""
    table = song.reference
    limits: dict[str, Any] = {"sample_rate": table.sample_rate, "channels": table.channels}
    if table.min_duration is not None:
        limits["min_duration_s"] = song.seconds(table.min_duration)
    params: dict[str, Any] = {"sample_rate": song.song.sample_rate}
    if table.duration is not None:
        params |= {"duration": song.length(table.duration), "bpm": song.song.bpm}
    return Job(
        task=f"reference:{song.name}",
        stage="reference",
        inputs={"file": song.input(table.file)} if table.file else _own(song, table.stem),
        outputs={"facts": song.product("reference.json")},
        params=params,
        limits=limits,
        where=song.where("reference"),
    )


def _own(song: Song, stem: str | None) -> dict[str, str]:
    """Return the stem that the target is as long as, where there is one."""
    return {} if stem is None else {"file": song.product("stems", f"{stem}.wav")}


def run(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Write the reference's measurements and ``target_frames``, at the song's sample rate.

    Without a file, ``params["duration"]`` is (number, 's' | 'beats').
    """
    from stemtasks.audio.facts import write_facts
    from stemtasks.timeline import frames_of_beats

    rate = params["sample_rate"]
    if "file" in inputs:
        facts = _measured(inputs["file"], rate)
    else:
        number, unit = params["duration"]
        frames = round(number * rate) if unit == "s" else frames_of_beats(number, params["bpm"], rate)
        facts = {"target_frames": frames, "duration_s": round(frames / rate, 6)}
    write_facts(outputs["facts"], facts)


def _measured(file: Path, rate: int) -> dict[str, Any]:
    """Return what a recording measures, and its length at the song's sample rate."""
    from stemtasks.audio.blocks import frames_at
    from stemtasks.audio.levels import measure_levels
    from stemtasks.errors import AudioError

    facts = measure_levels(file)
    if not facts["frames"]:
        raise AudioError(f"{file}: holds no audio (0 frames); it cannot be the reference")
    if facts["duration_s"] > LONGEST_SECONDS:
        raise AudioError(
            f"{file}: lasts {facts['duration_s']:.0f} s at the {facts['sample_rate']} Hz of its header, at most "
            f"{LONGEST_SECONDS} s (a day) are allowed; repair the header or use another reference"
        )
    return facts | {"target_frames": frames_at(facts["frames"], facts["sample_rate"], rate)}


def verify(facts: dict[str, Any], limits: dict[str, Any]) -> list[str]:
    """Return what is not as the spec expects; a duration that the spec gave is as it is."""
    if "frames" not in facts:
        return []
    found = failures(facts, {**limits, "silence_dbfs": -200.0})
    shortest = limits.get("min_duration_s")
    if shortest is not None and facts["duration_s"] < shortest:
        found.append(
            f"it lasts {facts['duration_s']:.3f} s, and min_duration is {shortest:g} s: "
            "use a longer recording or lower min_duration"
        )
    return found


def summary(facts: dict[str, Any]) -> str:
    """Return the target's length."""
    return f"{facts['target_frames']} frames, {clock(facts['duration_s'] * 1000)}"
