"""Level: how loud the songs of an album are together, and the one gain for all that brings them to its loudness."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemtasks.audio.facts import level as shown
from stemtasks.job import Job
from stemtasks.spec.album import GAIN

if TYPE_CHECKING:
    from stemtasks.spec.album import Album


def job(levelled: Album) -> Job:
    """Return what the gain is made of: the songs' own masters, which say how loud they are to each other."""
    songs = [track.song for track in levelled.tracks]
    masters = {f"master/{song.name}": song.product("master.wav") for song in songs}
    return Job(
        task=f"level:{levelled.name}",
        stage="level",
        inputs=masters | {f"facts/{song.name}": song.product("master.json") for song in songs},
        outputs={"gain": levelled.product(GAIN), "facts": levelled.product("level.json")},
        params={"songs": sorted(song.name for song in songs), "loudness_lufs": levelled.loudness_lufs},
        where=levelled.where,
    )


def run(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Write the gain, and what was measured."""
    from stemtasks.audio.together import level

    level(inputs, outputs, params["songs"], params["loudness_lufs"])


def verify(facts: dict[str, Any], limits: dict[str, Any]) -> list[str]:  # noqa: ARG001 - a stage's form
    """Return that there is no loudness to bring to another, where it is so."""
    if facts["lufs"] is not None:
        return []
    return ['the loudness of its songs cannot be measured (silence, or shorter than 0.4 s): give loudness_lufs = "off"']


def summary(facts: dict[str, Any]) -> str:
    """Return how loud the songs are together, and the gain."""
    return f"{shown(facts['lufs'], 'LUFS')} together, {facts['gain_db']:+.1f} dB for each"
