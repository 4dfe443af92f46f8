"""doit's commands that look at what it knows; where doit's own end with a traceback they say what is wrong."""

from __future__ import annotations

import functools
from dbm import whichdb
from typing import Any

from doit.cmd_completion import TabCompletion as DoitTabCompletion
from doit.cmd_dumpdb import DumpDB as DoitDumpDB
from doit.cmd_help import Help as DoitHelp
from doit.cmd_info import Info as DoitInfo
from doit.cmd_list import List as DoitList
from doit.cmd_resetdep import ResetDep as DoitResetDep
from doit.cmd_strace import Strace as DoitStrace
from doit.exceptions import InvalidCommand

from stemtasks.commands.selection import Selecting, Speaking, check, is_ours


class Info(Selecting, DoitInfo):  # type: ignore[misc]  # doit has no types
    """``doit info``, of a task that there is."""

    def _execute(self, pos_args: list[str], hide_status: bool = False) -> Any:
        if len(pos_args) == 1 and pos_args[0] not in {task.name for task in self.task_list or ()}:
            raise InvalidCommand(not_found=pos_args[0])
        return super()._execute(pos_args, hide_status)


class List(Selecting, DoitList):  # type: ignore[misc]
    """``doit list``, of tasks that there are."""

    @functools.wraps(DoitList._execute)
    def _execute(self, **given: Any) -> Any:
        if given["template"] is not None:
            try:
                given["template"].format(name="", doc="", status="")
            except (KeyError, IndexError, ValueError, AttributeError):
                known = "{name}, {doc} and, with --status, {status}"
                raise InvalidCommand(f"--template: {given['template']!r}: {known} can be filled in") from None
        return super()._execute(**given)


class Help(Speaking, DoitHelp):  # type: ignore[misc]
    """``doit help``, of what there is."""

    @functools.wraps(DoitHelp._execute)
    def _execute(self, pos_args: list[str]) -> Any:
        if any(map(is_ours, self.task_list or ())):
            check(pos_args, self.task_list or [], takes_files=False, commands=[*self.cmds])
        return super()._execute(pos_args)


class DumpDB(Speaking, DoitDumpDB):  # type: ignore[misc]
    """``doit dumpdb``, of a database that it can read."""

    def execute(self, params: Any, args: list[str]) -> Any:
        """Run doit's own command."""
        if not whichdb(params["dep_file"]):
            raise InvalidCommand(
                f"{params['dep_file']}: no dbm database is there; with stemtasks 'doit info TASK' and 'doit why TASK' "
                "say what is known of a task"
            )
        return super().execute(params, args)


class ResetDep(Speaking, DoitResetDep):  # type: ignore[misc]
    """``doit reset-dep``."""


class Strace(Speaking, DoitStrace):  # type: ignore[misc]
    """``doit strace``, of a task that is a program's command line."""

    def _execute(self, show_all: bool) -> Any:
        if any(task.name == self.sel_tasks[0] and is_ours(task) for task in self.task_list):
            raise InvalidCommand(f"{self.sel_tasks[0]}: is made by functions, not by a command that strace could run")
        return super()._execute(show_all)


class TabCompletion(Speaking, DoitTabCompletion):  # type: ignore[misc]
    """``doit tabcompletion``."""
