"""Where a job writes before its outputs have their names, and running its stage there."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from stemtasks import progress
from stemtasks.action.tree import Tree
from stemtasks.action.workers import attempt, run_stage
from stemtasks.cache.digest import Ahead, Digest
from stemtasks.job import Job, canonical

OnFrames = Callable[[int], None]
"""Told how many frames a job has written so far."""


def workplace(job: Job, tree: Tree) -> Path:
    """Return the folder in which a job of this process writes, on the disk of its outputs."""
    return tree.state / "work" / f"{os.getpid()}-{hashlib.sha256(job.task.encode()).hexdigest()[:12]}"


@contextlib.contextmanager
def working(job: Job, tree: Tree, part: str = "") -> Iterator[dict[str, Path]]:
    """Give each output a path in the job's workplace, or in one beside it, and remove the folder after."""
    folder = workplace(job, tree)
    folder = folder.with_name(folder.name + part)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield {role: folder / f"{role}{Path(path).suffix}" for role, path in job.outputs.items()}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run_job(
    job: Job, tree: Tree, work: dict[str, Path], inputs: dict[str, Digest], on_frames: OnFrames | None
) -> dict[str, Digest]:
    """Run a job's stage here, or hand it to the tree's executor, and return the digests of what it made.

    Its parameters have the inputs' digests added, so that no stage need hash what it reads, and the references of the
    parts that it calls; both are in the key. An executor gets paths that hold in any folder.
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
            read = {role: Path(path).absolute() for role, path in sorted(job.inputs.items())}
            written = {role: path.absolute() for role, path in work.items()}
            error = tree.submit(attempt, job.stage, read, written, params)
            if error is not None:
                raise error
        known = {_identity(job.inputs[role]): digest for role, digest in inputs.items()}
        return {role: known.get(_identity(path)) or ahead.digest(path) for role, path in work.items()}


def _identity(path: str | Path) -> tuple[int, int]:
    """Return what two names of one file have in common."""
    status = os.stat(path)
    return status.st_dev, status.st_ino
