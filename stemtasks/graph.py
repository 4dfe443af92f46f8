"""The jobs of songs and albums as doit's task dicts, one task an artifact: what ``dodo.py`` imports."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from doit.exceptions import InvalidCommand

from stemtasks.action.listening import Heard, listening_jobs
from stemtasks.action.pipeline import jobs_of, per
from stemtasks.action.workers import processes
from stemtasks.commands import stoppable, variables  # noqa: F401 - and Ctrl-C is a line from here on
from stemtasks.commands.broken import tasks_of_broken
from stemtasks.commands.build import BuildReporter
from stemtasks.commands.database import Checker
from stemtasks.commands.project import run_in, songs, specs
from stemtasks.commands.task import GroupUpToDate, task_of
from stemtasks.errors import SpecError, unknown
from stemtasks.job import Job
from stemtasks.spec.song import Song

__all__ = ["DOIT_CONFIG", "processes", "run_in", "tasks"]

DOIT_CONFIG = {
    "backend": "stemtasks",
    "check_file_uptodate": Checker,
    "dep_file": str(variables.state()),
    "num_process": os.cpu_count() or 1,
    "par_type": "thread",
    "reporter": BuildReporter,
    "sort": "definition",
    "verbosity": 2,
}


def _all_of(stage: str, song: Song, jobs: list[Job]) -> dict[str, Any]:
    """Return doit's task ``archive:SONG`` of a song with deliveries: all of them."""
    return {
        "basename": stage,
        "name": song.name,
        "doc": f"all deliveries of {song.path.as_posix()}",
        "actions": None,
        "task_dep": [job.task for job in jobs],
        "uptodate": [GroupUpToDate(lambda: iter(jobs))],
    }


def _listening(heard: Heard) -> Iterator[dict[str, Any]]:
    """Yield the tasks of mixes to listen to, of the songs that have all that is named."""
    have = [song for song in songs() if not heard.unknown(song)]
    if songs() and not have:
        wrong = heard.unknown(songs()[0])[0]
        strips = {strip.name for song in songs() for strip in song.strips}
        raise InvalidCommand(f"solo, mute: {unknown('stem or group', wrong, strips)}")
    try:
        yield from (task_of(job) for song in have for job in listening_jobs(song, heard))
    except SpecError as error:
        raise InvalidCommand(str(error)) from None


def tasks(stage: str, doc: str) -> Iterator[dict[str, Any]]:
    """Yield doit's tasks of a stage, one for each song, or for each of its stems, and the group they make."""
    if not variables.has(stage):
        return
    up_to_date = GroupUpToDate(lambda: (job for spec in specs() for job in jobs_of(stage, spec)))
    yield {"basename": variables.called(stage), "name": None, "doc": doc, "uptodate": [up_to_date]}
    for spec in specs():
        jobs = list(jobs_of(stage, spec))
        yield from map(task_of, jobs)
        if per(stage) == "delivery" and isinstance(spec, Song) and spec.deliveries:
            yield _all_of(stage, spec, jobs)
    yield from tasks_of_broken(stage)
    if stage == "mix" and (heard := variables.heard()):
        yield from _listening(heard)
