"""What lies in ``build/`` and is of no task any more is removed, or named where it was not made here.

Records alone cannot tell: one may be lost, or dropped by a build that was killed before it had a new one. So the files
themselves are looked at. Ours are those that a record names, and read-only files where products lie: in the folder of
some task's target, with its ending. Nothing outside ``build/`` is ever touched, whatever a record says.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from stemtasks import durable
from stemtasks.action.tree import Tree
from stemtasks.errors import CacheError, StemtasksError
from stemtasks.paths import BUILD, LISTENING_PREFIX, within

Shape = tuple[str, str]
"""A folder inside a song's and an ending: ``("stems", ".wav")``."""


def remove_leftovers(tree: Tree, wanted: Collection[str], spared: Collection[str] = ()) -> tuple[list[str], list[str]]:
    """Remove what is of none of the ``wanted`` tasks, whose files are the tree's ``targets``, nor of a ``spared`` song.

    Returns the names of the tasks whose products were removed, or the paths where no record knew a file; and the paths
    of files that were not made here, which are left. A stem that was taken out, and is still there, would be taken for
    a part of the song.
    """
    targets, folder = tree.targets, tree.folder
    removed = []
    for task in tree.records.names("tasks"):
        if (
            task not in wanted
            and not task.startswith(LISTENING_PREFIX)
            and task.partition(":")[2].partition("/")[0] not in spared
        ):
            record = tree.records.get("tasks", task)
            with contextlib.suppress(CacheError):
                discard(tree, record)
                tree.records.drop("tasks", task, durably=True)
                removed.append(task)
    others = [path for path in _files(folder) if path not in targets and _unrejected(path) not in targets]
    shapes = {shape for target in targets if others and (shape := _shape(target, folder)) is not None}
    foreign = []
    for path in others:
        if within(Path(path), folder)[0] in spared:
            continue
        if _shape(path, folder) in shapes and (_is_read_only(path) or _unrejected(path) != path):
            if _remove(tree, path):
                removed.append(path)
        elif not PurePosixPath(path).name.startswith("."):
            foreign.append(path)
    if foreign:  # or a task had made it that makes its files elsewhere now
        had = {path: held for task in wanted for path, held in _held(tree.records.get("tasks", task)).items()}
        ours = [path for path in foreign if path in had and (_is_read_only(path) or _holds(tree, path, had[path]))]
        gone = [path for path in ours if _remove(tree, path)]
        removed, foreign = removed + gone, [path for path in foreign if path not in gone]
    return removed, foreign


def discard(tree: Tree, record: Any) -> None:
    """Remove the files of a record that are of no task any more, and the rejected ones beside them."""
    for path in _recorded(record).values():
        if path not in tree.targets and _remove(tree, path):
            _remove(tree, rejected_path(Path(path)).as_posix())


def discard_unchanged(tree: Tree, record: Any, keep: Collection[str]) -> None:
    """Remove the files of a record that its task does not make any more, unless somebody has changed them since.

    A title names the archive, so a changed one would leave the old archive beside the new.
    """
    for path, held in _held(record).items():
        if path not in keep and path not in tree.targets and _holds(tree, path, held) and _remove(tree, path):
            _remove(tree, rejected_path(Path(path)).as_posix())


def _recorded(record: Any) -> dict[str, str]:
    """Return the paths of a record, whatever it holds."""
    paths = record.get("paths") if isinstance(record, dict) else None
    return {role: path for role, path in paths.items() if isinstance(path, str)} if isinstance(paths, dict) else {}


def _held(record: Any) -> dict[str, Any]:
    """Return what each path of a record held when it was written, as far as that says so."""
    outputs = record.get("outputs") if isinstance(record, dict) else None
    return {path: outputs.get(role) if isinstance(outputs, dict) else None for role, path in _recorded(record).items()}


def _holds(tree: Tree, path: str, held: Any) -> bool:
    """Return whether a file is what a record says of it."""
    try:
        digest = tree.digests.of(path)
    except (StemtasksError, OSError):
        return False
    return digest is not None and list(digest) == held


def rejected_path(target: Path) -> Path:
    """Return where a file that failed its verification is kept: ``bass.rejected.wav``."""
    return target.with_name(f"{target.stem}.rejected{target.suffix}")


def make_room(target: Path) -> None:
    """Remove what stands where a task's file goes; a folder that holds something is set aside under another name.

    It is gone from the disk too when this returns: without a journal its name could come back for what takes its place.
    """
    if not os.path.lexists(target):
        return
    if target.is_dir() and not target.is_symlink():
        try:
            target.rmdir()
        except OSError:
            os.replace(target, target.with_name(f"{target.name}.set-aside"))
    else:
        target.unlink(missing_ok=True)
    durable.sync(target.parent)


def _remove(tree: Tree, path: str) -> bool:
    """Remove a file of the tree, and the folders that it leaves empty; return whether it is gone."""
    if not _is_inside(Path(path), tree.folder):
        return False
    try:
        os.unlink(path)
        durable.sync(Path(path).parent)
    except FileNotFoundError:
        pass
    except OSError:
        return False
    tree.records.drop("files", path)
    for folder in Path(path).parents:
        if folder == tree.folder:
            break
        try:
            folder.rmdir()
        except OSError:
            break
    return True


def _is_inside(path: Path, folder: Path) -> bool:
    """Return whether a path is one of a tree's products, and no link on the way leads out of ``build/``."""
    return bool(within(path, folder)) and path.parent.resolve().is_relative_to(BUILD.resolve())


def _files(tree: Path) -> Iterator[str]:
    """Yield every file of the songs' folders, links not followed."""
    with contextlib.suppress(OSError):
        for song in sorted(os.listdir(tree)):
            if within(tree / song, tree):
                for folder, _, names in os.walk(tree / song):
                    place = Path(folder).as_posix()
                    yield from (f"{place}/{name}" for name in names)


def _shape(path: str, tree: Path) -> Shape | None:
    """Return the shape of a path inside a song's folder."""
    parts = within(Path(path), tree)
    return ("/".join(parts[1:-1]), PurePosixPath(path).suffix) if len(parts) > 1 else None


def _unrejected(path: str) -> str:
    """Return the target of which a path is the rejected file, or the path."""
    stem, _, suffix = path.rpartition(".")
    return f"{stem.removesuffix('.rejected')}.{suffix}"


def _is_read_only(path: str) -> bool:
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) and not mode & 0o222
