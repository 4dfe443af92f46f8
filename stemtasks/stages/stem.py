"""Stem: render one generator, at the song's sample rate, as long as it is by itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemtasks.audio.facts import level
from stemtasks.audio.limits import failures
from stemtasks.audio.seam_limits import seam_failures
from stemtasks.job import Job
from stemtasks.spec import schema
from stemtasks.spec.chains import chain
from stemtasks.spec.outside import outside
from stemtasks.spec.places import in_seconds
from stemtasks.spec.stamps import placed

if TYPE_CHECKING:
    from stemtasks.audio.source import Source
    from stemtasks.audio.spill import Spill
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
        if drawn.wants & {"timeline", "own_frames"}:
            frames = round(seconds * song.song.sample_rate)
    found = outside(song, drawn, generator.arguments)
    arguments, names_sections = in_seconds(song, drawn, found.arguments)
    place = placed(song, stem)
    mending = chain(song, stem.mend, "mend", "mend", stem.name)
    mistake = found.mistake or place.mistake or mending.mistake
    wants = drawn.wants.union(*(effect.wants for effect in stem.mend))
    timing = {"timing": song.product("timing.json")} if "timeline" in wants or names_sections else {}
    seed = stem.table.seed if stem.table.seed is not None else song.seed("stem", stem.name)
    return Job(
        task=f"stem:{song.name}/{stem.name}",
        stage="stem",
        inputs=timing | found.inputs | mending.inputs,
        outputs=song.audio("stems", stem.name),
        params={
            "generator": generator.name,
            "arguments": arguments,
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
    from stemtasks.audio.source import Source
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
    arguments = params["arguments"] | _files(inputs, params["arguments"])
    offered = {
        "timeline": timeline,
        "places": timeline,
        "own_frames": params["frames"],
        "seed": params["seed"],
        "paths": inputs,
        "variables": params["environment"],
        "since_earliest": params.get("since_earliest"),
    }
    blocks = call(reference, stream, arguments=arguments, offered=offered)
    given = {**offered, **arguments, "stream": stream}

    def joins_in(audio: Source | Spill) -> dict[str, Any] | None:
        """Return what the generator knows to measure of the places where its pieces meet."""
        found: dict[str, Any] | None = beside(reference, "joins", {**given, "output": audio})
        return found

    unmended: dict[str, Any] = {}
    if "mend" in params:
        blocks = load(params["parts"]["mend"])(blocks, stream, timeline, inputs, params, unmended, joins_in)
    write_wav(outputs["audio"], blocks, stream.sample_rate, stream.channels)
    facts = measure_levels(outputs["audio"])
    with Source(outputs["audio"]) as audio:
        joins = unmended["joins"] if "mend" in params else joins_in(audio)
    if joins is not None:
        facts["joins"] = joins
    if "mend" in params:
        facts["mend"] = [effect["effect"] for effect in params["mend"]]
        # a filter or a gain hides what is clipped, and mends nothing of it
        facts["clipped_ratio"] = max(facts["clipped_ratio"], unmended["clipped_ratio"])
    remarks = list(beside(reference, "remarks", given) or ())
    if remarks := [*remarks, *([params["remark"]] if "remark" in params else [])]:
        facts["remarks"] = remarks
    write_facts(outputs["facts"], facts)


def _files(inputs: dict[str, Path], arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that are files, and the lists of tables that hold some.

    A file has the role 'file', those of a list 'inputs/0/NAME', 'inputs/1/NAME' and so on, one in the third table of a
    list 'clips/2/file'.
    """
    files: dict[str, Any] = {role: str(path) for role, path in inputs.items() if "/" not in role and role != "timing"}
    listed = [role for role in inputs if "/" in role and not role.startswith(("run/", "mend/"))]
    for role in sorted(listed, key=lambda role: (int(role.split("/")[1]), role)):
        name, index, inner = role.split("/", 2)
        if name in arguments:
            tables = files.setdefault(name, [dict(table) for table in arguments[name]])
            tables[int(index)][inner] = str(inputs[role])
        else:
            files.setdefault(name, []).append(str(inputs[role]))
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
    if "joins" in facts:
        found += seam_failures(facts["joins"]["worst_seam"], limits, facts["sample_rate"], "join", _remedy)
    return found


def _remedy(limit: str) -> str:
    return f"give a longer overlap_ms, or join it elsewhere, or allow it with verify.{limit}"


def summary(facts: dict[str, Any]) -> str:
    """Return the stem's length, what mended it and its peak, and what is allowed and seldom meant."""
    mended = f", mended by {' > '.join(facts['mend'])}" if "mend" in facts else ""
    count = facts["joins"]["count"] if "joins" in facts else 0
    joins = f", {count} join{'s' if count > 1 else ''}" if count else ""
    said = f"{facts['frames']} frames{joins}{mended}, peak {level(facts['peak_dbfs'], 'dBFS')}"
    return "; ".join([said, *facts.get("remarks", ())])
