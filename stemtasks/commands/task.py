"""One task as doit has it: its question whether the task may be skipped, and its action."""

from __future__ import annotations

import gc
import inspect
import os
import random
from collections.abc import Callable, Iterator
from typing import Any

from doit.exceptions import TaskFailed

from stemtasks.action.perform import audit, located, perform, up_to_date
from stemtasks.action.workplace import abandon
from stemtasks.commands import options
from stemtasks.commands.project import broken, tree
from stemtasks.errors import StemtasksError
from stemtasks.job import Job
from stemtasks.paths import BUILD
from stemtasks.spec.files import is_product

PROCESS = os.getpid()


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
        self.audited = random.random() < options.audited_fraction
        return self.answer and not self.audited

    def __repr__(self) -> str:
        return f"the record of {self.job.task}, its inputs and outputs"


class GroupUpToDate:
    """The same question of all tasks of a stage, for who looks; a build asks each of them."""

    __signature__ = inspect.Signature()

    def __init__(self, jobs: Callable[[], Iterator[Job]]) -> None:
        self.jobs = jobs

    def __call__(self) -> bool:
        """Return whether all of them may be skipped."""
        return not options.writes and not broken() and all(up_to_date(job, tree()) for job in self.jobs())

    def __repr__(self) -> str:
        return "the records of its tasks"


_makers: dict[str, UpToDate] = {}
"""The task that makes a path; with ``doit -s`` doit does not ask whether it is up to date."""


def _stale(path: str, asked: set[str]) -> str:
    """Return the first file, of those that one is made of and itself, that is not what its task makes now; or nothing.

    A file of no task is as it is. A task that doit asked is made by now, or has failed, and this one would not run.
    """
    maker = _makers.get(path)
    if maker is None or maker.answer is not None or path in asked:
        return ""
    asked.update(maker.job.outputs.values())
    before = next((stale for each in maker.job.inputs.values() if (stale := _stale(each, asked))), "")
    return before or ("" if up_to_date(maker.job, tree()) else path)


def _is_of_no_task(path: str) -> bool:
    """Return whether a product is not there that no task makes: an older ``dodo.py`` has not all stages."""
    return is_product(path) and path not in tree().targets and not os.path.lexists(path)


class Build:
    """doit's action of a task; doit runs it only if ``UpToDate`` said no, or with ``-a``, which forces it."""

    def __init__(self, job: Job, uptodate: UpToDate) -> None:
        self.job = job
        self.uptodate = uptodate
        self.frames = 0
        self.outcome: Any = None
        self.before: Any = None
        """The record of what was there before it ran."""

    def __call__(self) -> TaskFailed | None:
        """Return None when the outputs are right, or doit's failure with one line for a user's mistake."""
        if os.getpid() != PROCESS:
            return TaskFailed("doit's process runner cannot share the records; use threads ('doit -P thread')")
        if not tree().records.writes:
            return TaskFailed("this command of doit builds nothing here; use 'doit run'")
        if not gc.isenabled():
            gc.freeze()
            gc.enable()
        asked: set[str] = set()
        stale = next((stale for path in self.job.inputs.values() if (stale := _stale(path, asked))), "")
        if stale:
            found = f"{stale}: is not what its task makes now; run doit without -s to mend it"
            return TaskFailed(f"{self.job.where}: {found}")
        lost = next((path for path in self.job.inputs.values() if _is_of_no_task(path)), "")
        if lost:
            return TaskFailed(
                f"{self.job.where}: {lost}: no task of dodo.py makes it, so a stage is missing there; copy the dodo.py "
                "that 'stemtasks new NAME' writes"
            )
        done, audited = self.uptodate.answer is True, self.uptodate.audited
        forced = done or options.always
        self.before = tree().records.get("tasks", self.job.task)
        try:
            if done and audited:
                self.outcome = audit(self.job, tree(), on_frames=self._on_frames)
            else:
                self.outcome = perform(self.job, tree(), forced=forced, audited=audited, on_frames=self._on_frames)
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
        if not isinstance(record, dict):
            return "", 0.0
        seconds = record.get("seconds")
        return str(record.get("summary", "")), float(seconds) if isinstance(seconds, (int, float)) else 0.0

    def finish(self) -> list[str]:
        """End the build that this task was part of, and return what a person should know of it."""
        return tree().finish()

    def abandon(self) -> None:
        """Remove what running jobs have written so far; none begins after this."""
        abandon(tree())

    def _on_frames(self, frames: int) -> None:
        self.frames = frames


def task_of(job: Job) -> dict[str, Any]:
    """Return a job as doit's task dict."""
    uptodate = UpToDate(job)
    build = Build(job, uptodate)
    _makers.update(dict.fromkeys(job.outputs.values(), uptodate))
    return {
        "basename": job.task.partition(":")[0],
        "name": job.task.partition(":")[2],
        "doc": job.where,
        "actions": [build],
        "file_dep": sorted(set(job.inputs.values())),
        "targets": list(job.outputs.values()),
        "uptodate": [uptodate],
        # capturing would put a thread's own stream in place of sys.stdout for all threads
        "io": {"capture": False},
        "clean": True,
        "meta": {"build": build},
    }
