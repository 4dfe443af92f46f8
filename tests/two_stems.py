"""A song of two stems that lasts a second, for tests of what becomes of tasks and files, whatever they sound like."""

from __future__ import annotations

from pathlib import Path

from tests.pipeline import all_after, tasks_of
from tests.project import Project

SPEC = """
[song]
bpm = 240
sample_rate = 8000
channels = 1
key = "G major"

[reference]
duration = 1

[stems.bass]
generator = "tone"
note = "A2"
effects = [{ name = "lowpass", cutoff_hz = 800 }, { name = "delay", beats = 0.5 }]

[stems.pad]
generator = "tone"
note = "E4"
duration = 0.7
align = "crossfade"
gain_db = -6

[verify]
dc_offset = 0.02
"""

STEMS = ("bass", "pad")
ALL = tasks_of("song", STEMS)


def after(*tasks: str) -> list[str]:
    """Return some tasks and all that are made of what they make, sorted."""
    return all_after(SPEC, *tasks)


def built_in(folder: Path, spec: str = SPEC) -> Path:
    """Build a song in a new folder, and return that."""
    project = Project(folder)
    project.spec(spec)
    assert project.build().tasks("ran")
    return project.folder
