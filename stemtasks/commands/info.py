"""doit's commands that look at what it knows; where doit's own end with a traceback they say what is wrong."""

from __future__ import annotations

from dbm import whichdb
from typing import Any

from doit.cmd_dumpdb import DumpDB as DoitDumpDB
from doit.cmd_help import Help as DoitHelp
from doit.cmd_info import Info as DoitInfo
from doit.cmd_list import List as DoitList
from doit.exceptions import InvalidCommand

from stemtasks.commands.selection import Selecting, Speaking


class Info(Selecting, DoitInfo):  # type: ignore[misc]  # doit has no types
    """``doit info``, of a task that there is."""

    def _execute(self, pos_args: list[str], hide_status: bool = False) -> Any:
        if len(pos_args) == 1 and pos_args[0] not in {task.name for task in self.task_list or ()}:
            raise InvalidCommand(not_found=pos_args[0])
        return super()._execute(pos_args, hide_status)


class List(Selecting, DoitList):  # type: ignore[misc]
    """``doit list``, of tasks that there are."""


class Help(Speaking, DoitHelp):  # type: ignore[misc]
    """``doit help``."""


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
