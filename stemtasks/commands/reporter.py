"""What a person sees while it builds: a line a task with the measurement that matters, progress on a terminal."""

from __future__ import annotations

import io
import os
import shutil
import sys
import threading
import time
from typing import Any, NamedTuple

from doit.exceptions import BaseFail, TaskFailed
from doit.reporter import ConsoleReporter

from stemtasks.commands import options, signals, variables

WIDTH = 10
WAIT_SECONDS = 0.5
"""A task that ends sooner shows no progress."""


def line(how: str, name: str, width: int, *details: str) -> str:
    """Return a task's line, the names in a column of a width."""
    return f"{how:<{WIDTH}}  {name:<{width}}  {'  '.join(part for part in details if part)}".rstrip() + "\n"


def ending(counts: dict[str, int], seconds: float, saved: float) -> str:
    """Return the last line: how many tasks of each kind, and the time it took and saved."""
    told = ", ".join(f"{count} {what}" for what, count in counts.items())
    return f"{variables.said()}{told}; {seconds:.1f} s" + (f", {saved:.1f} s saved" if saved >= 0.05 else "") + "\n"


def in_any_script() -> None:
    """Let what is printed be in any script, as names are, where a terminal or a log may have none of them."""
    stream = sys.stdout.stream if isinstance(sys.stdout, Output) else sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")


def write(outstream: Any, text: str) -> bool:
    """Write, or go on in silence when nobody reads any more ('doit | head -1'): what is built is built.

    Returns whether all of it went where it was to go, or nobody wanted it.
    """
    if outstream is None:  # closed by the shell ('doit >&-')
        return True
    try:
        outstream.write(text)
        outstream.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), outstream.fileno())
        if not isinstance(error, BrokenPipeError):
            sys.stderr.write(f"the output of doit cannot be written ({error.strerror}); what it does goes on\n")
            return False
    return True


class Output:
    """The output of a command, which an end of the pipe or a full disk does not stop halfway."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.is_whole = True

    def write(self, text: str) -> int:
        """Write as ``write`` does."""
        self.is_whole = write(self.stream, text) and self.is_whole
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class Result(NamedTuple):
    """What became of one task, and what there is to say of it: what it measures, or why it failed."""

    task: str
    how: str
    said: str = ""
    seconds: float = 0.0
    store: str = ""
    job: Any = None

    @property
    def is_right(self) -> bool:
        """Whether its files are there, and right."""
        return self.how not in ("failed", "not built", "error", "removed")


class Reporter(ConsoleReporter):  # type: ignore[misc]  # doit has no types
    """doit's reporter: plain lines in a log, and below them on a terminal what is running now."""

    desc = "a line a task: ran, restored or up to date, and what it measures"

    def __init__(self, outstream: Any, options: dict[str, Any]) -> None:
        super().__init__(outstream, options)
        self.started = time.perf_counter()
        self.counts: dict[str, int] = {}
        self.saved = 0.0
        self.shared = 0
        self.right: set[str] = set()
        self.results: list[Result] = []
        self.broken: set[str] = set()
        self.errors = 0
        self.running: dict[str, tuple[Any, float]] = {}
        self.live: Any = None
        self.build: Any = None
        self.timer: threading.Timer | None = None
        self.lock = threading.RLock()  # a signal may come while it is held
        self.width = 0

    def initialize(self, tasks: dict[str, Any], selected: list[str]) -> None:
        """Learn the longest name, and how to end when asked to."""
        if options.summary is not None:
            options.summary.learn(tasks, selected)
        self.build = next((task.meta["build"] for task in tasks.values() if task.meta and "build" in task.meta), None)
        self.width = max((len(name) for name, task in tasks.items() if task.actions), default=0)
        signals.on_signal(self._stopped)

    def removed(self, task: str) -> None:
        """Say that what a task had made is not there any more."""
        self._line("removed", task, "it is of no task any more")
        self.results.append(Result(task, "removed", "it is of no task any more"))

    def execute_task(self, task: Any) -> None:
        """Remember that a task runs; on a terminal, show it."""
        build = task.meta and task.meta.get("build")
        if build is None:
            if not (task.meta and "spec" in task.meta):
                super().execute_task(task)
            return
        self.running[task.name] = (build, time.perf_counter())
        if self.timer is None and not options.quiet and self.outstream.isatty() and os.environ.get("TERM") != "dumb":
            self.timer = threading.Timer(WAIT_SECONDS, self._show)
            self.timer.daemon = True
            self.timer.start()

    def add_success(self, task: Any) -> None:
        """Say how a task's outputs came to be."""
        self.running.pop(task.name, None)
        build = task.meta and task.meta.get("build")
        if build is not None:
            outcome = build.outcome
            self.saved += outcome.saved
            self.shared += outcome.store == "shared"
            where = " [shared]" if outcome.store == "shared" else ""
            self._line(outcome.how, task.name, outcome.summary, f"{outcome.seconds:.2f} s{where}")
            self._add(Result(task.name, outcome.how, outcome.summary, outcome.seconds, outcome.store, build.job))

    def skip_uptodate(self, task: Any) -> None:
        """Say that a task's outputs are as recorded."""
        build = task.meta and task.meta.get("build")
        if build is not None:
            summary, seconds = build.recorded()
            self.saved += seconds
            self._line("up to date", task.name, summary)
            self._add(Result(task.name, "up to date", summary, job=build.job))
        elif task.actions:
            super().skip_uptodate(task)

    def add_failure(self, task: Any, fail: BaseFail) -> None:
        """Say in one line what a user can mend; doit's own form for all else."""
        self.running.pop(task.name, None)
        if isinstance(fail, TaskFailed) and task.meta and "build" in task.meta:
            self.counts["failed"] = self.counts.get("failed", 0) + 1
            self._write(line("FAILED", task.name, self.width, fail.message))
            self._add(Result(task.name, "failed", fail.message, job=task.meta["build"].job))
        elif task.meta and "spec" in task.meta:
            self._add_broken(task, str(fail.message))
        elif fail.get_name() == "UnmetDependency":
            self.counts["not built"] = self.counts.get("not built", 0) + 1
            if task.actions:
                self._add(Result(task.name, "not built", "what it needs failed"))
        else:
            self._end_live()
            self.errors += 1
            self._add(Result(task.name, "error", str(fail.message)))
            super().add_failure(task, fail)

    def _add(self, result: Result) -> None:
        self.results.append(result)
        if result.is_right:
            self.right.add(result.task)

    def _add_broken(self, task: Any, said: str) -> None:
        """Say what is wrong with a spec, once for all tasks of its song; the line begins with the file, not a task."""
        spec = task.meta["spec"]
        how = "not built" if spec in self.broken else "failed"
        self.counts[how] = self.counts.get(how, 0) + 1
        self._add(Result(task.name, how, said))
        if spec not in self.broken:
            self.broken.add(spec)
            self._write(f"{'FAILED':<{WIDTH}}  {variables.said()}{said}\n")

    def complete_run(self) -> None:
        """End with one line of counts, when what the build has to hand on is handed on."""
        self._end_live()
        options.errors = self.errors + len(self.runtime_errors)
        if options.junit:
            self._write_junit(options.junit)
        for line in self.build.finish() if self.build is not None else ():
            sys.stderr.write(f"{line}\n")
        if self.shared:
            local = self.counts["restored"] - self.shared
            self.counts = {
                f"restored ({local} local, {self.shared} shared)" if what == "restored" else what: count
                for what, count in self.counts.items()
            }
        said = ending(self.counts, time.perf_counter() - self.started, self.saved) if self.counts else ""
        self._end_page(said or "nothing was asked for")
        if said:
            self._write(said)
        if self.runtime_errors:
            self._write("\n".join(self.runtime_errors) + "\n")

    def _write_junit(self, path: str) -> None:
        from stemtasks.commands.results import write_junit  # noqa: PLC0415 - XML, which few ask for

        try:
            write_junit(path, self.results, time.perf_counter() - self.started)
        except OSError as error:
            options.errors = (options.errors or 0) + 1
            sys.stderr.write(f"--junit: {path}: cannot be written ({error.strerror}); what was built is right\n")

    def _end_page(self, said: str) -> None:
        """Give the page its summary, which ends with what is said of the build as a whole."""
        if options.summary is not None:
            try:
                options.summary.end(self.results, said)
            except OSError as error:
                options.errors = (options.errors or 0) + 1
                path = options.summary.path
                sys.stderr.write(f"--summary: {path}: cannot be written ({error.strerror}); what was built is right\n")

    def _line(self, how: str, name: str, *details: str) -> None:
        self.counts[how] = self.counts.get(how, 0) + 1
        if not options.quiet:
            self._write(line(how, name, self.width, *details))

    def _write(self, text: str) -> None:
        with self.lock:
            if self.live is not None:
                self.live.refresh()
                self.live.console.print(text.removesuffix("\n"), markup=False, highlight=False, soft_wrap=True)
            else:
                self.write(text)

    def write(self, text: str) -> None:
        """Write what doit has to say."""
        write(self.outstream, text)

    def _show(self) -> None:
        """Begin the lines that change; rich is imported only here, once something takes long and a person looks on."""
        from rich.console import Console  # noqa: PLC0415
        from rich.live import Live  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        console = Console(file=self.outstream)
        live = Live(get_renderable=lambda: Text(self._now()), console=console, refresh_per_second=8, transient=True)
        with self.lock:
            if self.timer is not None:
                live.start()
                self.live = live

    def _now(self) -> str:
        """Return what is running, a line a task: how much audio it has written, or how long it takes."""
        from stemtasks.timeline import clock  # noqa: PLC0415 - not in a build with nothing to do

        lines = []
        now = time.perf_counter()
        for name, (build, since) in list(self.running.items()):
            if now - since >= WAIT_SECONDS:
                rate = build.job.params.get("sample_rate", 0)
                done = (
                    f"{clock(build.frames * 1000 / rate)[:-4]} written"
                    if rate and build.frames
                    else f"{now - since:.0f} s"
                )
                lines.append(f"{'running':<{WIDTH}}  {name:<{self.width}}  {done}")
        return "\n".join(line[: shutil.get_terminal_size().columns - 1] for line in lines)

    def _end_live(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
        with self.lock:
            self.timer = None
            if self.live is not None:
                self.live.stop()
                self.live = None

    def _stopped(self) -> str:
        """Leave nothing half-made: finished tasks are recorded already, running ones have published nothing."""
        self._end_live()
        if self.build is not None:
            self.build.abandon()
        names = ", ".join(self.running) or "no task"
        said = f"stopped while running {names}; what was finished is kept: run doit again to go on"
        self._end_page(said)
        return said
