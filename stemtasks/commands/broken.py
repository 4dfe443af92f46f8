"""A song or an album whose spec is wrong: its tasks fail, with one line for all of them, and the others are built.

What it made before stays as it is: a slip of the keyboard is no order to remove files.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from doit.exceptions import TaskFailed

from stemtasks.action.pipeline import per
from stemtasks.commands import variables
from stemtasks.commands.project import broken, tree
from stemtasks.spec.broken import Broken

_first: dict[str, str] = {}
"""The stage that was asked for first, by song: with its tasks comes the one that ``doit list`` shows."""


def tasks_of_broken(stage: str) -> Iterator[dict[str, Any]]:
    """Yield a stage's tasks of each song or album that cannot be read, as far as their names are known."""
    for each in broken():
        if _first.setdefault(each.name, stage) == stage:
            yield {"basename": variables.called(f"spec:{each.name}"), **_failing(each)}
        for name in _names(stage, each):
            yield {"basename": variables.called(stage), "name": name, **_failing(each)}


def _failing(each: Broken) -> dict[str, Any]:
    return {"doc": each.line, "actions": [Fails(each.line)], "meta": {"spec": each.path.as_posix()}}


class Fails:
    """The action of a task that nothing can be done for."""

    def __init__(self, line: str) -> None:
        self.line = line

    def __call__(self) -> TaskFailed:
        """Return doit's failure, with the line."""
        return TaskFailed(self.line)

    def __repr__(self) -> str:
        return self.line


def _names(stage: str, each: Broken) -> list[str]:
    """Return what a stage's tasks of the song are called: by its stems, and by those that it had when it was built.

    ``archive:SONG`` is one in any case, and so are ``master:SONG`` and ``album:ALBUM``.
    """
    what = per(stage)
    if what in (None, "album", "levelled"):
        return [each.name] if each.is_album == (what is not None) else []
    begin = variables.called(f"{stage}:{each.name}/")
    recorded = (task.removeprefix(begin) for task in tree().records.names("tasks") if task.startswith(begin))
    known = {
        "stem": each.stems,
        "group": each.groups,
        "strip": (*each.stems, *each.groups),
        "delivery": each.deliveries,
    }.get(what, ())
    is_whole = what in ("delivery", "mastered") or tree().records.get("tasks", begin.removesuffix("/")) is not None
    whole = [each.name] if is_whole and not each.is_album else []
    return whole + [f"{each.name}/{name}" for name in dict.fromkeys((*known, *recorded))]
