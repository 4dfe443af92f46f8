"""The build that ``stemtasks watch`` starts: doit's own, which also tells what it rests on and what becomes of tasks.

It runs in a process of its own, as ``python -m stemtasks.watch.building DESCRIPTOR [NAME=VALUE ...]``, with doit's
variables, and writes a line of JSON at a time to that descriptor:

    {"rests_on": {PATH: STAMP}, "broken": [[SONG, LINE, ...], ...]}    once songs are loaded; the first again at the end
    {"made": {PATH: DIGEST}}                                           of a task whose files are right
    {"failed": TASK, "said": TEXT}                                     of one that failed
    {"ended": TEXT}                                                    what went to stderr
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from typing import Any, TextIO

from stemtasks import seen
from stemtasks.commands import stoppable  # noqa: F401 - from here on a signal is a line, and no file is half-made
from stemtasks.commands.build import BuildReporter, what_was_read
from stemtasks.commands.project import broken, tree
from stemtasks.commands.reporter import Result
from stemtasks.commands.signals import SIGNALS
from stemtasks.spec.files import is_product

MOST_CHARACTERS = 10_000
"""Of what went to stderr, from its end."""


class Telling(BuildReporter):
    """The reporter of a build, which tells whoever started it too."""

    desc = "a line a task, and all of it to whoever started this"
    channel: TextIO

    def initialize(self, tasks: dict[str, Any], selected: list[str]) -> None:
        """Tell what the songs were read from, and which of them cannot be built."""
        super().initialize(tasks, selected)
        self._tell(rests_on=self._rests_on(), broken=[[each.name, *each.mistakes] for each in broken()])

    def add_failure(self, task: Any, fail: Any) -> None:
        """Tell what failed; a mistake in Python with its traceback, which has the file and the line."""
        super().add_failure(task, fail)
        if task.meta and "spec" in task.meta:
            return  # told with the songs
        if (last := self.results[-1:]) and last[0].task == task.name and last[0].how in ("failed", "error"):
            self._tell(failed=task.name, said=last[0].said if last[0].how == "failed" else str(fail.get_msg()))

    def complete_run(self) -> None:
        """Tell what has been read by now: sources of parts are read when they are used."""
        super().complete_run()
        self._tell(rests_on=self._rests_on())

    def _add(self, result: Result) -> None:
        super()._add(result)
        record = tree().records.get("tasks", result.task) if result.is_right else None
        if isinstance(record, dict):
            digests = record["outputs"]
            self._tell(made={path: "-".join(map(str, digests[role])) for role, path in result.job.outputs.items()})

    def _rests_on(self) -> dict[str, Any]:
        jobs = [task.meta["build"].job for task in self.tasks if task.meta and "build" in task.meta]
        inputs = {os.path.abspath(path) for job in jobs for path in job.inputs.values() if not is_product(path)}
        return {path: seen.stamp(path) for path in inputs} | what_was_read()

    def _tell(self, **told: Any) -> None:
        with contextlib.suppress(OSError):  # who asked is gone; what is being built is right without it
            self.channel.write(json.dumps(told) + "\n")
            self.channel.flush()


class _Heard:
    """A stream, whose end is kept."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.end = ""

    def write(self, text: str) -> int:
        self.end = (self.end + text)[-MOST_CHARACTERS:]
        return self.stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def main(descriptor: int, *variables: str) -> int:
    """Build all that can be built, and return doit's exit code."""
    from doit.doit_cmd import DoitMain  # noqa: PLC0415 - a signal is a line by now

    from stemtasks.commands import options  # noqa: PLC0415

    os.set_inheritable(descriptor, False)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    heard = _Heard(sys.stderr)
    sys.stderr = heard
    with os.fdopen(descriptor, "w", encoding="utf-8") as channel:
        Telling.channel = channel
        options.reporter = Telling
        code: int = DoitMain().run(["run", "--continue", *variables])
        with contextlib.suppress(OSError):
            channel.write(json.dumps({"ended": heard.end}) + "\n")
            channel.flush()
    return code


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), *sys.argv[2:]))
