"""The project in this folder, as every command has it: its songs and albums, and its tree of outputs, opened once."""

from __future__ import annotations

import gc
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace
from functools import cache

from doit.exceptions import InvalidDodoFile

from stemtasks.action.circles import read_buildable
from stemtasks.action.pipeline import Spec
from stemtasks.action.room import without_room
from stemtasks.action.tree import Tree
from stemtasks.cache import settings
from stemtasks.commands import lock, note, options, variables
from stemtasks.commands.reporter import in_any_script
from stemtasks.errors import StemtasksError
from stemtasks.paths import SPEC
from stemtasks.spec.broken import Broken
from stemtasks.spec.draft import draft_of
from stemtasks.spec.files import with_what_needs_broken
from stemtasks.spec.song import Song

_executors: list[Callable[[], Executor]] = []
_broken: list[Broken] = []


def run_in(executor: Callable[[], Executor]) -> None:
    """Have jobs run where an executor takes them: ``run_in(processes)`` in ``dodo.py``, see ``action/workers.py``."""
    _executors[:] = [executor]


@cache
def specs() -> tuple[Spec, ...]:
    """Return every song and every album of ``spec/`` that can be built, songs first.

    Where there is no song, or no records, doit ends with a line.
    """
    in_any_script()
    gc.disable()  # songs and tasks live to the end, and looking through them took a sixth of the time; work enables it
    try:
        tree()
        read, wrong = read_buildable(SPEC)
        if variables.is_draft():
            read = [draft_of(spec) for spec in read if isinstance(spec, Song)]
            wrong = [each for each in wrong if not each.is_album]
        if options.builds:
            read, too_large = without_room(read, tree())
            wrong += too_large
        read, _broken[:] = with_what_needs_broken(read, wrong)
    except StemtasksError as error:
        raise InvalidDodoFile(str(error)) from None
    options.goes_on = bool(_broken)
    return tuple(read)


def songs() -> tuple[Song, ...]:
    """Return every song of ``spec/`` that can be built."""
    return tuple(spec for spec in specs() if isinstance(spec, Song))


def broken() -> list[Broken]:
    """Return every song and every album of ``spec/`` that cannot be built."""
    specs()
    return _broken


@cache
def tree() -> Tree:
    """Return the one tree of this process, in the folder that doit runs in."""
    if options.writes:
        _take_turn()
    executor = _executors[0] if _executors else None
    said = settings.load()
    if variables.is_draft():  # which is made for whoever is about to listen
        said = replace(said, cache=replace(said.cache, shared=""))
    return Tree(variables.state(), executor, said, writes=options.writes)


def _take_turn() -> None:
    """Hold the tree's lock until this process ends: the records are read once, when they are opened, so it is first."""
    state = variables.state()
    lock.hold(state / "lock", options.waits, lambda line: print(line, file=sys.stderr, flush=True))
    note.remove(state)
    # what a killed build left half-made, also where its number is another process's by now
    shutil.rmtree(state / "work", ignore_errors=True)
