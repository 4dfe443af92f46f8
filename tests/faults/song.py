"""A song that is small enough to be built a thousand times, and what is done with it while calls fail."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

from tests.project import Project

SPEC = """
[song]
title = "Fault"
bpm = 240
sample_rate = 8000
subtype = "PCM_16"

[reference]
duration = 1

[stems.bass]
generator = "tone"
note = "A2"
effects = [{ name = "lowpass", cutoff_hz = 800 }]

[stems.take]
generator = "command"
command = ["cp", "{input}", "{output}"]
inputs = ["take.wav"]

[verify]
dc_offset = 0.02
"""
EDITED = SPEC.replace("cutoff_hz = 800", "cutoff_hz = 900")
ANOTHER_TITLE = SPEC.replace('"Fault"', '"Mistake"')
WITHOUT_TAKE = SPEC[: SPEC.index("[stems.take]")] + SPEC[SPEC.index("[verify]") :]
TOO_STRICT = EDITED.replace("dc_offset = 0.02", "dc_offset = 0.000000001")


@dataclass(frozen=True)
class Move:
    """What was there before, the command that calls fail in, and the spec with which the next build must be right."""

    before: Callable[[Project], None]
    spec: str = SPEC
    command: tuple[str, ...] = ("-n", "0")
    then: str = ""
    fails: bool = field(default=False)


def nothing(project: Project) -> None:
    """Build nothing."""


def built(project: Project) -> None:
    """Build the song."""
    project.build()


def products_gone(project: Project) -> None:
    """Build the song, and lose all but the store."""
    project.build()
    shutil.rmtree(project.folder / "build" / "song")


MOVES = {
    "from nothing": Move(nothing),
    "restored from the store": Move(products_gone),
    "an effect edited": Move(built, EDITED),
    "a title changed": Move(built, ANOTHER_TITLE),
    "a stem taken out": Move(built, WITHOUT_TAKE),
    "a verification that fails": Move(built, TOO_STRICT, ("-n", "0", "--continue"), then=EDITED, fails=True),
    "made once more": Move(built, command=("-n", "0", "-a", "process:song/bass")),
    "cleaned": Move(built, command=("clean",), fails=True),
    "forgotten": Move(built, command=("forget",), fails=True),
    "nothing to do": Move(built),
}
"""``fails``: the command itself leaves no right build behind, whatever its exit code."""


def new(folder: Path) -> Project:
    """Write the song into an empty folder."""
    project = Project(folder)
    project.spec(SPEC)
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, 8000)
    soundfile.write(folder / "spec" / "take.wav", noise, 8000, subtype="PCM_16")
    return project
