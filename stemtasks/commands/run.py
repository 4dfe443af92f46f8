"""doit's commands that write to a tree, each in its turn: with a dodo file of another project they are doit's own.

Little is imported here: ``doit`` with nothing to do ends in ``Run`` before songs, or anything that builds, is loaded.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from doit.cmd_base import Command
from doit.cmd_clean import Clean as DoitClean
from doit.cmd_forget import Forget as DoitForget
from doit.cmd_ignore import Ignore as DoitIgnore
from doit.cmd_run import Run as DoitRun
from doit.exceptions import InvalidCommand

from stemtasks.commands import note, options
from stemtasks.commands.reporter import ending, in_any_script, write
from stemtasks.paths import STATE

NO_WAIT = {
    "name": "no_wait",
    "short": "",
    "long": "no-wait",
    "type": bool,
    "default": False,
    "help": "fail at once if another build is at work in the same tree of stemtasks [default: wait for it]",
}


AUDIT = {
    "name": "audit",
    "short": "",
    "long": "audit",
    "type": float,
    "default": 0.0,
    "help": "make this share (0 to 1) of what is up to date or restored once more and compare, for stemtasks "
    "[default: %(default)s]",
}


class _InTurn:
    """Ask for the tree's lock, which is taken when the songs are loaded: another project's dodo file loads none."""

    def execute(self, params: Any, args: list[str]) -> Any:
        """Run doit's own command."""
        options.writes, options.waits = True, not params["no_wait"]
        return super().execute(params, args)  # type: ignore[misc]  # a class for doit's to inherit with


class Run(_InTurn, DoitRun):  # type: ignore[misc]  # doit has no types
    """``doit run``; its answer is known at once where nothing has changed since a build that left all of it right."""

    cmd_options = (*DoitRun.cmd_options, NO_WAIT, AUDIT)

    def __init__(self, **config: Any) -> None:
        Command.__init__(self, **{name: config[name] for name in config.keys() - {"task_loader", "cmds"}})
        self._unbegun: dict[str, Any] | None = config

    @property
    def cmdparser(self) -> Any:
        """Return doit's parser, once doit has gone through all that is installed for its plugins."""
        if self._unbegun is not None:
            config, self._unbegun = self._unbegun, None
            super().__init__(**config)
        return super().cmdparser

    def parse_execute(self, in_args: list[str]) -> Any:
        """Say that nothing is to be done, or run doit's own command."""
        started = time.perf_counter()
        said = None if in_args or self.opt_vals or self.config else note.recall(STATE)
        if said is None:
            return super().parse_execute(in_args)
        in_any_script()
        write(sys.stdout, said.lines + ending({"up to date": said.tasks}, time.perf_counter() - started, said.saved))
        return 0

    def execute(self, params: Any, args: list[str]) -> Any:
        """Run doit's own command."""
        if not 0 <= params["audit"] <= 1:
            raise InvalidCommand(f"--audit: {params['audit']:g} is not a share, 0 to 1")
        if params["num_process"] < 0:
            raise InvalidCommand(f"-n: {params['num_process']} tasks at a time would build nothing; give 1 or more")
        options.audited_share = params["audit"]
        return super().execute(params, args)


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
