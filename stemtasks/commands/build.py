"""A build as a whole: what is of no task any more is removed first, and a note for the next one is left at its end."""

from __future__ import annotations

import gc
import sys
import sysconfig
import time
from os.path import join
from pathlib import Path
from typing import Any

from stemtasks import sources
from stemtasks.action.keys import code_of
from stemtasks.action.leftovers import remove_leftovers
from stemtasks.action.pipeline import task_names
from stemtasks.cache import settings
from stemtasks.commands import note
from stemtasks.commands.project import songs, tree
from stemtasks.commands.reporter import Reporter, line
from stemtasks.job import Job
from stemtasks.paths import SPEC, STATE
from stemtasks.plugins import PARTS

BEGUN_NS = time.time_ns()


class BuildReporter(Reporter):
    """The reporter of a build."""

    def initialize(self, tasks: dict[str, Any], selected: list[str]) -> None:
        """Remove what is of no task any more, which the store keeps, and name what was not made here."""
        super().initialize(tasks, selected)
        self.tasks = [task for task in tasks.values() if task.actions]
        tree().targets = frozenset(target for task in self.tasks for target in task.targets)
        removed, self.foreign = remove_leftovers(tree(), task_names(songs()))
        for name in removed:
            self.removed(name)
        for path in self.foreign:
            sys.stderr.write(f"WARNING: {path}: was not made here and is of no task; keep it in another folder\n")

    def complete_run(self) -> None:
        """End the build, and note what it rests on if every task there is came out right."""
        super().complete_run()
        gc.freeze()  # Python's end looks through all objects that are not
        if {task.name for task in self.tasks} == self.right and not self.foreign:
            _note({task.name: task.meta["build"] for task in self.tasks}, self.width)


def _note(builds: dict[str, Any], width: int) -> None:
    """Leave a note of all that this build rests on, unless a part of it is not known for certain."""
    jobs = [build.job for build in builds.values()]
    paths = {path for job in jobs for path in (*job.inputs.values(), *job.outputs.values())}
    known = {path: tree().digests.known(path) for path in paths}
    if not all(known.values()):
        return
    recorded = {name: build.recorded() for name, build in builds.items()}
    lines = "".join(line("up to date", name, width, summary) for name, (summary, _) in recorded.items())
    said = note.Said(lines, len(builds), sum(seconds for _, seconds in recorded.values()))
    note.leave(STATE, known, files_read(jobs), BEGUN_NS, said)


def files_read(jobs: list[Job]) -> list[str | Path]:
    """Return the files and folders that decided what there was to build: specs, settings, sources, parts."""
    code = {module for job in jobs for module in sources.reached_from(code_of(job))[0]}
    used = [file for module in sorted(code) if (file := sources.file_of(module.partition(":")[0]))]
    folders: list[str | Path] = [PARTS, *Path(PARTS).glob("*")]
    return ["dodo.py", settings.FILE, SPEC, *SPEC.glob("*.toml"), *folders, *_of_project(), *sources.files(), *used]


def _of_project() -> list[str]:
    """Return the files of modules that ``dodo.py`` has imported from elsewhere than where libraries are installed."""
    files = {getattr(module, "__file__", None) or "" for module in list(sys.modules.values())}
    folders = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    installed = tuple(join(folder, "") for folder in (*folders, str(sources.ROOT)))
    return sorted(file for file in files if file.endswith(".py") and not file.startswith(installed))
