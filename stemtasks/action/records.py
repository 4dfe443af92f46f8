"""What this tree holds: a record per task and a digest per file, in one SQLite database in ``build/``.

WAL, a commit per task, so that a killed build keeps what it finished. What a row speaks of is on the disk before the
row is written, and a task's row is gone from the disk before its files are touched: after a power loss the last rows
may be missing, and none says too much. Each row carries a checksum of
itself, because SQLite has none: a damaged row is a row that is not there. A database in which one is
found is set aside, and a new one begun with the rows that are right: two rows that lie on one page
would damage each other for ever. Every record can be found again through the store. One JSON file per task
was rejected for its thousands of opens in a build with nothing to do.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import xxhash

from stemtasks.errors import CacheError
from stemtasks.plain import is_deep

TABLES = ("tasks", "files", "ignored", "sources", "songs")
MOST_BYTES = 16 << 20
"""Of a row: one that is longer is damage."""
FORMAT = "2"
"""Part of every row's checksum, so that what another version wrote in another form is not there."""
CIRCUMSTANCES = frozenset(
    (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
    )
)
"""Why a good database cannot be opened now: it is in use, the disk is full, or it may not be written."""


class Records:
    """Rows by table and name, all in memory as text, read when asked for, written through one at a time."""

    def __init__(self, folder: Path, *, writes: bool = True) -> None:
        self.path = folder / "records.db"
        self.writes = writes
        self._lock = threading.Lock()
        self._unsettled = self._is_durable = self._is_damaged = False
        self._rows: dict[str, dict[str, Any]] = {table: {} for table in TABLES}
        self._texts: dict[str, dict[str, str]] = {table: {} for table in TABLES}
        try:
            if not writes:
                self._look()
                return
            folder.mkdir(parents=True, exist_ok=True)
            try:
                self._connection = self._opened()
            except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # the latter from SQLite's own messages
                if not _is_damage(error):
                    raise
                for texts in self._texts.values():
                    texts.clear()
                self._set_aside()
                self._connection = self._opened()
            if self._is_damaged:
                self._begin_anew()
        except (OSError, sqlite3.Error) as error:
            reason = getattr(error, "strerror", None) or error
            what, remedy = "written", "make the folder writable or free some space"
            if not writes:
                what, remedy = "read", "allow this user to read them, and free some space for temporary files"
            raise CacheError(f"{folder}: the build's records cannot be {what} there ({reason}); {remedy}") from None

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError, sqlite3.Error):  # one that was never opened has no connection
            self._connection.close()

    def _look(self) -> None:
        """Take the rows that are there, of a copy: SQLite makes files beside a database that it only reads."""
        with TemporaryDirectory(prefix="stemtasks-") as folder:
            copy = Path(folder, self.path.name)
            for suffix in ("", "-wal"):
                with contextlib.suppress(FileNotFoundError):
                    shutil.copyfile(f"{self.path}{suffix}", f"{copy}{suffix}")
            with (
                contextlib.suppress(sqlite3.DatabaseError, UnicodeDecodeError),
                contextlib.closing(sqlite3.connect(copy)) as connection,
            ):
                for table in TABLES:
                    self._take(table, connection)

    def _take(self, table: str, connection: sqlite3.Connection) -> None:
        """Take a table's rows that are what they were when they were written."""
        for name, body, mark in connection.execute(f"select name, body, mark from {table}"):
            if mark == _mark(table, name, body):
                self._texts[table][name] = body
            else:
                self._is_damaged = True

    def _opened(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=10)
        try:
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = normal")
            self._is_durable = False
            for table in TABLES:
                connection.execute(
                    f"create table if not exists {table} (name text primary key, body text, mark text) without rowid"
                )
                self._take(table, connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _set_aside(self) -> None:
        """Move a database that SQLite cannot read out of the way."""
        for suffix in ("-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        os.replace(self.path, self.path.with_suffix(".damaged"))

    def _begin_anew(self) -> None:
        """Put the rows into a new database: damage may show only when something is written."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()
        self._set_aside()
        self._connection = self._opened()
        for table in TABLES:
            rows = [(name, _text(self.get(table, name))) for name in self.names(table)]
            marked = [(name, text, _mark(table, name, text)) for name, text in rows]
            self._connection.executemany(f"insert into {table} values (?, ?, ?)", marked)

    def get(self, table: str, name: str) -> Any:
        """Return a row's body, or None."""
        rows = self._rows[table]
        if name not in rows and (text := self._texts[table].pop(name, None)) is not None:
            with contextlib.suppress(ValueError, TypeError, RecursionError):
                body = json.loads(text)
                if not is_deep(body):
                    rows[name] = body
        return rows.get(name)

    def keys(self) -> set[str]:
        """Return the keys of all recorded tasks: what the store must not lose."""
        return {row["key"] for row in self.tasks().values()}

    def tasks(self) -> dict[str, dict[str, Any]]:
        """Return every task's record that holds a key."""
        rows = [(task, self.get("tasks", task)) for task in self.names("tasks")]
        return {task: row for task, row in rows if isinstance(row, dict) and isinstance(row.get("key"), str)}

    def names(self, table: str) -> list[str]:
        """Return the names of a table's rows, sorted."""
        return sorted({*self._rows[table], *self._texts[table]})

    def put(self, table: str, name: str, body: Any) -> None:
        """Write a row, replacing the one there is."""
        text = _text(body)
        self._write(f"insert or replace into {table} values (?, ?, ?)", (name, text, _mark(table, name, text)))
        self._rows[table][name] = body

    def drop(self, table: str, name: str, *, durably: bool = False) -> None:
        """Remove a row, if there is one; ``durably``: return when it is gone from the disk.

        A file system without a journal may bring a removed file back, under its stamp, with the bytes of what took its
        place: its record must not come back with it.
        """
        if self.get(table, name) is not None:
            del self._rows[table][name]
            self._write(f"delete from {table} where name = ?", (name,), durably)

    def settle(self) -> None:
        """Return when all rows are on the disk, as far as that is possible."""
        if self._unsettled:
            with contextlib.suppress(sqlite3.Error), self._lock:
                self._connection.execute("pragma wal_checkpoint(passive)")
            self._unsettled = False

    def _sync(self, durably: bool) -> None:
        """Have what is written next be on the disk when it is written, or whenever SQLite takes its log in."""
        if durably != self._is_durable:
            self._connection.execute(f"pragma synchronous = {'full' if durably else 'normal'}")
            self._is_durable = durably

    def drop_all(self, table: str) -> None:
        """Remove every row of a table."""
        self._rows[table].clear()
        self._texts[table].clear()
        self._write(f"delete from {table}", ())

    def _write(self, statement: str, values: tuple[str, ...], durably: bool = False) -> None:
        if not self.writes:
            return
        try:
            with self._lock:
                try:
                    self._sync(durably)
                    self._connection.execute(statement, values)
                    self._unsettled = True
                except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
                    if not _is_damage(error):
                        raise
                    self._begin_anew()
                    self._connection.execute(statement, values)
        except (OSError, sqlite3.Error, UnicodeDecodeError) as error:
            raise CacheError(
                f"{self.path}: cannot be written ({error}); free some space or remove the file, "
                "then run doit again: finished work is found through the store"
            ) from None


def _text(body: Any) -> str:
    return json.dumps(body, ensure_ascii=True, separators=(",", ":"))


def _is_damage(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF not in CIRCUMSTANCES


def _mark(table: str, name: Any, body: Any) -> str:
    """Return the checksum of a row in its table: a damaged page may show one table's rows as another's."""
    return xxhash.xxh3_64_hexdigest(f"{FORMAT}\0{table}\0{name}\0{body}".encode("utf-8", "surrogatepass"))
