"""``doit why`` and ``doit plan``: what a build would do, without doing anything."""

from __future__ import annotations

import fnmatch
import sys
from abc import abstractmethod
from typing import Any

from doit.cmd_base import DoitCmdBase
from doit.control import TaskControl

from stemtasks.action.forecast import Forecast, forecast
from stemtasks.action.room import expected
from stemtasks.commands import variables
from stemtasks.commands.project import specs, tree
from stemtasks.commands.selection import Selecting
from stemtasks.errors import one_line


class _Foretold(Selecting, DoitCmdBase):  # type: ignore[misc]
    """A command that says what a build would do, and does nothing."""

    takes_files = True
    cmd_options: tuple[dict[str, Any], ...] = ()
    doc_usage = "[TASK ...]"
    doc_description = None

    def _foretell(self, pos_args: list[str] | None) -> list[Forecast]:
        """Say what is foretold of the tasks named and of all that they need, and return it."""
        control = TaskControl(self.task_list)
        control.process(self.sel_tasks if pos_args else None)
        chosen = _with_what_they_need(control.tasks, control.selected_tasks)
        jobs = [control.tasks[name].meta["build"].job for name in chosen if "build" in (control.tasks[name].meta or {})]
        asked = {task for name in pos_args or () for task in _group(control.tasks, name)}
        metas = {name: control.tasks[name].meta or {} for name in chosen}
        broken = {meta["spec"]: name for name, meta in reversed(metas.items()) if "spec" in meta}
        failing = [Forecast(name, "fail", [control.tasks[name].doc]) for name in broken.values()]
        forecasts = forecast(jobs, tree()) + failing
        self._say(forecasts, asked)
        for line in tree().finish():
            sys.stderr.write(f"{line}\n")
        self.dep_manager.close()
        return forecasts

    @abstractmethod
    def _say(self, forecasts: list[Forecast], asked: set[str]) -> None:
        """Print what is foretold; ``asked`` are the tasks that were named."""


EXIT_CODE = {
    "name": "exit_code",
    "short": "",
    "long": "exit-code",
    "type": bool,
    "default": False,
    "help": "end with 1 if anything is not up to date, as 'git diff --exit-code' does [default: end with 0]",
}


class Why(_Foretold):
    """``doit why``."""

    doc_purpose = "say what would run, and why"

    def _execute(self, pos_args: list[str] | None = None) -> int:
        self._foretell(pos_args)
        return 0

    def _say(self, forecasts: list[Forecast], asked: set[str]) -> None:
        """Print each task that is not up to date with its reasons, and those asked for in any case."""
        shown = [each for each in forecasts if each.what != "up to date" or each.task in asked]
        for each in shown:
            self.outstream.write(f"{each.task} {WOULD[each.what]}\n")
            self.outstream.writelines(f"    {one_line(reason)}\n" for reason in each.reasons)
        if not shown:
            self.outstream.write(f"{variables.said()}nothing would run: everything is up to date\n")


class Plan(_Foretold):
    """``doit plan``."""

    doc_purpose = "list what would run, be restored or fetched, be verified anew, or is up to date"
    cmd_options = (EXIT_CODE,)

    def _execute(self, exit_code: bool, pos_args: list[str] | None = None) -> int:
        return int(any(each.what != "up to date" for each in self._foretell(pos_args)) and exit_code)

    def _say(self, forecasts: list[Forecast], asked: set[str]) -> None:  # noqa: ARG002 - the form of both
        """Print a line a task, and how many there are of each kind."""
        counts: dict[str, int] = {}
        for each in forecasts:
            counts[each.what] = counts.get(each.what, 0) + 1
            self.outstream.write(f"{each.what:<10}  {each.task}\n")
        told = ", ".join(f"{count} {what}" for what, count in counts.items())
        self.outstream.write(variables.said() + "; ".join([told, *expected(forecasts, specs(), tree())]) + "\n")


WOULD = {
    "up to date": "is up to date",
    "verify": "would be verified anew, nothing rendered",
    "restore": "would be restored from the local store",
    "fetch": "would be fetched from the shared store",
    "run": "would run",
    "fail": "would fail",
}


def _group(tasks: dict[str, Any], name: str) -> list[str]:
    """Return a task, or those of a group or a pattern."""
    if name in tasks:
        return [name, *(tasks[name].task_dep if tasks[name].has_subtask else ())]
    return [task for task in tasks if fnmatch.fnmatch(task, name)]


def _with_what_they_need(tasks: dict[str, Any], chosen: list[str]) -> list[str]:
    """Return tasks and all that they depend on, in the order of the pipeline."""
    needed: set[str] = set()
    waiting = list(chosen)
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += tasks[name].task_dep
    return [name for name in tasks if name in needed]
