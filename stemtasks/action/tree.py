"""A tree of outputs, and what it is built with."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from stemtasks import sources
from stemtasks.action.digests import Digests
from stemtasks.action.records import Records
from stemtasks.cache.settings import Settings
from stemtasks.cache.store import Restored, Store
from stemtasks.errors import CacheError, WorkerError
from stemtasks.paths import BUILD, DRAFTS, STATE, STATE_OF_DRAFTS

if TYPE_CHECKING:
    from stemtasks.cache.shared import Shared

FOUND = "found"
"""The row of what was found in the sources, beside a row a digest of them."""
QUOTED_CHARACTERS = 200

StoreName = Literal["", "local", "shared"]


class Tree:
    """What a tree of outputs is built with: its records, its digests, its stores, and where work runs.

    Making one opens its records, and removes what killed builds left half-made; a build takes the lock first. One that
    is not to be written to is as it is on the disk: what is learnt of it is kept in memory alone.
    Jobs run in the calling thread, or where an executor that ``executor()`` returns takes them. Each thread
    has its own, begun with the first job, so that a worker that dies ends no other thread's job.
    """

    def __init__(
        self,
        state: Path,
        executor: Callable[[], Executor] | None = None,
        settings: Settings | None = None,
        *,
        writes: bool = True,
    ) -> None:
        self.state = state
        self.folder = DRAFTS if state == STATE_OF_DRAFTS else BUILD
        """Where its products lie."""
        self.executor = executor
        self.settings = settings or Settings()
        self.store = local_store(state, self.settings)
        self.shared = shared_store(self.settings, writes=writes)
        self.records = Records(state, writes=writes)
        self.digests = Digests(self.records)
        sources.recall(self.records.get("sources", FOUND))
        self.targets: frozenset[str] = frozenset()
        """The files of all tasks that there are: no record may remove one."""
        self._threads = threading.local()
        self._lock = threading.Lock()
        self._keys: dict[str, threading.Lock] = {}
        self._executors: list[Executor] = []
        self.beginning = threading.RLock()
        """Held while a job's workplace or a worker begins, by who stops the build too; a signal may come meanwhile."""
        if writes:
            sweep(state / "work")
            self.store.sweep()

    def submit(self, *call: Any) -> Any:
        """Return what a call returns where jobs run; ``WorkerError`` if it is lost, and the next has a new worker."""
        if getattr(self._threads, "executor", None) is None:
            self._threads.executor = self._begun()
        try:
            return self._threads.executor.submit(*call).result()
        except Exception as error:
            self._threads.executor = None
            raise WorkerError(f"what ran it was lost ({_said(error)}); run doit again") from None

    def _begun(self) -> Executor:
        """Return a new executor; threads ask one after another, so that they can share a connection."""
        assert self.executor is not None
        with self.beginning:
            try:
                self._executors.append(self.executor())
            except Exception as error:
                raise WorkerError(
                    f"where jobs run cannot be reached ({_said(error)}); start it, or change run_in(...) in dodo.py"
                ) from None
            return self._executors[-1]

    @contextlib.contextmanager
    def alone(self, key: str) -> Iterator[None]:
        """Let equal tasks of two songs come one after another: the store has for the second what the first made."""
        with self._lock:
            lock = self._keys.setdefault(key, threading.Lock())
        with lock:
            yield

    def restore(self, key: str, work: dict[str, Path]) -> tuple[Restored | None, StoreName]:
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

    def keys_in_use(self) -> set[str]:
        """Return the keys of all records that rest on the store: where drafts share it, both trees'."""
        other = {STATE: STATE_OF_DRAFTS, STATE_OF_DRAFTS: STATE}.get(self.state)
        if other is None or not self.settings.cache.local_folder or not other.is_dir():
            return self.records.keys()
        with contextlib.suppress(CacheError):
            return self.records.keys() | Records(other, writes=False).keys()
        return self.records.keys()

    def finish(self) -> list[str]:
        """End a build: its executors, its uploads, the store's growth; return what a person should know."""
        while self._executors:  # one after another: Python ends many at once with a race
            self._executors.pop().shutdown()
        if found := sources.learnt():
            with contextlib.suppress(CacheError):  # the next run finds it again
                self.records.put("sources", FOUND, found)
        said: list[str] = []
        if self.shared is not None:
            said = self.shared.finish()
        if self.store.refused:
            said.append(
                f"WARNING: local store {self.store.folder}: {self.store.refused}; what was built is right, "
                "but not all of it is kept to be restored"
            )
        if self.store.added:
            from stemtasks.cache.collect import settle  # noqa: PLC0415 - not in a build with nothing to do

            settle(self.store, self.settings.cache.max_gb, self.keys_in_use())
        self.records.settle()
        return said


def local_store(state: Path, settings: Settings) -> Store:
    """Return the local store: beside the records, or where the settings say."""
    folder = settings.cache.local_folder
    return Store(Path(folder).expanduser() if folder else state / "store")


def shared_store(settings: Settings, *, writes: bool = True) -> Shared | None:
    """Return the shared store, if the settings name one; nothing is imported or asked for where they do not."""
    if not settings.cache.shared:
        return None
    from stemtasks.cache.shared import Shared  # noqa: PLC0415

    return Shared(settings if writes else replace(settings, cache=replace(settings.cache, mode="read")))


def _said(error: Exception) -> str:
    """Return an error in one line."""
    text = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
    return text if len(text) <= QUOTED_CHARACTERS else f"{text[:QUOTED_CHARACTERS]}…"


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
