"""What lies in ``build/`` and is of no task any more is removed; the store keeps it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from stemtasks.action.tree import Tree
from stemtasks.errors import CacheError, StemtasksError


def remove_leftovers(tree: Tree, wanted: Collection[str]) -> list[str]:
    """Remove outputs and record of every task that is not wanted any more, and return their names.

    A stem that was taken out, and is still in ``build/``, would be taken for a part of the song.
    """
    outdated = [task for task in tree.records.names("tasks") if task not in wanted]
    for task in outdated:
        record = tree.records.get("tasks", task)
        with contextlib.suppress(CacheError):
            tree.records.drop("tasks", task)
            discard(tree, record)
            for path in record["paths"].values():
                with contextlib.suppress(OSError):
                    os.removedirs(os.path.dirname(path))
    return outdated


def discard(tree: Tree, record: dict[str, Any] | None, keep: Collection[str] = ()) -> None:
    """Remove the outputs of a record that are not to be kept, if they are as they were recorded.

    A title names the archive, so a changed one would leave the old archive beside the new.
    """
    for role, path in (record or {}).get("paths", {}).items():
        if path not in keep:
            with contextlib.suppress(StemtasksError, OSError):
                digest = tree.digests.of(path)
                if digest is not None and list(digest) == (record or {})["outputs"].get(role):
                    os.unlink(path)
                    rejected_path(Path(path)).unlink(missing_ok=True)
                    tree.records.drop("files", path)


def rejected_path(target: Path) -> Path:
    """Return where a file that failed its verification is kept: ``bass.rejected.wav``."""
    return target.with_name(f"{target.stem}.rejected{target.suffix}")
