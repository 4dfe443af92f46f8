"""All jobs of a song: each stage's file says what it is made of, once for the song or once for each of its stems."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from functools import cache

from stemtasks import plugins
from stemtasks.job import Job
from stemtasks.spec import parts
from stemtasks.spec.song import Song


def jobs_of(stage: str, song: Song) -> Iterator[Job]:
    """Yield a stage's jobs of one song."""
    make = plugins.load(parts.stage(stage, "job"))
    yield from (make(song, stem) for stem in song.stems) if is_per_stem(stage) else (make(song),)


def all_jobs(songs: Iterable[Song]) -> Iterator[Job]:
    """Yield every job of some songs, stage by stage, in no order of what needs what."""
    for song in songs:
        for stage in parts.stages():
            yield from jobs_of(stage, song)


@cache
def is_per_stem(stage: str) -> bool:
    """Return whether a stage makes a file for each stem: its ``job`` asks for one."""
    return "stem" in inspect.signature(plugins.load(parts.stage(stage, "job"))).parameters


def task_names(songs: Iterable[Song]) -> set[str]:
    """Return the names of all tasks of some songs, without making a job of each."""
    stems = {stage: is_per_stem(stage) for stage in parts.stages()}
    return {
        f"{stage}:{name}"
        for song in songs
        for stage, per_stem in stems.items()
        for name in ([f"{song.name}/{stem.name}" for stem in song.stems] if per_stem else [song.name])
    }
