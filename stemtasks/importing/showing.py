"""How far an import is, on a terminal; in a log nothing is said before it is done."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from stemtasks.importing.proposal import Tell


@contextmanager
def showing() -> Iterator[Tell]:
    """Give what is called with what is being done and how far it is."""
    if not sys.stderr.isatty():
        yield lambda what, done, of: None  # noqa: ARG005 - nobody looks on
        return
    columns = TextColumn("{task.description:<20}"), BarColumn(), MofNCompleteColumn()
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:

        def tell(what: str, done: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=of)
            progress.update(tasks[what], completed=done, total=of)

        yield tell
