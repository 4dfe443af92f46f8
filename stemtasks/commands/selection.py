"""What was asked for by name or pattern: one that is of no task is an error, with the nearest names."""

from __future__ import annotations

import contextlib
import fnmatch
import re
import sys
from collections.abc import Iterable
from typing import Any, NoReturn

from doit.cmdparse import CmdParseError
from doit.exceptions import InvalidCommand

from stemtasks.commands import variables
from stemtasks.commands.reporter import Output, write
from stemtasks.paths import DRAFT_PREFIX, LISTENING_PREFIX, STAGES_OF_DRAFTS

BEHIND_THE_MIX = frozenset(("premaster", "level", "master", "convert", "archive", "report", "album"))
"""Stages that have no listening mix."""


class Speaking:
    """doit's commands as they speak to persons: in one line where they do not understand, and to the end."""

    def parse_execute(self, in_args: list[str]) -> Any:
        """Run the command; an option that it does not have is one line, without doit's list of all that it has.

        Where its output cannot be written the exit code is 1, but not where nobody reads on.
        """
        from stemtasks.commands.start import open_what_is_closed  # noqa: PLC0415 - not in a build with nothing to do

        open_what_is_closed()
        options = in_args[: in_args.index("--")] if "--" in in_args else in_args
        if "-h" in options or "--help" in options:
            write(sys.stdout, f"{self.help()}\n")  # type: ignore[attr-defined]
            return 0
        output = Output(sys.stdout)
        self.outstream = output
        try:
            with contextlib.redirect_stdout(output):
                result = super().parse_execute(in_args)  # type: ignore[misc]  # a class for doit's to inherit with
            return result or int(not output.is_whole)
        except CmdParseError as error:
            raise CmdParseError(self._plainly(str(error))) from None

    def _plainly(self, said: str) -> str:
        """Return what doit says of options in one line, without its list of all that there are."""
        name, options = self.name, self.cmdparser.options  # type: ignore[attr-defined]
        said = said.partition(" (parsing options:")[0].removeprefix("Error parsing Command: ").strip()
        if wrong := re.fullmatch(r"Error parsing parameter '(\w+)' <class '(int|float)'>\.\n(.*)", said, re.DOTALL):
            asked = next(option for option in options if option.name == wrong[1])
            found, kind = wrong[3].rpartition(": ")[2], {"int": "a whole number", "float": "a number"}[wrong[2]]
            return f"--{asked.long}: {found} is not {kind}"
        if unknown := re.fullmatch(r"option --(\S+) not recognized", said):
            near = nearest(unknown[1], [option.long for option in options if option.long], begin="--")
            return said + (near or f"; 'doit help {name}' shows what may be said")
        return f"{' '.join(said.split())}; 'doit help {name}' shows what may be said"

    def execute(self, params: Any, args: list[str]) -> Any:
        """Run the command, and remember what was asked for."""
        self._params = params
        return super().execute(params, args)  # type: ignore[misc]

    def get_checker_cls(self, asked: Any) -> Any:
        """Return what doit asks of files; other records than ours know nothing of songs."""
        config = self.loader.load_doit_config()  # type: ignore[attr-defined]
        for name in ("backend", "check_file_uptodate") if config.get("backend") == "stemtasks" else ():
            if self._params[name] != config[name]:
                raise InvalidCommand(
                    f"--{name}: {self._params[name]}: songs are known by the records of stemtasks and their files' "
                    "contents; leave the option out"
                )
        return super().get_checker_cls(asked)  # type: ignore[misc]


class Selecting(Speaking):
    """doit's commands that take names of tasks; doit sets ``task_list`` once it has loaded them."""

    takes_files = False
    """Whether a task may be named by a file that it makes."""
    commands: Iterable[str] = ()
    """What else may be typed in the place of a task."""
    sel_tasks: list[str] | None
    _task_list: list[Any] | None = None

    @property
    def task_list(self) -> list[Any] | None:
        """Return all tasks, as doit knows them."""
        return self._task_list

    @task_list.setter
    def task_list(self, tasks: list[Any] | None) -> None:
        self._task_list = tasks
        if tasks and any(map(is_ours, tasks)) and variables.heard():
            self._select_of_listening({task.name for task in tasks})
        elif tasks and self.sel_tasks and variables.is_draft() and any(map(is_ours, tasks)):
            self._select_of_draft([*map(str, self.sel_tasks)], {task.name for task in tasks})
        if tasks and self.sel_tasks:
            check(self.sel_tasks, tasks, takes_files=self.takes_files, commands=self.commands)

    def _select_of_listening(self, names: set[str]) -> None:
        """Take a mix, or all where nothing is named, for that of what is listened to."""
        mixes = [name for name in sorted(names) if name.startswith(f"{LISTENING_PREFIX}mix:")]
        if self.sel_default_tasks or not self.sel_tasks:  # type: ignore[attr-defined]  # doit's
            self.sel_tasks = mixes
        else:
            asked = [*map(str, self.sel_tasks)]
            for name in asked:
                if name.partition(":")[0] in BEHIND_THE_MIX:
                    raise InvalidCommand(
                        f"{name}: solo and mute make a mix to listen to, and nothing else; name mix:SONG"
                    )
            self.sel_tasks[:] = [
                own if (own := f"{LISTENING_PREFIX}{name}") in names else name for name in asked if name != "mix"
            ] + (mixes if "mix" in asked else [])

    def _select_of_draft(self, asked: list[str], names: set[str]) -> None:
        """Take names as they are in the real build for those of the draft; what it has not is refused.

        Of the tasks that are built where none is named ('default_tasks' in ``dodo.py``) it is left out.
        """
        if self.sel_default_tasks:  # type: ignore[attr-defined]  # doit's
            self.sel_tasks = [name for each in asked if (name := in_draft(each, names)) is not None] or None
        else:  # in its place, because doit's commands have it under other names too
            self.sel_tasks[:] = [in_draft(name, names) or _refuse(name) for name in asked]  # type: ignore[index]


def in_draft(name: str, names: Iterable[str]) -> str | None:
    """Return what a task, a group or a pattern is called in a draft; None for a stage that a draft has not."""
    from stemtasks.spec import parts  # noqa: PLC0415 - not in a build with nothing to do

    stage = name.partition(":")[0]
    own = f"{DRAFT_PREFIX}{name}"
    if stage in parts.stages() and stage not in STAGES_OF_DRAFTS:
        return None
    if stage in STAGES_OF_DRAFTS or (own in names or ("*" in name and fnmatch.filter(names, own))):
        return own
    return name


def _refuse(name: str) -> NoReturn:
    stage = name.partition(":")[0]
    raise InvalidCommand(
        f"{name}: a draft has no {stage}, because it is not delivered; run doit without draft=true for that, or "
        "'doit draft=true master' to listen to the draft"
    )


def check(asked: Iterable[str], tasks: list[Any], *, takes_files: bool, commands: Iterable[str] = ()) -> None:
    """Raise doit's ``InvalidCommand`` for a name or a pattern that is of none of the tasks.

    With a dodo file of another project, or a task of one's own that takes arguments, doit looks by itself.
    """
    by_name = {task.name: task for task in tasks}
    if not any(is_ours(task) for task in tasks) or any(name in by_name and by_name[name].params for name in asked):
        return
    files = {target for task in tasks for target in task.targets} if takes_files else set()
    for name in asked:
        if "*" in name:
            found = any(fnmatch.fnmatch(task, name) for task in by_name)
        else:
            found = name in by_name or name in files
        if not found:
            what = "no task or file is named so" if takes_files and "*" not in name else "no task is named so"
            raise InvalidCommand(f"{name}: {what}{nearest(name, [*by_name, *files, *commands])}")


def is_ours(task: Any) -> bool:
    """Return whether a task makes a file of a song, or stands for a song that cannot be read."""
    return bool(task.meta) and ("build" in task.meta or "spec" in task.meta)


def nearest(name: str, names: list[str], *, begin: str = "") -> str:
    """Return which names are most like one that is none of them, as the end of a line.

    Of tasks it is said where all stand, if none is like it; of what begins with something, such as options, nothing.
    """
    import difflib  # noqa: PLC0415 - not in a build with nothing to do

    near = difflib.get_close_matches(name, names, n=3)
    if near:
        return f"; the nearest are {', '.join(begin + each for each in near)}"
    return "" if begin else "; 'doit list --all' shows the names"
