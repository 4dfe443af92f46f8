"""The shared store: what other machines made, by way of the local store, and what this one made, for them.

    entries/<2>/<key>.json  what an action of that key made, signed if there is a secret
    blobs/<2>/<sha256>      an output's bytes

Nothing here raises. What is slow, down, full, forbidden or lying is a miss: bytes are hashed while they come in and
get their name only if they are what the entry says, and the entry is kept only when all of them are. After
``FAILURES`` a direction is switched off for the rest of the run. Uploads run beside the build.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

import xxhash

from stemtasks.cache import signing
from stemtasks.cache.digest import Digest, read_digest
from stemtasks.cache.remote import Missing, Refused, Remote, Unreachable, remote_of
from stemtasks.cache.settings import Settings
from stemtasks.cache.store import Store
from stemtasks.links import READ_ONLY

THREADS = 4
FAILURES = 3
TOLERATED = 0.1
"""A direction with more failures than this share of its requests is switched off; a single lost request is not it."""
SLOWEST_BYTES_PER_SECOND = 500_000
OVERDUE_SECONDS = 0.2
"""How often a build that waits for its uploads looks whether one hangs."""
Answer = TypeVar("Answer")


class Direction:
    """How reading, or writing, went so far."""

    def __init__(self) -> None:
        self.answered = 0
        self.failed = 0
        self.refused = False
        self.reason = ""
        self.off = False

    def failure(self, reason: str) -> None:
        """Take note of a request that came to nothing."""
        self.failed += 1
        self.reason = reason
        self.off = self.off or (self.failed >= FAILURES and self.failed >= TOLERATED * (self.answered + self.failed))


class Upload:
    """A key's way into the store, and whether all of it arrived."""

    def __init__(self, send: Callable[[], bool], patience: float) -> None:
        self._send = send
        self._patience = patience
        self._deadline = float("inf")
        self._arrived: Future[bool] = Future()

    def run(self) -> None:
        """Send it."""
        self._deadline = time.monotonic() + self._patience
        try:
            self._arrived.set_result(self._send())
        except BaseException as error:
            self._arrived.set_exception(error)

    def arrived(self, seconds: float = 0.0) -> bool | None:
        """Return whether all arrived, or None if that is not known in so many seconds."""
        try:
            return self._arrived.result(seconds)
        except TimeoutError:
            return None

    @property
    def overdue(self) -> bool:
        """Whether it has been on its way for longer than anybody should wait."""
        return not self._arrived.done() and time.monotonic() > self._deadline


class Shared:
    """A shared store as one run sees it."""

    def __init__(self, settings: Settings) -> None:
        self.address = settings.cache.shared
        self.writable = settings.cache.mode == "readwrite"
        self.reading, self.writing = Direction(), Direction()
        self._table = settings.cache
        self._secret = settings.signing_key
        self._reading_slots = threading.Semaphore(THREADS)
        self._writers: list[threading.Thread] = []
        self._waiting: SimpleQueue[Upload] = SimpleQueue()
        self._uploads: list[Upload] = []
        self._overdue = False
        self._bad: set[str] = set()
        self._untrusted = 0
        self._lock = threading.Lock()
        self._opened: Remote | None = None

    def pull(self, key: str, store: Store, roles: frozenset[str] | None = None) -> bool:
        """Bring a key's entry and blobs into the local store, and return whether all are there.

        The waiting is done here and the work in threads of the store, so that a signal is heard meanwhile.
        """
        entry = self._entry(key, roles)
        if entry is None:
            return False
        digests = {Digest(**digest) for digest in entry["outputs"].values()}
        coming = [
            self._ask(lambda digest=digest: self._download(digest, store), self._patience(digest.bytes))  # type: ignore[misc]
            for digest in digests
            if not store.blob_path(digest.sha256).exists()
        ]
        arrived = [wait() for wait in coming]
        if not all(arrived):
            # this run will make it, and then put it right
            self._bad.add(_entry_name(key))
            return False
        try:
            store.keep_entry(key, entry)
        except OSError:
            return False
        return True

    def offers(self, key: str, roles: frozenset[str]) -> dict[str, Any] | None:
        """Return a key's entry if all its blobs seem to be there; their bytes are not looked at."""
        entry = self._entry(key, roles)
        if entry is None:
            return None
        digests = {Digest(**digest) for digest in entry["outputs"].values()}
        names = {_blob_name(digest): digest.bytes for digest in digests}
        asked = {name: self._ask(lambda name=name: self._remote().size(name), self._patience()) for name in names}  # type: ignore[misc]
        return entry if all(wait() == names[name] for name, wait in asked.items()) else None

    def _entry(self, key: str, roles: frozenset[str] | None) -> dict[str, Any] | None:
        """Return a key's entry that can be trusted and has these roles, or None."""
        name = _entry_name(key)
        if self.reading.off:
            return None
        raw = self._ask(lambda: self._look_up(name), self._patience())()
        if raw is None:
            return None
        try:
            entry = signing.unpacked(key, raw, self._secret)
        except signing.Untrusted:
            entry = None
            self._untrusted += 1
        if entry is None or (roles is not None and entry["outputs"].keys() != roles):
            self._bad.add(name)
            return None
        return entry

    def push(self, key: str, store: Store, replace: bool = False) -> Upload | None:
        """Begin to send a key's entry and blobs; ``replace`` sends what is there already too."""
        entry = store.entry(key)
        if not self.writable or entry is None:
            return None
        size_bytes = sum(Digest(**output).bytes for output in entry["outputs"].values())
        upload = Upload(lambda: self._upload(key, entry, store, replace), self._patience(size_bytes))
        self._uploads.append(upload)
        self._waiting.put(upload)
        if len(self._writers) < THREADS:
            # one that hangs ends with the process
            self._writers.append(threading.Thread(target=self._write, name="shared-write", daemon=True))
            self._writers[-1].start()
        return upload

    def _write(self) -> None:
        while True:
            self._waiting.get().run()

    def arrived(self, upload: Upload) -> bool:
        """Wait for an upload, and return whether all of it arrived; the first that is overdue ends the writing."""
        while (arrived := upload.arrived(0.0 if self._overdue else OVERDUE_SECONDS)) is None:
            self._overdue = self._overdue or any(each.overdue for each in self._uploads)
            if self._overdue:
                self.writing.failure("it is too slow")
                self.writing.off = True
                return False
        return arrived

    def counted(self) -> tuple[int, int, int] | None:
        """Return how many blobs and entries the store holds and their bytes, or None if it does not say."""

        def count() -> tuple[int, int, int]:
            blobs, entries = (list(self._remote().listed(folder)) for folder in ("blobs", "entries"))
            return len(blobs), len(entries), sum(blobs) + sum(entries)

        return self._request(self.reading, count)

    def finish(self) -> list[str]:
        """Wait until all is sent, and return at most one line on what did not work."""
        missing = sum(not self.arrived(upload) for upload in self._uploads)
        sent, self._uploads = len(self._uploads), []
        phrases = []
        for direction, what in ((self.reading, "reading"), (self.writing, "writing")):
            if direction.off:
                phrases.append(f"{direction.reason}, so {what} is off for the rest of this run")
            elif direction.failed and not direction.answered:
                phrases.append(f"{direction.reason}, so {what} came to nothing")
        if self.writing.refused:
            phrases.append("it refuses writing, so it was only read")
        if self.reading.refused and not self.reading.answered:
            phrases.append("it refuses reading; check the credentials")
        if missing and not self.writing.refused:
            phrases.append(f"{missing} of {sent} tasks are not in it; 'stemtasks cache push' sends them")
        if self._untrusted:
            phrases.append(f"{self._untrusted} entries without the right signature were not used")
        return [f"WARNING: shared store {self.address}: {'; '.join(phrases)}"] if phrases else []

    def _remote(self) -> Remote:
        with self._lock:
            if self._opened is None:
                self._opened = remote_of(self._table)
            return self._opened

    def _patience(self, size_bytes: int = 0) -> float:
        """Return how long an answer of a size is waited for, in seconds."""
        return 2 * self._table.timeout_seconds + size_bytes / SLOWEST_BYTES_PER_SECOND

    def _ask(self, request: Callable[[], Answer], patience: float) -> Callable[[], Answer | None]:
        """Begin to read something, and return a function that waits for the answer, ``patience`` seconds at most.

        The deadline is kept by who waits: a store that sends a byte now and then, or a file system that hangs, may hold
        the request's own thread for ever, which then ends with the process.
        """
        answer: Future[Answer | None] = Future()
        deadline = time.monotonic() + patience

        def ask() -> None:
            with self._reading_slots:
                try:
                    answer.set_result(self._request(self.reading, request))
                except BaseException as error:
                    answer.set_exception(error)

        def wait() -> Answer | None:
            try:
                return answer.result(max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                self.reading.failure("it is too slow")
                return None

        threading.Thread(target=ask, name="shared-read", daemon=True).start()
        return wait

    def _request(self, direction: Direction, request: Callable[[], Answer]) -> Answer | None:
        """Return a request's answer, or None if there is none, and remember how it went."""
        if direction.off:
            return None
        try:
            answer = request()
        except Missing:
            direction.answered += 1
            return None
        except Refused:
            # a service that may not list says 'forbidden' of what is not there
            direction.refused = True
            return None
        except Unreachable as error:
            direction.failure(str(error))
            return None
        direction.answered += 1
        return answer

    def _look_up(self, name: str) -> bytes | None:
        """Return an entry's bytes; one that is too large for an entry is none."""
        begun = time.monotonic()
        raw = b""
        for piece in self._remote().read(name):
            raw += piece
            if len(raw) > signing.LARGEST_BYTES:
                self._bad.add(name)
                return None
            if time.monotonic() - begun > self._table.timeout_seconds:
                raise Unreachable("it is too slow")
        return raw

    def _download(self, digest: Digest, store: Store) -> bool:
        """Bring one blob into the local store if its bytes are what its digest says."""
        fast, strong, count = xxhash.xxh3_128(), hashlib.sha256(), 0
        patience = time.monotonic() + self._table.timeout_seconds + digest.bytes / SLOWEST_BYTES_PER_SECOND
        pieces = self._remote().read(_blob_name(digest))
        try:
            with store.incoming() as temporary:
                with open(temporary, "xb", buffering=0) as file:
                    for piece in pieces:
                        count += len(piece)
                        if count > digest.bytes:
                            break
                        if time.monotonic() > patience:
                            raise Unreachable("it is too slow")
                        fast.update(piece)
                        strong.update(piece)
                        _write_all(file.fileno(), piece)
                if Digest(count, fast.hexdigest(), strong.hexdigest()) != digest:
                    self._bad.add(_blob_name(digest))
                    raise Unreachable("its files are not what their names say")
                os.chmod(temporary, READ_ONLY)
                store.take_blob(temporary, digest, arrived=True)
        except OSError:  # the local disk
            return False
        return True

    def _upload(self, key: str, entry: dict[str, Any], store: Store, replace: bool) -> bool:
        """Send the blobs that are not there, then the entry; return whether the store has them all."""
        name = _entry_name(key)
        replace_entry = replace or name in self._bad

        def sent() -> bool:
            remote = self._remote()
            if not replace_entry and remote.size(name) is not None:
                return True
            for output in entry["outputs"].values():
                digest = Digest(**output)
                again = replace or _blob_name(digest) in self._bad
                if again or remote.size(_blob_name(digest)) != digest.bytes:
                    if read_digest(store.blob_path(digest.sha256)) != digest:
                        return False
                    remote.write(_blob_name(digest), store.blob_path(digest.sha256))
            remote.write(name, signing.packed(key, entry, self._secret))
            return True

        def written() -> bool:
            try:
                return sent()
            except Missing:
                raise Unreachable("there is no such bucket or folder") from None
            except OSError:  # the local store: another tree's gc, or its disk
                return False

        done = self._request(self.writing, written) or False
        if self.writing.refused:
            self.writable = False
        return done


def _entry_name(key: str) -> str:
    return f"entries/{key[:2]}/{key}.json"


def _blob_name(digest: Digest) -> str:
    return f"blobs/{digest.sha256[:2]}/{digest.sha256}"


def _write_all(file: int, piece: bytes) -> None:
    rest = memoryview(piece)
    while rest:
        rest = rest[os.write(file, rest) :]
