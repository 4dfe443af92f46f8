"""Picture: what a processed stem or a group looks like, for the report: a task for each, drawn anew when it changes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemtasks.job import Job

if TYPE_CHECKING:
    from stemtasks.spec.groups import Group
    from stemtasks.spec.song import Song, Stem


def job(song: Song, strip: Stem | Group) -> Job:
    """Return what one picture is made of."""
    image, facts = (song.product("pictures", f"{strip.name}.{ending}") for ending in ("png", "json"))
    return Job(
        task=f"picture:{song.name}/{strip.name}",
        stage="picture",
        inputs={"audio": song.processed(strip.name)["audio"]},
        outputs={"spectrogram": image, "facts": facts},
        params={},
        where=song.where(song.table_of(strip)),
    )


def run(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:  # noqa: ARG001 - a stage's form
    """Write the stem's waveform and its spectrogram."""
    from stemtasks.report.pictures import draw

    draw(inputs, outputs)


def verify(facts: dict[str, Any], limits: dict[str, Any]) -> list[str]:  # noqa: ARG001 - every stage has it
    """Return nothing: a picture is of a stem that was verified."""
    return []


def summary(facts: dict[str, Any]) -> str:
    """Return how much of the stem a column shows."""
    channels, columns = len(facts["highest"]), len(facts["highest"][0])
    return f"{columns} columns of {facts['column_frames']} frames, {channels} channel{'s' if channels > 1 else ''}"
