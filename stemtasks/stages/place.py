"""Place: a processed stem panned, and turned, as it is in the reference: the stem as it is delivered.

Its gain is the mix's, where there is room above full scale.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemtasks.audio.facts import level
from stemtasks.job import Job
from stemtasks.stages.process import verify

if TYPE_CHECKING:
    from stemtasks.spec.song import Song, Stem

__all__ = ["job", "run", "summary", "verify"]


def job(song: Song, placed: Stem) -> Job:
    """Return what one placed stem is made of."""
    return Job(
        task=f"place:{song.name}/{placed.name}",
        stage="place",
        inputs={**song.before_match(placed.name), "found": song.product("match", f"{placed.name}.json")},
        outputs=song.processed(placed.name),
        params={
            "subtype": song.song.subtype,
            "dither": song.dither,
            "seed": song.seed("place", placed.name),
        },
        limits=song.processed_limits(placed),
        where=song.where(f"stems.{placed.name}"),
    )


def run(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Write the placed stem and its facts."""
    from stemtasks.audio.placing import place

    place(inputs, outputs, params)


def summary(facts: dict[str, Any]) -> str:
    """Return where the stem is, and its peak there."""
    found = facts["match"]
    inverted = ", inverted" if found["polarity"] < 0 else ""
    return f"pan {found['pan']:+.2f}{inverted}, peak {level(facts['peak_dbfs'], 'dBFS')}"
