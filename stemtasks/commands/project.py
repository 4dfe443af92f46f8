"""The project in this folder, as every command has it: its songs, and its tree of outputs, opened once."""

from __future__ import annotations

import gc
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import Executor
from functools import cache

from doit.exceptions import InvalidDodoFile

from stemtasks.action.tree import Tree
from stemtasks.cache import settings
from stemtasks.commands import lock, note, options, signals
from stemtasks.commands.reporter import in_any_script
from stemtasks.errors import StemtasksError
from stemtasks.paths import SPEC, STATE
from stemtasks.spec.reading import read_songs
from stemtasks.spec.song import Song

_executors: list[Callable[[], Executor]] = []


def run_in(executor: Callable[[], Executor]) -> None:
    """Have jobs run where an executor takes them: ``run_in(processes)`` in ``dodo.py``, see ``action/workers.py``."""
    _executors[:] = [executor]


@cache
def songs() -> tuple[Song, ...]:
    """Return every song of ``spec/``; what is wrong with them, or with the records, ends doit with a line."""
    in_any_script()
    gc.disable()  # songs and tasks live to the end, and looking through them took a sixth of the time; work enables it
    try:
        tree()
        return tuple(read_songs(SPEC))
    except StemtasksError as error:
        raise InvalidDodoFile(str(error)) from None


@cache
def tree() -> Tree:
    """Return the one tree of this process, in the folder that doit runs in."""
    if options.writes:
        _take_turn()
    executor = _executors[0] if _executors else None
    return Tree(STATE, executor, settings.load())


def _take_turn() -> None:
    """Hold the tree's lock until this process ends: the records are read once, when they are opened, so it is first."""
    signals.on_signal(lambda: "stopped before any task was run: run doit again")
    lock.hold(STATE / "lock", options.waits, lambda line: print(line, file=sys.stderr, flush=True))
    note.remove(STATE)
    # what a killed build left half-made, also where its number is another process's by now
    shutil.rmtree(STATE / "work", ignore_errors=True)
