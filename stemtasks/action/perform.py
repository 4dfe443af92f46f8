"""One action: key -> up to date | restore | run the stage, verify, publish, record.

What must hold is in this file's order: the record is dropped before anything is touched, a file is
verified before it has its name, and the record is written after it has.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from stemtasks import progress, sources, stages
from stemtasks.action.keys import Job, canonical, content_of, input_digests, key_of, limits_digest
from stemtasks.action.tree import Source, Tree
from stemtasks.action.workers import attempt
from stemtasks.cache.digest import Ahead, Digest, read_digest
from stemtasks.errors import AudioError, StemtasksError, VerificationError
from stemtasks.links import protect
from stemtasks.summary import summarise

How = Literal["ran", "restored", "verified", "audited"]


@dataclass(frozen=True)
class Outcome:
    """How a task came out, for the report: what it measures, the store it was restored from, the seconds that saved."""

    how: How
    summary: str
    seconds: float
    source: Source = ""
    saved: float = 0.0


def up_to_date(job: Job, tree: Tree) -> bool:
    """Return whether the record holds this key, these limits, and the digests of the files that are there."""
    record = tree.records.get("tasks", job.task)
    if not isinstance(record, dict) or record.get("limits") != limits_digest(job):
        return False
    try:
        return record.get("key") == key_of(job, input_digests(job, tree.digests)) and intact(job, tree, record)
    except StemtasksError:  # the action will say it
        return False


def intact(job: Job, tree: Tree, record: dict[str, Any]) -> bool:
    """Return whether every output on disk is the one that was recorded."""
    recorded = record.get("outputs")
    if not isinstance(recorded, dict) or recorded.keys() != job.outputs.keys():
        return False
    try:
        found = {role: tree.digests.of(path) for role, path in job.outputs.items()}
    except StemtasksError:
        return False
    return all(digest is not None and list(digest) == recorded[role] for role, digest in found.items())


def perform(
    job: Job, tree: Tree, forced: bool = False, on_frames: Callable[[int], None] | None = None, audited: bool = False
) -> Outcome:
    """Make a task's outputs right: verify anew, restore or run, then publish and record them.

    ``forced`` runs the stage whatever is known; ``audited`` makes what is restored once more and compares.
    Raises ``StemtasksError`` for a user's mistake; no output has its name then.
    """
    started = time.perf_counter()
    inputs = input_digests(job, tree.digests)
    key, limits = key_of(job, inputs), limits_digest(job)
    record = tree.records.get("tasks", job.task)
    if not forced and record and record.get("key") == key and intact(job, tree, record):
        _verify_anew(job, tree, record, limits)
        return Outcome("verified", record["summary"], time.perf_counter() - started, saved=record["seconds"])

    tree.records.drop("tasks", job.task)
    discard(tree, record, keep=job.outputs.values())
    for target in map(Path, job.outputs.values()):
        target.unlink(missing_ok=True)
    with _working(job, tree) as work:
        made = None if forced else _restored(tree, key, limits, work)
        if made is None:
            made = _rendered(job, tree, work, on_frames, inputs)
        elif audited:
            _compare(job, tree, work, on_frames, inputs)
            made.how = "audited"
        if not made.passed:
            _verify(job, work)
        _check_unchanged(job, tree, inputs)
        extra = {"limits": limits, "summary": made.summary, "seconds": made.seconds}
        for file in work.values():
            protect(file)
        if not made.passed:
            tree.store.keep(key, {role: (file, made.digests[role]) for role, file in work.items()}, extra)
        _publish(job, tree, work, made.digests)
    outputs = {role: list(digest) for role, digest in made.digests.items()}
    _record(job, tree, inputs, {"key": key, "outputs": outputs, **extra})
    if made.how == "ran" and tree.shared is not None:
        tree.shared.push(key, tree.store)
    seconds = time.perf_counter() - started
    saved = max(0.0, made.seconds - seconds) if made.how == "restored" else 0.0
    return Outcome(made.how, made.summary, seconds, made.source, saved)


@dataclass
class _Made:
    """Outputs in a job's workplace: how they came there, what they are, what making them took, what they passed."""

    how: How
    digests: dict[str, Digest]
    summary: str
    seconds: float
    passed: bool = False
    source: Source = ""


def _restored(tree: Tree, key: str, limits: str, work: dict[str, Path]) -> _Made | None:
    """Take a key's outputs from a store, if one has them."""
    found, source = tree.restore(key, work)
    if found is None:
        return None
    entry, digests = found
    return _Made("restored", digests, entry["summary"], entry["seconds"], entry["limits"] == limits, source)


def _rendered(
    job: Job,
    tree: Tree,
    work: dict[str, Path],
    on_frames: Callable[[int], None] | None,
    inputs: dict[str, Digest],
) -> _Made:
    """Run the stage in an empty workplace."""
    started = time.perf_counter()
    for file in work.values():
        # what a broken restore left may be a hard link: writing to it would write to the store
        file.unlink(missing_ok=True)
    digests = _run(job, tree, work, on_frames, inputs)
    return _Made("ran", digests, summarise(job.stage, _facts(work)), round(time.perf_counter() - started, 3))


def _verify_anew(job: Job, tree: Tree, record: dict[str, Any], limits: str) -> None:
    """Hold what is there against limits that have changed."""
    tree.records.drop("tasks", job.task)
    _verify(job, {role: Path(path) for role, path in job.outputs.items()})
    content = {**record.get("content", {}), "limits": job.limits}
    tree.records.put("tasks", job.task, {**record, "limits": limits, "content": content})


def _record(job: Job, tree: Tree, inputs: dict[str, Digest], made: dict[str, Any]) -> None:
    """Write down what a task's outputs are and what they were made of."""
    content = {**content_of(job, inputs), "limits": job.limits}
    if tree.records.get("sources", content["sources"]) is None:
        tree.records.put("sources", content["sources"], sources.deciding(job.modules))
    tree.records.put("tasks", job.task, {**made, "paths": job.outputs, "content": content})


def audit(job: Job, tree: Tree, on_frames: Callable[[int], None] | None = None) -> Outcome:
    """Make once more what is up to date, and compare; raises ``VerificationError`` naming the first difference."""
    started = time.perf_counter()
    kept = {role: Path(path) for role, path in job.outputs.items()}
    _compare(job, tree, kept, on_frames, input_digests(job, tree.digests))
    return Outcome("audited", tree.records.get("tasks", job.task)["summary"], time.perf_counter() - started)


def _compare(
    job: Job,
    tree: Tree,
    kept: dict[str, Path],
    on_frames: Callable[[int], None] | None,
    inputs: dict[str, Digest],
) -> None:
    with _working(job, tree, "-audit") as work:
        made = _run(job, tree, work, on_frames, inputs)
        for role, file in work.items():
            if made[role] != read_digest(kept[role]):
                where = stages.first_difference(file, kept[role])
                tree.records.drop("tasks", job.task)
                raise VerificationError(
                    f"{job.outputs[role]}: made once more it differs, first {where}: what was kept is not what the "
                    f"stage makes, or that changes; 'stemtasks cache replace {job.task}' forgets what was kept"
                )


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


def _check_unchanged(job: Job, tree: Tree, inputs: dict[str, Digest]) -> None:
    """Refuse what was made of inputs that are no longer what the key says."""
    for role, path in job.inputs.items():
        if tree.digests.of(path) != inputs[role]:
            raise AudioError(f"{path}: changed while it was being read; run doit again")


def _publish(job: Job, tree: Tree, work: dict[str, Path], made: dict[str, Digest]) -> None:
    """Give verified files their names."""
    for role, file in work.items():
        target = Path(job.outputs[role])
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(file, target)
        rejected_path(target).unlink(missing_ok=True)
        tree.digests.publish(job.outputs[role], made[role])


def _run(
    job: Job,
    tree: Tree,
    work: dict[str, Path],
    on_frames: Callable[[int], None] | None,
    digests: dict[str, Digest],
) -> dict[str, Digest]:
    """Run the stage here, or hand it to the executor with paths that hold in any folder; return what it made.

    Its parameters have the inputs' digests added, which are in the key too: no stage need hash what it reads.
    """
    sha256 = {role: digest.sha256 for role, digest in digests.items()}
    params = json.loads(canonical({**job.params, "sha256": sha256}))
    with Ahead() as ahead:
        if tree.executor is None:
            tokens = progress.on_frames.set(on_frames), progress.on_final.set(ahead.final)
            try:
                stages.run(job.stage, {role: Path(path) for role, path in sorted(job.inputs.items())}, work, params)
            finally:
                progress.on_frames.reset(tokens[0])
                progress.on_final.reset(tokens[1])
        else:
            inputs = {role: Path(path).absolute() for role, path in sorted(job.inputs.items())}
            outputs = {role: path.absolute() for role, path in work.items()}
            error = tree.submit(attempt, job.stage, inputs, outputs, params)
            if error is not None:
                raise error
        known = {_identity(job.inputs[role]): digest for role, digest in digests.items()}
        return {role: known.get(_identity(path)) or ahead.digest(path) for role, path in work.items()}


def _identity(path: str | Path) -> tuple[int, int]:
    """Return what two names of one file have in common."""
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _facts(outputs: dict[str, Path]) -> dict[str, Any]:
    """Return the measurements that stand beside an output, if the stage makes any."""
    path = outputs.get("facts")
    return json.loads(path.read_bytes()) if path else {}


def _verify(job: Job, outputs: dict[str, Path]) -> None:
    """Hold measurements against limits; a file that fails is kept aside for listening, never under its name."""
    failures = stages.verify(job.stage, _facts(outputs), job.limits)
    if not failures:
        return
    kept = ""
    for role, path in outputs.items():
        if role == "audio":
            aside = rejected_path(Path(job.outputs[role]))
            aside.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, aside)
            kept = f" (kept for listening: {aside})"
        else:
            path.unlink(missing_ok=True)
    raise VerificationError(f"{'; '.join(failures)}{kept}")


def rejected_path(target: Path) -> Path:
    """Return where a file that failed its verification is kept: ``bass.rejected.wav``."""
    return target.with_name(f"{target.stem}.rejected{target.suffix}")


def workplace(job: Job, tree: Tree) -> Path:
    """Return the folder in which a job of this process writes, on the disk of its outputs."""
    return tree.state / "work" / f"{os.getpid()}-{hashlib.sha256(job.task.encode()).hexdigest()[:12]}"


@contextlib.contextmanager
def _working(job: Job, tree: Tree, part: str = "") -> Iterator[dict[str, Path]]:
    """Give each output a path in the job's workplace, or in one beside it, and remove the folder after."""
    folder = workplace(job, tree)
    folder = folder.with_name(folder.name + part)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield {role: folder / f"{role}{Path(path).suffix}" for role, path in job.outputs.items()}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def located(job: Job, error: StemtasksError) -> str:
    """Return the line for a user's mistake: where in the spec, and what."""
    return f"{job.where}: {error}"
