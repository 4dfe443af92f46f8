"""All jobs of a song: each stage's file says what it is made of, once for the song or for each of its stems."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from functools import cache

from stemtasks import plugins
from stemtasks.job import Job
from stemtasks.paths import DRAFT_PREFIX, STAGES_OF_DRAFTS
from stemtasks.spec import draft, parts
from stemtasks.spec.song import Song


def jobs_of(stage: str, song: Song) -> Iterator[Job]:
    """Yield a stage's jobs of one song."""
    if song.is_draft and stage not in STAGES_OF_DRAFTS:
        return
    make, what = plugins.load(parts.stage(stage, "job")), per(stage)
    jobs = (make(song),) if what is None else (make(song, each) for each in song.each(what))
    yield from map(draft.of_draft, jobs) if song.is_draft else jobs


def all_jobs(songs: Iterable[Song]) -> Iterator[Job]:
    """Yield every job of some songs, stage by stage, in no order of what needs what."""
    for song in songs:
        for stage in parts.stages():
            yield from jobs_of(stage, song)


@cache
def per(stage: str) -> str | None:
    """Return what a stage makes a file for each of, as its ``job`` asks for it: ``stem`` (``Song.each``); None: one."""
    _, *asked = inspect.signature(plugins.load(parts.stage(stage, "job"))).parameters
    return asked[0] if asked else None


def task_names(songs: Iterable[Song]) -> set[str]:
    """Return the names of all tasks of some songs, without making a job of each."""
    asked = {stage: per(stage) for stage in parts.stages()}
    return {
        f"{DRAFT_PREFIX if song.is_draft else ''}{stage}:{name}"
        for song in songs
        for stage, what in asked.items()
        if stage in STAGES_OF_DRAFTS or not song.is_draft
        for name in ([song.name] if what is None else [song.called(each.name) for each in song.each(what)])
    }
