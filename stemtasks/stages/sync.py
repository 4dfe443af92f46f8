"""Sync: whether a stem, aligned and processed, is in time with the reference, where the reference is a file.

It is a file of its own, so that another reference of the same length renders nothing, and another stem is looked for
alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemtasks.audio.in_time import is_found, sync_failures
from stemtasks.job import Job

if TYPE_CHECKING:
    from stemtasks.spec.song import Song, Stem

DRIFT_SAID_MS = 0.1
CHANGE_EFFECTS = "change its effects"


def job(song: Song, compared: Stem) -> Job:
    """Return what is compared: a stem as it is aligned, and as it is delivered."""
    name = compared.name
    return Job(
        task=f"sync:{song.name}/{name}",
        stage="sync",
        inputs={
            "reference": song.input(song.reference.file or ""),
            "aligned": song.product("aligned", f"{name}.wav"),
            "processed": song.product("processed", f"{name}.wav"),
        },
        outputs={"facts": song.product("sync", f"{name}.json")},
        params={},
        limits=vars(compared.verify) | ({"polarity": "any"} if song.mix.match else {}),  # the match turns it
        where=song.where(f"stems.{name}"),
    )


def run(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Write where both files lie in the reference (``audio/sync.py``)."""
    from stemtasks.audio.facts import write_facts
    from stemtasks.audio.sync import InReference

    with InReference(inputs["reference"], params["sha256"]["reference"]) as reference:
        write_facts(outputs["facts"], {role: reference.measure(inputs[role]) for role in ("aligned", "processed")})


def verify(facts: dict[str, Any], limits: dict[str, Any]) -> list[str]:
    """Return what is not in time in the aligned stem or, if that is right, in the processed one.

    A stem's polarity is judged before its effects: a steep filter turns the phase by half a circle near its cutoff.
    """
    found = sync_failures(facts["aligned"], limits)
    if found:
        return found
    late = sync_failures(facts["processed"], limits | {"polarity": "any"}, CHANGE_EFFECTS)
    return [f"after its effects {phrase}" for phrase in late]


def summary(facts: dict[str, Any]) -> str:
    """Return how late the stem is, if it is found in the reference for sure."""
    sync = facts["aligned"]
    if not is_found(sync):
        return "not found in the reference for sure, so not judged"
    drift = f", drifting by {sync['drift_ms']:+.2f} ms" if abs(sync["drift_ms"]) >= DRIFT_SAID_MS else ""
    return f"{sync['offset_ms']:+.2f} ms from the reference{drift}"
