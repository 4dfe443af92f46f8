"""Reference: measure the recording whose duration is the target, or take the duration that the spec gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stemtasks.audio.levels import failures, measure, write_facts
from stemtasks.errors import AudioError
from stemtasks.timeline import frames_of_beats


def run(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Write the reference's measurements and ``target_frames``, at the song's sample rate.

    Without a file, ``params["duration"]`` is (number, 's' | 'beats').
    """
    rate = params["sample_rate"]
    if "file" in inputs:
        facts = measure(inputs["file"])
        if not facts["frames"]:
            raise AudioError(f"{inputs['file']}: holds no audio (0 frames); it cannot be the reference")
        facts["target_frames"] = round(facts["frames"] * rate / facts["sample_rate"])
    else:
        number, unit = params["duration"]
        frames = round(number * rate) if unit == "s" else frames_of_beats(number, params["bpm"], rate)
        facts = {"target_frames": frames, "duration_s": round(frames / rate, 6)}
    write_facts(outputs["facts"], facts)


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
