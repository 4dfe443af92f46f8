"""One action: key -> up to date | restore | run the stage, verify, publish, record.

What must hold is in this file's order: the record is dropped before anything is touched, a file is verified and on
the disk before it has its name, and the record is written after it has, on the disk too.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from stemtasks import durable, plugins, sources
from stemtasks.action.keys import code_of, content_of, input_digests, key_of, limits_digest
from stemtasks.action.leftovers import discard_unchanged, make_room, rejected_path
from stemtasks.action.tree import StoreName, Tree
from stemtasks.action.workplace import OnFrames, run_job, working
from stemtasks.cache.digest import Digest, read_digest, signature
from stemtasks.errors import AudioError, StemtasksError, VerificationError
from stemtasks.job import Job
from stemtasks.links import protect
from stemtasks.paths import BUILD
from stemtasks.spec import parts

How = Literal["ran", "restored", "verified", "audited"]


@dataclass(frozen=True)
class Outcome:
    """How a task came out, for the report: what it measures, the store it was restored from, the seconds that saved."""

    how: How
    summary: str
    seconds: float
    store: StoreName = ""
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
    job: Job, tree: Tree, *, forced: bool = False, audited: bool = False, on_frames: OnFrames | None = None
) -> Outcome:
    """Make a task's outputs right: verify anew, restore or run, then publish and record them.

    ``forced`` runs the stage whatever is known; ``audited`` makes what is restored once more and compares.
    Raises ``StemtasksError`` for a user's mistake; no output has its name then.
    """
    started = time.perf_counter()
    action = _Action(job, tree, on_frames)
    record = tree.records.get("tasks", job.task)
    if not forced and isinstance(record, dict) and record.get("key") == action.key and intact(job, tree, record):
        action.verify_anew(record)
        return Outcome("verified", record["summary"], time.perf_counter() - started, saved=record["seconds"])

    tree.records.drop("tasks", job.task, durably=True)
    discard_unchanged(tree, record, job.outputs.values())
    for target in map(Path, job.outputs.values()):
        make_room(target)
    with tree.alone(action.key), working(job, tree) as work:
        made = None if forced else action.restored(work)
        if made is None:
            made = action.rendered(work)
        elif audited:
            action.compare(work)
            made.how = "audited"
        if not made.passed:
            _verify(job, work)
        action.check_inputs_are_the_same()
        for file in work.values():
            protect(file)
            durable.sync(file)
        extra = {"limits": action.limits, "summary": made.summary, "seconds": made.seconds}
        if not made.passed:
            tree.store.keep(action.key, {role: (file, made.digests[role]) for role, file in work.items()}, extra)
        _publish(job, tree, work, made.digests)
    action.record({role: list(digest) for role, digest in made.digests.items()}, extra)
    if made.how == "ran" and tree.shared is not None:
        tree.shared.push(action.key, tree.store)
    seconds = time.perf_counter() - started
    saved = max(0.0, made.seconds - seconds) if made.how == "restored" else 0.0
    return Outcome(made.how, made.summary, seconds, made.store, saved)


def audit(job: Job, tree: Tree, *, on_frames: OnFrames | None = None) -> Outcome:
    """Make once more what is up to date, and compare; raises ``VerificationError`` naming the first difference."""
    started = time.perf_counter()
    _Action(job, tree, on_frames).compare({role: Path(path) for role, path in job.outputs.items()})
    return Outcome("audited", tree.records.get("tasks", job.task)["summary"], time.perf_counter() - started)


@dataclass
class _Made:
    """Outputs in a job's workplace: how they came there, what they are, what making them took, what they passed."""

    how: How
    digests: dict[str, Digest]
    summary: str
    seconds: float
    passed: bool = False
    store: StoreName = ""


class _Action:
    """A job at work: what its inputs hold is asked once, when it begins, and is what its key and its record say."""

    def __init__(self, job: Job, tree: Tree, on_frames: OnFrames | None) -> None:
        self.job, self.tree, self.on_frames = job, tree, on_frames
        self.stamps = {path: signature(path) for path in job.inputs.values()}
        self.inputs = input_digests(job, tree.digests)
        self.key, self.limits = key_of(job, self.inputs), limits_digest(job)

    def restored(self, work: dict[str, Path]) -> _Made | None:
        """Take the key's outputs from a store, if one has them."""
        found, store = self.tree.restore(self.key, work)
        if found is None:
            return None
        entry, digests = found
        passed = entry["limits"] == self.limits
        return _Made("restored", digests, entry["summary"], entry["seconds"], passed, store)

    def rendered(self, work: dict[str, Path]) -> _Made:
        """Run the stage in an empty workplace."""
        started = time.perf_counter()
        for file in work.values():
            # what a broken restore left may be a hard link: writing to it would write to the store
            file.unlink(missing_ok=True)
        digests = run_job(self.job, self.tree, work, self.inputs, self.on_frames)
        summary = plugins.load(parts.stage(self.job.stage, "summary"))(_facts(work))
        return _Made("ran", digests, summary, round(time.perf_counter() - started, 3))

    def compare(self, kept: dict[str, Path]) -> None:
        """Run the stage once more and compare with what is kept."""
        with working(self.job, self.tree) as work:
            made = run_job(self.job, self.tree, work, self.inputs, self.on_frames)
            for role, file in work.items():
                if made[role] != read_digest(kept[role]):
                    where = plugins.load("stemtasks.audio.compare:first_difference")(file, kept[role])
                    self.tree.records.drop("tasks", self.job.task)
                    task = self.job.task
                    shared = f", then 'stemtasks cache replace {task}' sends it" if self.tree.shared else ""
                    raise VerificationError(
                        f"{self.job.outputs[role]}: made once more it differs, first {where}: what was kept is not "
                        f"what the stage makes, or that changes; 'doit -s -a {task}' makes it anew{shared}"
                    )

    def check_inputs_are_the_same(self) -> None:
        """Refuse what was made of inputs that are no longer what the key says, or were something else for a while.

        The stamps tell that. A product's ctime changes with its count of links too, which the stores add to, so of a
        product size, mtime and inode count; nobody else writes to it while the lock is held.
        """
        for role, path in self.job.inputs.items():
            before, after = self.stamps[path], signature(path)
            if before is not None and after is not None and Path(path).parts[:1] == BUILD.parts:
                changed = before._replace(ctime_ns=after.ctime_ns) != after
            else:
                changed = before != after or self.tree.digests.of(path) != self.inputs[role]
            if changed:
                raise AudioError(f"{path}: changed while it was being read; run doit again")

    def verify_anew(self, record: dict[str, Any]) -> None:
        """Hold what is there against limits that have changed."""
        self.tree.records.drop("tasks", self.job.task)
        _verify(self.job, {role: Path(path) for role, path in self.job.outputs.items()})
        content = {**record.get("content", {}), "limits": self.job.limits}
        self.tree.records.put("tasks", self.job.task, {**record, "limits": self.limits, "content": content})

    def record(self, outputs: dict[str, list[Any]], extra: dict[str, Any]) -> None:
        """Write down what the outputs are and what they were made of."""
        content = {**content_of(self.job, self.inputs), "limits": self.job.limits}
        records = self.tree.records
        if records.get("sources", content["sources"]) is None:
            records.put("sources", content["sources"], sources.deciding(code_of(self.job)))
        made = {"key": self.key, "outputs": outputs, **extra}
        records.put("tasks", self.job.task, {**made, "paths": self.job.outputs, "content": content})


def _publish(job: Job, tree: Tree, work: dict[str, Path], made: dict[str, Digest]) -> None:
    """Give verified files their names, for good."""
    for role, file in work.items():
        target = Path(job.outputs[role])
        target.parent.mkdir(parents=True, exist_ok=True)
        tree.digests.publish(file, job.outputs[role], made[role])
        rejected_path(target).unlink(missing_ok=True)
    for folder in {Path(path).parent for path in job.outputs.values()}:
        durable.sync(folder)


def _facts(outputs: dict[str, Path]) -> dict[str, Any]:
    """Return the measurements that stand beside an output."""
    facts: dict[str, Any] = json.loads(outputs["facts"].read_bytes())
    return facts


def _verify(job: Job, outputs: dict[str, Path]) -> None:
    """Hold measurements against limits; a file that fails is kept aside for listening, never under its name."""
    failures = plugins.load(parts.stage(job.stage, "verify"))(_facts(outputs), job.limits)
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


def located(job: Job, error: StemtasksError) -> str:
    """Return the line for a user's mistake: where in the spec, and what."""
    return f"{job.where}: {error}"
