"""doit's commands that write to a tree, each in its turn: with a dodo file of another project they are doit's own.

Little is imported here: ``doit`` with nothing to do ends in ``Run`` before songs, or anything that builds, is loaded.
"""

from __future__ import annotations

import functools
import gc
import sys
import time
from typing import Any

from doit.cmd_clean import Clean as DoitClean
from doit.cmd_forget import Forget as DoitForget
from doit.cmd_ignore import Ignore as DoitIgnore
from doit.cmd_run import Run as DoitRun
from doit.exceptions import InvalidCommand, InvalidDodoFile

from stemtasks.commands import note, options, variables
from stemtasks.commands.reporter import Result, ending, in_any_script, write
from stemtasks.commands.selection import Selecting, is_ours
from stemtasks.paths import BUILD

# modules, and thousands of tasks, are objects that live to the end: looking through them again and again is a fifth of
# a build with nothing to do
gc.set_threshold(100_000, 50, 50)

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


QUIET = {
    "name": "quiet",
    "short": "q",
    "long": "quiet",
    "type": bool,
    "default": False,
    "help": "say only what failed, and the last line, for stemtasks",
}


JUNIT = {
    "name": "junit",
    "short": "",
    "long": "junit",
    "type": str,
    "default": "",
    "help": "write the results to this file too, as CI servers read them (JUnit's XML), for stemtasks",
}


SUMMARY = {
    "name": "summary",
    "short": "",
    "long": "summary",
    "type": str,
    "default": "",
    "help": "append a table of songs, and what failed, to this file in Markdown, for stemtasks",
}


class _InTurn:
    """Ask for the tree's lock, which is taken when the songs are loaded: another project's dodo file loads none."""

    def execute(self, params: Any, args: list[str]) -> Any:
        """Run doit's own command."""
        options.writes, options.waits = True, not params["no_wait"]
        return super().execute(params, args)  # type: ignore[misc]  # a class for doit's to inherit with


class Run:
    """``doit run``, answered from the note where nothing has changed since a build that left all of it right.

    doit's own command is made only where there is no such answer: its making goes through all that is installed.
    """

    name = "run"
    doc_purpose = DoitRun.doc_purpose
    doc_usage = DoitRun.doc_usage
    doc_description = DoitRun.doc_description

    def __init__(self, **config: Any) -> None:
        self._config = config

    @classmethod
    def get_name(cls) -> str:
        """Return what a person types."""
        return cls.name

    def parse_execute(self, in_args: list[str]) -> Any:
        """Say that nothing is to be done, or run doit's own command."""
        started = time.perf_counter()
        quiet = in_args in (["-q"], ["--quiet"])
        plain = not ((in_args and not quiet) or self._config.get("opt_vals") or self._config.get("config"))
        said = note.recall(variables.state()) if plain and variables.are_known() else None
        if said is None:
            return Building(**self._config).parse_execute(in_args)
        in_any_script()
        write(
            sys.stdout,
            ("" if quiet else said.lines)
            + ending({"up to date": said.tasks}, time.perf_counter() - started, said.saved),
        )
        return 0

    def __getattr__(self, asked: str) -> Any:
        return getattr(Building(**self.__dict__["_config"]), asked)


class Building(_InTurn, Selecting, DoitRun):  # type: ignore[misc]  # doit has no types
    """doit's own ``run``, with the options of ours."""

    name = "run"
    takes_files = True
    cmd_options = (*DoitRun.cmd_options, NO_WAIT, AUDIT, QUIET, JUNIT, SUMMARY)

    def __init__(self, **config: Any) -> None:
        self.commands = list(config.get("cmds") or ())  # what is none of them is taken for a task
        super().__init__(**config)

    def execute(self, params: Any, args: list[str]) -> Any:
        """Run doit's own command."""
        for option, name in (("junit", "--junit"), ("summary", "--summary"), ("outfile", "-o")):
            _check_writable(name, params[option])
        if params["junit"]:
            from stemtasks.commands.results import write_junit  # noqa: PLC0415 - XML, which few ask for

            # what is there until the build has ended, however that comes: never the results of another
            write_junit(params["junit"], [Result("build", "error", "it was not begun, or has not ended")], 0.0)
        if params["summary"]:
            from stemtasks.commands.summary import Page  # noqa: PLC0415 - only where it is asked for

            options.summary = Page(params["summary"])
            options.summary.begin()
        options.quiet, options.junit = params["quiet"] or params["reporter"] == "json", params["junit"]
        if not 0 <= params["audit"] <= 1:
            raise InvalidCommand(f"--audit: {params['audit']:g} is not a share, 0 to 1")
        if params["num_process"] < 0:
            raise InvalidCommand(f"-n: {params['num_process']} tasks at a time would build nothing; give 1 or more")
        options.builds, options.always, options.audited_fraction = True, params["always"], params["audit"]
        return super().execute(params, args)

    @functools.wraps(DoitRun._execute)
    def _execute(self, **given: Any) -> Any:
        """Run the tasks, which are known by now, and whether a song is among them that cannot be read."""
        from stemtasks.commands.start import leave_stopping_to_doit  # noqa: PLC0415

        leave_stopping_to_doit()
        given["continue_"] = given["continue_"] or options.goes_on
        given["outfile"] = given["outfile"] or sys.stdout  # doit looked for it before 'start' did
        if not any(map(is_ours, self.task_list or ())):
            return super()._execute(**given)
        from stemtasks.commands import build  # noqa: PLC0415 - loaded already, with the songs

        if given["reporter"] == "json":
            from stemtasks.commands.results import JsonReporter  # noqa: PLC0415 - XML, which few ask for

            given["reporter"] = JsonReporter
        given["reporter"] = options.reporter or given["reporter"]
        is_doits = isinstance(given["reporter"], str)
        if is_doits and (options.junit or options.summary):
            raise InvalidCommand(
                f"-r {given['reporter']}: is doit's own and writes no --junit or --summary; leave it out, or "
                "use -r json"
            )
        if is_doits:
            build.begin([task for task in self.task_list or () if task.actions])
        result = super()._execute(**given)
        if is_doits:
            build.end()
        # doit calls it an error, and not a failure, that what needs a failed task is not run
        return 1 if result == 2 and options.errors == 0 else result


def _check_writable(option: str, path: Any) -> None:
    """Refuse a file that cannot be written before anything is built."""
    if isinstance(path, str) and path:
        try:
            with open(path, "a", encoding="utf-8"):
                pass
        except OSError as error:
            raise InvalidCommand(f"{option}: {path}: cannot be written ({error.strerror})") from None


class Clean(_InTurn, Selecting, DoitClean):  # type: ignore[misc]
    """``doit clean``; a file that cannot be removed is one line."""

    cmd_options = (*DoitClean.cmd_options, NO_WAIT)

    def execute(self, params: Any, args: list[str]) -> Any:
        """Run doit's own command."""
        try:
            done = super().execute(params, args)
        except OSError as error:
            raise InvalidDodoFile(
                f"{error.filename or BUILD}: cannot be removed ({error.strerror}); "
                "make its folder writable, then run doit clean again"
            ) from None
        if not params["dryrun"]:
            from stemtasks.commands import pages, project  # noqa: PLC0415 - not in a build with nothing to do

            pages.remove(spec.name for spec in project.specs())
        return done


class Forget(_InTurn, Selecting, DoitForget):  # type: ignore[misc]
    """``doit forget``; with no task named, all of them, where doit's own ends with a traceback."""

    cmd_options = (*DoitForget.cmd_options, NO_WAIT)

    def _execute(self, forget_sub: bool, forget_disable_default: bool, forget_all: bool) -> Any:
        if self.sel_tasks is None:
            self.sel_tasks = [task.name for task in self.task_list or () if not task.subtask_of]
        return super()._execute(forget_sub, forget_disable_default, forget_all)


class Ignore(_InTurn, Selecting, DoitIgnore):  # type: ignore[misc]
    """``doit ignore``."""

    cmd_options = (*DoitIgnore.cmd_options, NO_WAIT)
