"""Jobs -> doit's task dicts: one task an artifact, named ``STAGE:SONG/STEM`` or ``STAGE:SONG``."""

from __future__ import annotations

import contextlib
import gc
import inspect
import os
import random
import shutil
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from functools import cache
from pathlib import Path
from typing import Any

from doit.exceptions import InvalidDodoFile, TaskFailed

from stemtasks import sources
from stemtasks.action.keys import Job
from stemtasks.action.perform import audit, discard, intact, located, perform, up_to_date, workplace
from stemtasks.action.tree import Tree
from stemtasks.cache import settings
from stemtasks.commands import lock, note, options, signals
from stemtasks.commands.reporter import Reporter, in_any_script, line
from stemtasks.errors import CacheError, StemtasksError
from stemtasks.jobs import JOBS, PER_STEM
from stemtasks.paths import BUILD, SPEC, STATE
from stemtasks.spec.reading import read_songs
from stemtasks.spec.song import Song

PROCESS = os.getpid()
BEGUN_NS = time.time_ns()

Task = dict[str, Any]


@cache
def tree() -> Tree:
    """Return the one tree of this process, in the folder that doit runs in."""
    return Tree(STATE, settings=settings.load())


def run_in(executor: Callable[[], Executor]) -> None:
    """Have jobs run where an executor takes them: ``run_in(processes)`` in ``dodo.py``, see ``executors.py``."""
    tree().executor = executor


@cache
def _in_turn() -> int | None:
    """Hold the tree's lock until this process ends, if its command writes."""
    if not options.writes:
        return None
    signals.on_signal(lambda: "stopped before any task was run: run doit again")
    held = lock.hold(STATE / "lock", options.waits, lambda line: print(line, file=sys.stderr, flush=True))
    note.forget(STATE)
    # what a killed build left half-made, also where its number is another process's by now
    shutil.rmtree(STATE / "work", ignore_errors=True)
    return held


class Checker:
    """What doit asks of a file: nothing more, because ``UpToDate`` has read its digest already."""

    CheckerError = OSError

    def exists(self, path: str) -> bool:
        """Return whether a target is there."""
        return os.path.exists(path)

    def info(self, path: str) -> os.stat_result:
        """Return what doit hands back to ``check_modified``."""
        return os.stat(path)

    def check_modified(self, path: str, status: os.stat_result, state: Any) -> bool:  # noqa: ARG002 - doit's interface
        """Return False: a changed file has made its task's ``UpToDate`` false."""
        return False

    def get_state(self, path: str, current: Any) -> None:
        """Return None: there is nothing for doit to save."""


class Backend:
    """doit's database, a view of the records: doit would save at exit only, so it has nothing of its own to save."""

    desc = "the records of stemtasks, a row per task"

    def __init__(self, name: str, codec: Any, *, module_name: str | None = None) -> None:  # noqa: ARG002
        self.name = name
        self._run: set[str] = set()

    def get(self, task: str, key: str) -> Any:
        """Return whether a task is ignored, or that a recorded task has a state; None for all else."""
        if key == "ignore:":
            self._run.add(task)
            return tree().records.get("ignored", task)
        return None if key.endswith(":") else tree().records.get("tasks", task)

    def set(self, task: str, key: str, value: Any) -> None:
        """Keep that a task is to be ignored; all else is in its record."""
        if key == "ignore:":
            tree().records.put("ignored", task, value)

    def in_(self, task: str) -> bool:
        """Return whether a task has a record."""
        return tree().records.get("tasks", task) is not None

    def remove(self, task: str) -> None:
        """Forget a task, unless its build failed, or that of one it needs: its action drops what is not so any more.

        Only a build asks first whether the task is ignored.
        """
        if task in self._run:
            return
        with contextlib.suppress(CacheError):
            tree().records.drop("tasks", task)
            tree().records.drop("ignored", task)

    def remove_all(self) -> None:
        """Forget all tasks."""
        tree().records.drop_all("tasks")
        tree().records.drop_all("ignored")

    def dump(self) -> None:
        """Do nothing: every record is on disk when its task ends."""


class UpToDate:
    """doit's question whether a task may be skipped, answered from the record and the files' digests."""

    __signature__ = inspect.Signature()  # doit asks for it each time, and finding it takes longer than the answer

    def __init__(self, job: Job) -> None:
        self.job = job
        self.answer: bool | None = None
        self.audited = False

    def __call__(self) -> bool:
        """Ask once, and remember the answer: an action that runs after a yes was forced."""
        self.answer = up_to_date(self.job, tree())
        self.audited = random.random() < options.audited_share
        return self.answer and not self.audited

    def made(self) -> bool:
        """Return whether the outputs are those of the record, of whatever inputs; ``doit -s`` asks no more."""
        record = tree().records.get("tasks", self.job.task)
        return isinstance(record, dict) and intact(self.job, tree(), record)

    def __repr__(self) -> str:
        return f"the record of {self.job.task}, its inputs and outputs"


_makers: dict[str, UpToDate] = {}
"""The task that makes a path; with ``doit -s`` it is not asked whether it is up to date."""


class Build:
    """doit's action of a task; doit runs it only if ``UpToDate`` said no, or with ``-a``, which forces it."""

    def __init__(self, job: Job, uptodate: UpToDate) -> None:
        self.job = job
        self.uptodate = uptodate
        self.frames = 0
        self.outcome: Any = None

    def __call__(self) -> TaskFailed | None:
        """Return None when the outputs are right, or doit's failure with one line for a user's mistake."""
        if os.getpid() != PROCESS:
            return TaskFailed("doit's process runner cannot share the records; use threads ('doit -P thread')")
        for path in self.job.inputs.values():
            maker = _makers.get(path)
            if maker is not None and maker.answer is None and not maker.made():
                return TaskFailed(f"{self.job.where}: {path}: is not what was made; run doit without -s to mend it")
        try:
            done = self.uptodate.answer is True
            if done and self.uptodate.audited:
                self.outcome = audit(self.job, tree(), self._on_frames)
            else:
                self.outcome = perform(self.job, tree(), done, self._on_frames, self.uptodate.audited)
        except StemtasksError as error:
            return TaskFailed(located(self.job, error))
        except OSError as error:
            if error.errno is None:
                raise
            return TaskFailed(f"{self.job.where}: {error.filename or BUILD}: {error.strerror}; nothing was published")
        return None

    def __repr__(self) -> str:
        return f"{self.job.stage} of {self.job.params}"

    def recorded(self) -> tuple[str, float]:
        """Return what the record says of the outputs, and the seconds that making them took."""
        record = tree().records.get("tasks", self.job.task)
        return (str(record["summary"]), float(record["seconds"])) if record else ("", 0.0)

    def finish(self) -> list[str]:
        """End the build that this task was part of, and return what a person should know of it."""
        return tree().finish()

    def abandon(self) -> None:
        """Remove what a running job has written so far."""
        shutil.rmtree(workplace(self.job, tree()), ignore_errors=True)

    def _on_frames(self, frames: int) -> None:
        self.frames = frames


class BuildReporter(Reporter):
    """The reporter of a build: it removes what the spec no longer asks for, and ends with a note for the next."""

    def initialize(self, tasks: dict[str, Any], selected: list[str]) -> None:
        """Remove the outputs of stems and songs that are not there any more; the store keeps them."""
        super().initialize(tasks, selected)
        self.tasks = [task for task in tasks.values() if task.actions]
        for task in remove_outdated():
            self.removed(task)

    def complete_run(self) -> None:
        """End the build, and note what it rests on if every task there is came out right."""
        super().complete_run()
        gc.freeze()  # Python's end looks through all objects that are not
        if {task.name for task in self.tasks} == self.right:
            _note(self.tasks, self.width)


def remove_outdated() -> list[str]:
    """Remove outputs and record of every task whose song or stem the spec has no more, and return their names.

    A stem that was taken out, and is still in ``build/``, would be taken for a part of the song.
    """
    wanted = {f"{stage}:{name}" for stage in JOBS for name in _names(stage)}
    outdated = [task for task in tree().records.names("tasks") if task not in wanted]
    for task in outdated:
        record = tree().records.get("tasks", task)
        with contextlib.suppress(CacheError):
            tree().records.drop("tasks", task)
            discard(tree(), record)
            for path in record["paths"].values():
                with contextlib.suppress(OSError):
                    os.removedirs(os.path.dirname(path))
    return outdated


def _note(tasks: list[Any], width: int) -> None:
    """Leave a note of all that this build rests on, unless a part of it is not known for certain."""
    builds = {task.name: task.meta["build"] for task in tasks}
    paths = {path for build in builds.values() for path in (*build.job.inputs.values(), *build.job.outputs.values())}
    known = {path: tree().digests.known(path) for path in paths}
    if not all(known.values()):
        return
    recorded = {name: build.recorded() for name, build in builds.items()}
    lines = "".join(line("up to date", name, width, summary) for name, (summary, _) in recorded.items())
    said = note.Said(lines, len(builds), sum(seconds for _, seconds in recorded.values()))
    read: list[str | Path] = ["dodo.py", settings.FILE, SPEC, *SPEC.glob("*.toml"), *_of_project(), *sources.tree()]
    note.note(STATE, known, read, BEGUN_NS, said)


def _of_project() -> list[str]:
    """Return the files of modules that ``dodo.py`` has imported from elsewhere than where libraries are installed."""
    files = {getattr(module, "__file__", None) or "" for module in list(sys.modules.values())}
    folders = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    installed = tuple(os.path.join(folder, "") for folder in (*folders, str(sources.ROOT)))
    return sorted(file for file in files if file.endswith(".py") and not file.startswith(installed))


# thousands of tasks are thousands of objects that live to the end: looking through them again and again is a fifth
# of a build with nothing to do
gc.set_threshold(100_000, 50, 50)

DOIT_CONFIG = {
    "backend": "stemtasks",
    "check_file_uptodate": Checker,
    "dep_file": str(STATE),
    "num_process": os.cpu_count() or 1,
    "par_type": "thread",
    "reporter": BuildReporter,
    "sort": "definition",
    "verbosity": 2,
}


@cache
def songs() -> tuple[Song, ...]:
    """Return every song of ``spec/``; what is wrong with them, or with the records, ends doit with a line."""
    in_any_script()
    try:
        # the lock comes first: the records are read once, when they are opened
        _in_turn()
        _ = tree().records
        return tuple(read_songs(SPEC))
    except StemtasksError as error:
        raise InvalidDodoFile(str(error)) from None


def tasks(stage: str, doc: str) -> Iterator[Task]:
    """Yield doit's tasks of a stage, one for each song, or for each of its stems, and the group they make."""
    make = JOBS[stage]
    yield {"basename": stage, "name": None, "doc": doc}
    for name, of in _names(stage).items():
        yield _task(make(*of), name)


def _names(stage: str) -> dict[str, tuple[Any, ...]]:
    """Return the songs, or the songs and stems, that a stage has a task for, by the task's name."""
    if stage in PER_STEM:
        return {f"{song.name}/{stem.name}": (song, stem) for song in songs() for stem in song.stems}
    return {song.name: (song,) for song in songs()}


def _task(job: Job, name: str) -> Task:
    uptodate = UpToDate(job)
    build = Build(job, uptodate)
    _makers.update(dict.fromkeys(job.outputs.values(), uptodate))
    return {
        "basename": job.stage,
        "name": name,
        "doc": f"{job.where}",
        "actions": [build],
        "file_dep": sorted(set(job.inputs.values())),
        "targets": list(job.outputs.values()),
        "uptodate": [uptodate],
        # capturing would put a thread's own stream in place of sys.stdout for all threads
        "io": {"capture": False},
        "clean": True,
        "meta": {"build": build},
    }
