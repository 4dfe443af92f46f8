"""Where a job writes before its outputs have their names, and running its stage there."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from stemtasks import progress, sources
from stemtasks.action.keys import code_of
from stemtasks.action.tree import Tree
from stemtasks.action.workers import attempt, run_stage, stamp
from stemtasks.cache.digest import Ahead, Digest
from stemtasks.job import Job, canonical

OnFrames = Callable[[int], None]
"""Told how many frames a job has written so far."""


@contextlib.contextmanager
def working(job: Job, tree: Tree) -> Iterator[dict[str, Path]]:
    """Give each output a path in a workplace, a folder of a name that is never used again, and remove it after.

    What runs elsewhere may be late, and write when its job was long done by another: it finds no folder of its own.
    """
    folder = tree.state / "work" / f"{os.getpid()}-{os.urandom(8).hex()}"
    with tree.beginning:
        folder.mkdir(parents=True)
    try:
        yield {role: folder / f"{role}{Path(path).suffix}" for role, path in job.outputs.items()}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def abandon(tree: Tree) -> None:
    """Remove what the jobs of this process have written so far, when it is about to end: none begins after this.

    A worker that is being started is there first: left in the middle, it would say so with a traceback.

    A job in another thread is still at work. Its workplace gets another name first, so that it can make no more files
    there while they are being removed.
    """
    tree.beginning.acquire(timeout=1)
    for number, folder in enumerate((tree.state / "work").glob(f"{os.getpid()}-*")):
        gone = folder.with_name(f"{os.getpid()}.{number}")
        with contextlib.suppress(OSError):
            folder.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)


def run_job(
    job: Job, tree: Tree, work: dict[str, Path], inputs: dict[str, Digest], on_frames: OnFrames | None
) -> dict[str, Digest]:
    """Run a job's stage here, or hand it to the tree's executor, and return the digests of what it made.

    Its parameters have the inputs' digests added, so that no stage need hash what it reads, and the references of the
    parts that it calls; both are in the key.
    """
    sha256 = {role: digest.sha256 for role, digest in inputs.items()}
    params = json.loads(canonical({**job.params, "sha256": sha256, "parts": job.parts}))
    with Ahead() as ahead:
        if tree.executor is None:
            read = {role: Path(path) for role, path in sorted(job.inputs.items())}
            tokens = progress.on_frames.set(on_frames), progress.on_final.set(ahead.final)
            try:
                run_stage(job.stage, read, work, params)
            finally:
                progress.on_frames.reset(tokens[0])
                progress.on_final.reset(tokens[1])
        else:
            _run_elsewhere(job, tree, work, params)
        known = {_identity(job.inputs[role]): digest for role, digest in inputs.items()}
        return {role: known.get(_identity(path)) or ahead.digest(path) for role, path in work.items()}


def _run_elsewhere(job: Job, tree: Tree, work: dict[str, Path], params: dict[str, Any]) -> None:
    """Have a worker run a job's stage, and take what the attempt made that came back.

    An executor may run a job twice where it has lost a worker. Each attempt writes in a folder of its own inside the
    workplace, so that one that is late, or was stopped and wakes, cannot write into what was taken of another.
    """
    folder = next(iter(work.values())).parent
    code = code_of(job)
    order = {
        "stage": job.stage,
        "inputs": {role: [os.path.abspath(path), *stamp(path)] for role, path in sorted(job.inputs.items())},
        "folder": os.path.abspath(folder),
        "outputs": {role: path.name for role, path in work.items()},
        "params": params,
        "code": sorted(code),
        "deciding": sources.deciding(code),
    }
    made = tree.submit(attempt, json.dumps(order))
    if isinstance(made, Exception):
        raise made
    for path in work.values():
        os.replace(folder / made / path.name, path)


def _identity(path: str | Path) -> tuple[int, int]:
    """Return what two names of one file have in common."""
    status = os.stat(path)
    return status.st_dev, status.st_ino
