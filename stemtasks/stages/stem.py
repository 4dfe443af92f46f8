"""Stem: render one generator, at the song's sample rate, as long as it is by itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemtasks.audio.facts import level
from stemtasks.audio.limits import failures
from stemtasks.job import Job
from stemtasks.spec import schema
from stemtasks.spec.chains import chain
from stemtasks.spec.outside import outside
from stemtasks.spec.stamps import placed

if TYPE_CHECKING:
    from stemtasks.spec.song import Song, Stem

MENDING = "stemtasks.audio.mending:mended"
"""A part, so that it is in the keys of those stems alone that ask for it."""


def job(song: Song, stem: Stem) -> Job:
    """Return what one stem is made of.

    A generator that asks for the timeline renders the length it is given, by default the target;
    one that does not has its own length, which is held against the stem's ``duration``.
    """
    generator = stem.generator
    drawn = schema.of("generators", generator.name)
    limits = song.stem_limits(stem)
    frames = None
    if stem.table.duration is not None:
        seconds = song.seconds(stem.table.duration)
        limits["duration_s"] = round(seconds, 9)
        if "timeline" in drawn.wants:
            frames = round(seconds * song.song.sample_rate)
    found = outside(song, drawn, generator.arguments)
    place = placed(song, stem)
    mending = chain(song, stem.mend, "mend", "mend", stem.name)
    mistake = found.mistake or place.mistake or mending.mistake
    wants = drawn.wants.union(*(effect.wants for effect in stem.mend))
    timing = {"timing": song.product("timing.json")} if "timeline" in wants else {}
    seed = stem.table.seed if stem.table.seed is not None else song.seed("stem", stem.name)
    return Job(
        task=f"stem:{song.name}/{stem.name}",
        stage="stem",
        inputs=timing | found.inputs | mending.inputs,
        outputs=song.audio("stems", stem.name),
        params={
            "generator": generator.name,
            "arguments": found.arguments,
            "sample_rate": song.song.sample_rate,
            "channels": limits["channels"],
            "frames": frames,
            "seed": seed if "seed" in drawn.wants else None,
            "environment": found.environment,
            "packages": found.packages,
            **({"since_earliest": place.since_earliest} if place.since_earliest else {}),
            **({"remark": place.remark} if place.remark else {}),
            **({"mistake": mistake} if mistake else {}),
            **({"mend": mending.effects} if stem.mend else {}),
        },
        limits=limits,
        parts={
            f"generators/{generator.name}": generator.reference,
            **mending.parts,
            **({"mend": MENDING} if stem.mend else {}),
        },
        where=song.where(f"stems.{stem.name}"),
    )


def run(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Write the stem as FLOAT, mended where that is asked for, and its measurements."""
    from stemtasks.audio.blocks import Stream
    from stemtasks.audio.facts import write_facts
    from stemtasks.audio.levels import measure_levels
    from stemtasks.audio.wav import write_wav
    from stemtasks.errors import SpecError
    from stemtasks.plugins import beside, call, load
    from stemtasks.timeline import Timeline

    if "mistake" in params:
        raise SpecError(params["mistake"])
    timeline = Timeline.load(inputs["timing"]) if "timing" in inputs else None
    frames = params["frames"]
    if frames is None:
        frames = timeline.frames if timeline else 0
    stream = Stream(params["sample_rate"], params["channels"], frames, outputs["audio"].parent)
    reference = params["parts"][f"generators/{params['generator']}"]
    blocks = call(
        reference,
        stream,
        arguments=params["arguments"] | _files(inputs),
        offered={
            "timeline": timeline,
            "seed": params["seed"],
            "paths": inputs,
            "variables": params["environment"],
            "since_earliest": params.get("since_earliest"),
        },
    )
    unmended: dict[str, float] = {}
    if "mend" in params:
        blocks = load(params["parts"]["mend"])(blocks, stream, timeline, inputs, params, unmended)
    write_wav(outputs["audio"], blocks, stream.sample_rate, stream.channels)
    facts = measure_levels(outputs["audio"])
    if "mend" in params:
        facts["mend"] = [effect["effect"] for effect in params["mend"]]
        # a filter or a gain hides what is clipped, and mends nothing of it
        facts["clipped_ratio"] = max(facts["clipped_ratio"], unmended["clipped_ratio"])
    remarks = list(beside(reference, "remarks", {**params["arguments"], "timeline": timeline}) or ())
    if remarks := [*remarks, *([params["remark"]] if "remark" in params else [])]:
        facts["remarks"] = remarks
    write_facts(outputs["facts"], facts)


def _files(inputs: dict[str, Path]) -> dict[str, Any]:
    """Return the arguments that are files: role 'file', or roles 'inputs/0/NAME', 'inputs/1/NAME' and so on."""
    files: dict[str, Any] = {role: str(path) for role, path in inputs.items() if "/" not in role and role != "timing"}
    listed = [role for role in inputs if "/" in role and not role.startswith(("run/", "mend/"))]
    for role in sorted(listed, key=lambda role: (int(role.split("/")[1]), role)):
        files.setdefault(role.partition("/")[0], []).append(str(inputs[role]))
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


def summary(facts: dict[str, Any]) -> str:
    """Return the stem's length, what mended it and its peak, and what is allowed and seldom meant."""
    mended = f", mended by {' > '.join(facts['mend'])}" if "mend" in facts else ""
    said = f"{facts['frames']} frames{mended}, peak {level(facts['peak_dbfs'], 'dBFS')}"
    return "; ".join([said, *facts.get("remarks", ())])
