"""Songs that are made of each other's files: no order builds them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from stemtasks.action.pipeline import Spec, all_jobs
from stemtasks.job import Job
from stemtasks.ordering import circle_in
from stemtasks.spec.albums import read_albums
from stemtasks.spec.broken import Broken
from stemtasks.spec.files import files_of, is_product, without_drafts
from stemtasks.spec.reading import read_all
from stemtasks.spec.song import Song


def read_buildable(folder: Path) -> tuple[list[Spec], list[Broken]]:
    """Return the songs and albums of a folder that can be read, are of no circle and of no draft, and the others."""
    songs, broken = read_all(folder)
    songs, of_drafts = without_drafts(songs)
    broken += of_drafts
    albums, broken_albums = read_albums(folder, songs, broken)
    specs, circles = without_circles([*songs, *albums])
    return specs, broken + broken_albums + circles


def without_circles(specs: list[Spec]) -> tuple[list[Spec], list[Broken]]:
    """Return the songs and albums of no circle, and of each circle one song with a line that names it."""
    broken = []
    while any(_may_turn(spec) for spec in specs):
        circle = _circle(list(all_jobs(specs)))
        if not circle:
            break
        names = [_song_of(job) for job in circle]
        files = [path for job, after in pairwise(circle) for path in _between(job, after)]
        turns = [name for at, name in enumerate(names) if at == 0 or name != names[at - 1]]
        song = next(spec for spec in specs if spec.name in names and isinstance(spec, Song))
        shown = " -> ".join(turns if len(turns) > 1 else [*turns, *turns])
        line = f"{song.path}: it is made of itself: {shown} ({', '.join(files)}); have one of them read another file"
        broken.append(Broken.of(song, line))
        specs = [other for other in specs if other is not song]
    return specs, broken


def _may_turn(spec: Spec) -> bool:
    """Return whether a song is made of what is built, beside the usual way: a file of a song, or its own stem."""
    measured = isinstance(spec, Song) and spec.reference.stem is not None
    return measured or any(is_product(path) for _, path in files_of(spec))


def _circle(jobs: list[Job]) -> list[Job]:
    """Return jobs each of which needs the next, the last being the first again; nothing where there are none."""
    makers = {path: job.task for job in jobs for path in job.outputs.values()}
    by_task = {job.task: job for job in jobs}

    def needed(task: str) -> Iterable[str]:
        return dict.fromkeys(makers[path] for path in by_task[task].inputs.values() if path in makers)

    return [by_task[task] for task in circle_in(by_task, needed)]


def _song_of(job: Job) -> str:
    return job.task.partition(":")[2].partition("/")[0]


def _between(job: Job, needed: Job) -> Iterator[str]:
    """Yield the file of another song, or of a later stage of the same, that leads from a job to one that it needs."""
    if _song_of(job) != _song_of(needed) or job.stage in ("stem", "reference"):
        yield next(path for path in job.inputs.values() if path in needed.outputs.values())
