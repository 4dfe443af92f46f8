"""What the pipeline of this checkout has: the stages of its ``dodo.py``, and what of a song is made of what."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from stemtasks.action.pipeline import jobs_of, per
from stemtasks.job import Job
from stemtasks.spec.reading import read_song

STAGES: list[str] = re.findall(r'tasks\("(\w+)"', (Path(__file__).parents[1] / "dodo.py").read_text(encoding="utf-8"))


def tasks_of(song: str, stems: Iterable[str], stages: Iterable[str] = STAGES, reference: bool = False) -> list[str]:
    """Return the names of the tasks of a song without deliveries, sorted; ``reference``: its reference is a file."""
    of_stems = [f"{song}/{stem}" for stem in stems]
    names = {None: [song], "stem": of_stems, "compared": of_stems if reference else []}
    names |= {"delivery": [song], "mastered": [song], "converted": [], "album": [], "levelled": []}
    names |= {"group": [], "strip": of_stems, "premastered": [], "matched": [], "placed": []}
    return sorted(f"{stage}:{name}" for stage in stages for name in names[per(stage)])


@cache
def jobs(spec: str) -> tuple[Job, ...]:
    """Return all jobs of a spec's text, as the song ``song``."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "song.toml")
        path.write_text(spec, encoding="utf-8")
        return tuple(job for stage in STAGES for job in jobs_of(stage, read_song(path)))


def all_after(spec: str, *tasks: str) -> list[str]:
    """Return some tasks of a spec and all that are made of what they make, sorted."""
    found = set(tasks)
    while True:
        made = {path for job in jobs(spec) if job.task in found for path in job.outputs.values()}
        more = {job.task for job in jobs(spec) if made & set(job.inputs.values())} - found
        if not more:
            return sorted(found)
        found |= more
