"""Group: stems summed at their faders, with what is sent to it, through the group's effects, gain and pan."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemtasks.audio.facts import level
from stemtasks.job import Job
from stemtasks.spec.chains import chain
from stemtasks.stages.process import WITHOUT_NOTES, verify

if TYPE_CHECKING:
    from stemtasks.spec.groups import Group
    from stemtasks.spec.song import Song

__all__ = ["job", "run", "summary", "verify"]


def job(song: Song, group: Group) -> Job:
    """Return what one group is made of."""
    chained = chain(song, group.effects, "effects", "group", group.name)
    summed: list[dict[str, Any]] = [{"of": name, "gain_db": song.fader_db(name)} for name in group.table.stems]
    inputs = {f"sum/{place}": song.processed(each["of"])["audio"] for place, each in enumerate(summed)}
    for strip in song.strips:
        for send in strip.sends:
            if send.to == group.name:
                inputs[f"sum/{len(summed)}"] = song.sent(strip) if send.pre else song.processed(strip.name)["audio"]
                summed.append({"of": strip.name, "gain_db": send.level_db, "send": True})
    return Job(
        task=f"group:{song.name}/{group.name}",
        stage="group",
        inputs={
            **inputs,
            "timing": song.product("timing.json"),
            **song.found_by_match(group.table.stems),
            **chained.inputs,
        },
        outputs=song.processed(group.name) | song.outputs_of_sends(group),
        params={
            "summed": summed,
            "effects": chained.effects,
            "gain_db": group.table.gain_db,
            "pan": group.table.pan,
            "channels": song.song.channels,
            "sample_rate": song.song.sample_rate,
            "subtype": song.song.subtype,
            "dither": song.dither,
            "tail": group.table.tail,
            "has_notes": group.kind not in WITHOUT_NOTES,
            "seed": song.seed("group", group.name),
            **chained.mistakes,
        },
        limits=song.processed_limits(group),
        parts=chained.parts,
        where=song.where(f"groups.{group.name}"),
    )


def run(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Write the group and its facts."""
    from stemtasks.audio.grouping import group

    group(inputs, outputs, params)


def summary(facts: dict[str, Any]) -> str:
    """Return how much it sums, its chain, and the peak behind it."""
    sends = sum("send" in each for each in facts["summed"])
    stems = len(facts["summed"]) - sends
    counted = ((stems, "stem"), (sends, "send"))
    counts = [f"{count} {what}{'s' if count > 1 else ''}" for count, what in counted if count]
    chained = " > ".join(facts["effects"]) or "no effects"
    return f"{' and '.join(counts)}, {chained}, peak {level(facts['peak_dbfs'], 'dBFS')}"
