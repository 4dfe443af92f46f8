"""Stem: render one generator, at the song's sample rate, as long as it is by itself."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from stemtasks import plugins
from stemtasks.audio.levels import failures, measure, write_facts
from stemtasks.audio.source import Stream
from stemtasks.audio.wav import write_wav
from stemtasks.timeline import Timeline


def run(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Write the stem as FLOAT and its measurements."""
    timeline = Timeline.load(inputs["timing"]) if "timing" in inputs else None
    frames = params["frames"]
    if frames is None:
        frames = timeline.frames if timeline else 0
    stream = Stream(params["sample_rate"], params["channels"], frames, outputs["audio"].parent)
    generator = plugins.load("generators", params["generator"])
    wanted = inspect.signature(generator).parameters
    given = {"timeline": timeline, "seed": params["seed"]}
    arguments = {**params["arguments"], **_files(inputs), **{name: given[name] for name in given if name in wanted}}
    write_wav(outputs["audio"], generator(stream, **arguments), stream.sample_rate, stream.channels)
    write_facts(outputs["facts"], measure(outputs["audio"]))


def _files(inputs: dict[str, Path]) -> dict[str, Any]:
    """Return the arguments that are files: role 'file', or roles 'inputs/0', 'inputs/1' and so on."""
    files: dict[str, Any] = {}
    for role, path in sorted(inputs.items(), key=lambda item: (len(item[0]), item[0])):
        name, listed, _ = role.partition("/")
        if listed:
            files.setdefault(name, []).append(str(path))
        elif name != "timing":
            files[name] = str(path)
    return files


def verify(facts: dict[str, Any], limits: dict[str, Any]) -> list[str]:
    """Return what is outside the limits, the stem's own duration included."""
    found = failures(facts, limits)
    expected = limits.get("duration_s")
    tolerance_ms = limits.get("duration_tolerance_ms", 0.0)
    if expected is not None and abs(facts["duration_s"] - expected) * 1000 > tolerance_ms:
        found.append(
            f"it lasts {facts['duration_s']:.3f} s, its 'duration' says {expected:.3f} s +-{tolerance_ms:g} ms: "
            "correct the duration or the recording"
        )
    return found
