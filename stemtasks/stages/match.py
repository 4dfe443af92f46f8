"""Match: the gain, pan and polarity that each stem has in the reference, a rough mix of the same stems.

What was found of each stem is a file of its own, so that a stem is placed anew only where its own figures change.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemtasks.job import Job

if TYPE_CHECKING:
    from stemtasks.spec.deliveries import Mastered
    from stemtasks.spec.song import Song

UNEXPLAINED_DB = -1.0
"""A residual above this is all of the reference: it is other music than the stems are, or it is not in time."""


def job(song: Song, matched: Mastered) -> Job:  # noqa: ARG001 - there is one, of a song that asks for it
    """Return what is compared: the reference with all stems, and what of it the mix takes."""
    inputs = {"reference": song.input(song.reference.file or ""), "timing": song.product("timing.json")}
    for stem in song.stems:
        inputs[f"stems/{stem.name}"] = song.before_match(stem.name)["audio"]
        inputs[f"align_facts/{stem.name}"] = song.product("aligned", f"{stem.name}.json")
    return Job(
        task=f"match:{song.name}",
        stage="match",
        inputs=inputs,
        outputs={
            "facts": song.product("match.json"),
            "kept": song.product("match.toml"),
            **song.found_by_match(song.matched),
        },
        params={"places": bool(song.mix.match), "pans": {stem.name: stem.table.pan for stem in song.stems}},
        where=song.where("mix.match" if song.mix.match else f"stems.{song.matched[0]}.level"),
    )


def run(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Write what was found, the same as lines for a spec, and a file for each stem that is matched."""
    from stemtasks.audio.match import match

    match(inputs, outputs, params)


def verify(facts: dict[str, Any], limits: dict[str, Any]) -> list[str]:  # noqa: ARG001 - every stage has it
    """Return whether the reference is another piece of music than the stems are."""
    residual = facts["residual_db"]
    if residual is None or residual <= UNEXPLAINED_DB:
        return []
    little = (
        f"the stems explain too little of the reference: {residual:.1f} dB of it are left, {UNEXPLAINED_DB:g} allowed"
    )
    return [f"{little}: give reference.file a mix of these stems, in time with them, or leave out match and level"]


def summary(facts: dict[str, Any]) -> str:
    """Return how much of the reference is explained, and of which stems too little is known."""
    stems = facts["stems"]
    said = [
        f"{len(stems)} stems",
        f"residual {facts['residual_db']:.1f} dB" if facts["residual_db"] is not None else "",
    ]
    for what, phrase in (("not_heard", "not heard"), ("alike", "not told apart"), ("silent", "silent")):
        names = [name for name, found in stems.items() if found["state"] == what]
        if names:
            said.append(f"{phrase}: {', '.join(names)}")
    return ", ".join(part for part in said if part)
