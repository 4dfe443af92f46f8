"""A build as a whole: what is of no task any more is removed first, and a note for the next one is left at its end."""

from __future__ import annotations

import gc
import os
import sys
import time
from typing import Any

from stemtasks import durable, loading, seen
from stemtasks.action.leftovers import remove_leftovers
from stemtasks.action.pipeline import task_names
from stemtasks.commands import note, pages, variables
from stemtasks.commands.project import broken, specs, tree
from stemtasks.commands.reporter import Reporter, line
from stemtasks.errors import one_line
from stemtasks.paths import LISTENING_PREFIX


def begin(tasks: list[Any]) -> tuple[list[str], list[str]]:
    """Begin a build of a project with these tasks; return what was removed, and what is there of no task."""
    seen.stop()
    tree().targets = frozenset(target for task in tasks for target in task.targets)
    pages.remove_of_gone({each.name for each in (*specs(), *broken())})
    removed, foreign = remove_leftovers(tree(), task_names(specs()), {each.name for each in broken()})
    for path in foreign:
        sys.stderr.write(f"WARNING: {one_line(path)}: was not made here and is of no task; keep it in another folder\n")
    return removed, foreign


def end() -> None:
    """End a build whose reporter is one of doit's own, which knows nothing to write pages of."""
    pages.remove(spec.name for spec in specs())
    for said in tree().finish():
        sys.stderr.write(f"{said}\n")


class BuildReporter(Reporter):
    """The reporter of a build."""

    def initialize(self, tasks: dict[str, Any], selected: list[str]) -> None:
        """Remove what is of no task any more, which the store keeps, and name what was not made here."""
        super().initialize(tasks, selected)
        self.tasks = [task for task in tasks.values() if task.actions]
        removed, self.foreign = begin(self.tasks)
        for name in removed:
            self.removed(name)

    def complete_run(self) -> None:
        """End the build, and note what it rests on if every task there is came out right."""
        builds = {task.name: task.meta["build"] for task in self.tasks if task.meta and "build" in task.meta}
        pages.write(self.results, builds)
        super().complete_run()
        for task in sorted(self.right):
            if task.startswith(f"{LISTENING_PREFIX}mix:"):
                self._write(f"listen to {builds[task].job.outputs['audio']}\n")
        gc.freeze()  # Python's end looks through all objects that are not
        if {task.name for task in self.tasks} == self.right and not self.foreign:
            _note({task.name: task.meta["build"] for task in self.tasks}, self.width)

    def _stopped(self) -> str:
        """Leave no page that says what was so before."""
        pages.remove(spec.name for spec in specs())
        return super()._stopped()


def _note(builds: dict[str, Any], width: int) -> None:
    """Leave a note of all that this build rests on, unless a part of it is not known for certain.

    What was read must have been older, when this process began, than a tick of its disk's clock; and it is on the disk
    before the note is.
    """
    jobs = [build.job for build in builds.values()]
    known = {path: tree().digests.known(path) for job in jobs for path in (*job.inputs.values(), *job.outputs.values())}
    if seen.unsure or not variables.are_known() or not all(known.values()):
        return
    read = what_was_read()
    there = [(path, at) for path, at in read.items() if at]
    if any(seen.stamp(path) != at for path, at in read.items()):
        return
    if not tree().digests.clock.all_settled(there, ago_ns=time.monotonic_ns() - seen.BEGUN_NS):
        return
    if not all(durable.synced(path) for path, _ in there):
        return
    recorded = {name: build.recorded() for name, build in builds.items()}
    lines = "".join(line("up to date", name, width, summary) for name, (summary, _) in recorded.items())
    said = note.Said(lines, len(builds), sum(seconds for _, seconds in recorded.values()))
    index = {path: seen.stamp(path) for path in pages.index()}
    note.leave(variables.state(), {**known, **read, **index}, loading.looks_at_environment(), said)


def what_was_read() -> dict[str, seen.Stamp | None]:
    """Return the stamps of what this process has read, and of the folders that it imports from.

    What is in our own state is not among it. Of what is installed only sources that are digested are: a library that
    changes changes its folder.
    """
    state = os.path.abspath(variables.state())
    folders = {folder: seen.stamp(folder) for folder in note.folders_of_imports()}
    return folders | {
        path: stamp
        for path, stamp in seen.stamps.items()
        if (path in loading.read() or not loading.is_installed(path))
        and not path.startswith(state)
        and "__pycache__" not in path
    }
