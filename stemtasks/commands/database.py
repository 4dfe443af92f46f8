"""What doit asks of a database and of a file, answered from the records: it has nothing of its own to save."""

from __future__ import annotations

import contextlib
import os
from typing import Any

from stemtasks.commands.project import tree
from stemtasks.errors import CacheError


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
    """doit's database, a view of the records: doit would save at exit only."""

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
