"""doit's commands that write to a tree, each in its turn: with a dodo file of another project they are doit's own."""

from __future__ import annotations

from typing import Any

from doit.cmd_clean import Clean as DoitClean
from doit.cmd_forget import Forget as DoitForget
from doit.cmd_ignore import Ignore as DoitIgnore
from doit.cmd_run import Run as DoitRun

from stemtasks import graph

NO_WAIT = {
    "name": "no_wait",
    "short": "",
    "long": "no-wait",
    "type": bool,
    "default": False,
    "help": "fail at once if another build is at work in the same tree of stemtasks [default: wait for it]",
}


class _InTurn:
    """Ask for the tree's lock, which is taken when the songs are loaded: another project's dodo file loads none."""

    def execute(self, params: Any, args: list[str]) -> Any:
        """Run doit's own command."""
        graph.take_turns(wait=not params["no_wait"])
        return super().execute(params, args)  # type: ignore[misc]  # a class for doit's to inherit with


class Run(_InTurn, DoitRun):  # type: ignore[misc]  # doit has no types
    """``doit run``."""

    cmd_options = (*DoitRun.cmd_options, NO_WAIT)


class Clean(_InTurn, DoitClean):  # type: ignore[misc]
    """``doit clean``."""

    cmd_options = (*DoitClean.cmd_options, NO_WAIT)


class Forget(_InTurn, DoitForget):  # type: ignore[misc]
    """``doit forget``; with no task named, all of them, where doit's own ends with a traceback."""

    cmd_options = (*DoitForget.cmd_options, NO_WAIT)

    def _execute(self, forget_sub: bool, forget_disable_default: bool, forget_all: bool) -> Any:
        if self.sel_tasks is None:  # type: ignore[has-type]
            self.sel_tasks = [task.name for task in self.task_list if not task.subtask_of]
        return super()._execute(forget_sub, forget_disable_default, forget_all)


class Ignore(_InTurn, DoitIgnore):  # type: ignore[misc]
    """``doit ignore``."""

    cmd_options = (*DoitIgnore.cmd_options, NO_WAIT)
