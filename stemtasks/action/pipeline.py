"""All jobs of a song or an album: each stage's file says what it is made of, once or for each of its stems."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from functools import cache

from stemtasks import plugins
from stemtasks.job import Job
from stemtasks.paths import DRAFT_PREFIX, STAGES_OF_DRAFTS
from stemtasks.spec import draft, parts
from stemtasks.spec.album import Album
from stemtasks.spec.song import Song

Spec = Song | Album


def jobs_of(stage: str, spec: Spec) -> Iterator[Job]:
    """Yield a stage's jobs of one song or album."""
    if spec.is_draft and stage not in STAGES_OF_DRAFTS:
        return
    make = plugins.load(parts.stage(stage, "job"))
    jobs = (make(*arguments) for arguments in spec.arguments(per(stage)))
    yield from map(draft.of_draft, jobs) if spec.is_draft else jobs


def all_jobs(specs: Iterable[Spec]) -> Iterator[Job]:
    """Yield every job of some songs and albums, stage by stage, in no order of what needs what."""
    for spec in specs:
        for stage in parts.stages():
            yield from jobs_of(stage, spec)


@cache
def per(stage: str) -> str | None:
    """Return what a stage makes a file for each of, as its ``job`` asks for it: ``stem`` (``each``); None: a song."""
    *_, asked = inspect.signature(plugins.load(parts.stage(stage, "job"))).parameters
    return None if asked == "song" else asked


def task_names(specs: Iterable[Spec]) -> set[str]:
    """Return the names of all tasks of some songs and albums, without making a job of each."""
    asked = {stage: per(stage) for stage in parts.stages()}
    return {
        f"{DRAFT_PREFIX if spec.is_draft else ''}{stage}:{name}"
        for spec in specs
        for stage, what in asked.items()
        if stage in STAGES_OF_DRAFTS or not spec.is_draft
        for name in spec.names(what)
    }
