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
import threading
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from stemtasks import progress, sources, stages
from stemtasks.cache import Restored, Store
from stemtasks.digests import Ahead, Digest, Digests, read_digest
from stemtasks.errors import AudioError, StemtasksError, VerificationError, WorkerError
from stemtasks.executors import attempt
from stemtasks.records import Records
from stemtasks.settings import Settings
from stemtasks.sharing import protect
from stemtasks.summary import summarise

if TYPE_CHECKING:
    from stemtasks.shared import Shared


Source = Literal["", "local", "shared"]


@dataclass(frozen=True)
class Job:
    """What one task is to make, as plain data.

    ``inputs`` and ``outputs`` are paths by role, ``modules`` the code that decides the output,
    ``where`` the place in the spec that a user would look at.
    """

    task: str
    stage: str
    inputs: dict[str, str]
    outputs: dict[str, str]
    params: dict[str, Any]
    limits: dict[str, Any] = field(default_factory=dict)
    modules: frozenset[str] = frozenset()
    where: str = ""


How = Literal["ran", "restored", "verified", "audited"]


@dataclass(frozen=True)
class Outcome:
    """How a task came out, for the report: what it measures, the store it was restored from, the seconds that saved."""

    how: How
    summary: str
    seconds: float
    source: Source = ""
    saved: float = 0.0


class Tree:
    """What a tree of outputs is built with: its records, its digests, its store, and where work runs.

    Jobs run in the calling thread, or where an executor that ``executor()`` returns takes them. Each thread
    has its own, begun with the first job, so that a worker that dies ends no other thread's job.
    """

    def __init__(
        self, state: Path, executor: Callable[[], Executor] | None = None, settings: Settings | None = None
    ) -> None:
        self.state = state
        self.executor = executor
        self.settings = settings or Settings()
        self._threads = threading.local()
        self._executors: list[Executor] = []

    def submit(self, *call: Any) -> Any:
        """Return what a call returns where jobs run; ``WorkerError`` if it is lost, and the next has a new worker."""
        assert self.executor is not None
        try:
            if getattr(self._threads, "executor", None) is None:
                self._threads.executor = self.executor()
                self._executors.append(self._threads.executor)
            return self._threads.executor.submit(*call).result()
        except Exception as error:
            self._threads.executor = None
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
            raise WorkerError(f"what ran it was lost ({reason}); run doit again") from None

    @cached_property
    def records(self) -> Records:
        """Open the records, on first use, and remove what killed builds left half-made."""
        _ = self.shared  # here, where there is one thread: it must not be opened twice
        records = Records(self.state)
        sweep(self.state / "work")
        self.store.sweep()
        return records

    @cached_property
    def digests(self) -> Digests:
        """Return the digests that the records keep."""
        return Digests(self.records)

    @cached_property
    def store(self) -> Store:
        """Open the local store: beside the records, or where the settings say."""
        folder = self.settings.cache.local_folder
        return Store(Path(folder).expanduser() if folder else self.state / "store")

    @cached_property
    def shared(self) -> Shared | None:
        """Open the shared store, if the settings name one; nothing is imported or asked for where they do not."""
        if not self.settings.cache.shared:
            return None
        from stemtasks.shared import Shared  # noqa: PLC0415

        return Shared(self.settings)

    def restore(self, key: str, work: dict[str, Path]) -> tuple[Restored | None, Source]:
        """Put a key's outputs in place from the local store, else from the shared one by way of it."""
        found = self.store.restore(key, work)
        if found is not None:
            return found, "local"
        if self.shared is None or not self.shared.pull(key, self.store, frozenset(work)):
            return None, ""
        for file in work.values():
            file.unlink(missing_ok=True)
        found = self.store.restore(key, work)
        return found, "shared" if found else ""

    def finish(self) -> list[str]:
        """End a build: its executors, its uploads, the store's growth; return what a person should know."""
        while self._executors:  # one after another: Python ends many at once with a race
            self._executors.pop().shutdown()
        said: list[str] = []
        if self.shared is not None:
            said = self.shared.finish()
        if self.store.refused:
            said.append(
                f"WARNING: local store {self.store.folder}: {self.store.refused}; what was built is right, "
                "but not all of it is kept to be restored"
            )
        if self.store.added:
            from stemtasks.upkeep import settle  # noqa: PLC0415 - not in a build with nothing to do

            settle(self.store, self.settings.cache.max_gb, self.records.keys())
        return said


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def input_digests(job: Job, tree: Tree) -> dict[str, Digest]:
    """Return the digest of every input; raises ``AudioError`` naming one that is missing."""
    digests = {}
    for role, path in job.inputs.items():
        digest = tree.digests.of(path)
        if digest is None:
            what = "is not a file" if os.path.lexists(path) else "no such file"
            raise AudioError(f"{path}: {what}; correct the path or put the file there")
        digests[role] = digest
    return digests


def content_of(job: Job, inputs: dict[str, Digest]) -> dict[str, Any]:
    """Return what a key is made of: the stage, its parameters, its inputs' contents, and a digest of the code."""
    return {
        "stage": job.stage,
        "params": job.params,
        "inputs": {role: digest.sha256 for role, digest in inputs.items()},
        "outputs": sorted(job.outputs),
        "sources": sources.digest(job.modules),
    }


def key_of(job: Job, inputs: dict[str, Digest]) -> str:
    """Return sha256 over what decides a job's output."""
    return hashlib.sha256(_canonical(content_of(job, inputs)).encode()).hexdigest()


def limits_digest(job: Job) -> str:
    """Return a digest of the limits that a job's output is held to."""
    return hashlib.sha256(_canonical(job.limits).encode()).hexdigest()


def up_to_date(job: Job, tree: Tree) -> bool:
    """Return whether the record holds this key, these limits, and the digests of the files that are there."""
    record = tree.records.get("tasks", job.task)
    if not isinstance(record, dict) or record.get("limits") != limits_digest(job):
        return False
    try:
        return record.get("key") == key_of(job, input_digests(job, tree)) and intact(job, tree, record)
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
    inputs = input_digests(job, tree)
    key, limits = key_of(job, inputs), limits_digest(job)
    record = tree.records.get("tasks", job.task)
    how: How
    source: Source
    if not forced and record and record.get("key") == key and intact(job, tree, record):
        tree.records.drop("tasks", job.task)
        _verify(job, {role: Path(path) for role, path in job.outputs.items()})
        content = {**record.get("content", {}), "limits": job.limits}
        tree.records.put("tasks", job.task, {**record, "limits": limits, "content": content})
        return Outcome("verified", record["summary"], time.perf_counter() - started, saved=record["seconds"])

    tree.records.drop("tasks", job.task)
    discard(tree, record, keep=job.outputs.values())
    for target in map(Path, job.outputs.values()):
        target.unlink(missing_ok=True)
    with _working(job, tree) as work:
        found, source = (None, "") if forced else tree.restore(key, work)
        if found is not None:
            entry, made = found
            how, summary, cost = "restored", entry["summary"], entry["seconds"]
            passed = entry["limits"] == limits
            if audited:
                _compare(job, tree, work, on_frames, inputs)
                how = "audited"
        else:
            how, passed = "ran", False
            for file in work.values():
                # what a broken restore left may be a hard link: writing to it would write to the store
                file.unlink(missing_ok=True)
            made = _run(job, tree, work, on_frames, inputs)
            summary, cost = summarise(job.stage, _facts(work)), round(time.perf_counter() - started, 3)
        if not passed:
            _verify(job, work)
        _check_unchanged(job, tree, inputs)
        extra = {"limits": limits, "summary": summary, "seconds": cost}
        for file in work.values():
            protect(file)
        if not passed:
            tree.store.keep(key, {role: (file, made[role]) for role, file in work.items()}, extra)
        _publish(job, tree, work, made)
    outputs = {role: list(digest) for role, digest in made.items()}
    content = {**content_of(job, inputs), "limits": job.limits}
    if tree.records.get("sources", content["sources"]) is None:
        tree.records.put("sources", content["sources"], sources.deciding(job.modules))
    record = {"key": key, "outputs": outputs, "paths": job.outputs, "content": content, **extra}
    tree.records.put("tasks", job.task, record)
    if how == "ran" and tree.shared is not None:
        tree.shared.push(key, tree.store)
    seconds = time.perf_counter() - started
    return Outcome(how, summary, seconds, source, max(0.0, cost - seconds) if how == "restored" else 0.0)


def audit(job: Job, tree: Tree, on_frames: Callable[[int], None] | None = None) -> Outcome:
    """Make once more what is up to date, and compare; raises ``VerificationError`` naming the first difference."""
    started = time.perf_counter()
    kept = {role: Path(path) for role, path in job.outputs.items()}
    _compare(job, tree, kept, on_frames, input_digests(job, tree))
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
    params = json.loads(_canonical({**job.params, "sha256": sha256}))
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


def sweep(folder: Path) -> None:
    """Remove everything that begins with the number of a process that is no more, as far as that is allowed."""
    with contextlib.suppress(OSError):
        for path in list(folder.iterdir()):
            if not _runs(path.name.partition("-")[0]):
                shutil.rmtree(path, ignore_errors=True)
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)


def _runs(number: str) -> bool:
    """Return whether another process of that number runs; in a container each build may have the same one."""
    if os.name == "nt":
        return True  # where asking with signal 0 would end it
    try:
        process = int(number)
        if process == os.getpid():
            return False
        os.kill(process, 0)
    except (ValueError, OverflowError, ProcessLookupError):
        return False
    except PermissionError:
        pass
    return True


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
