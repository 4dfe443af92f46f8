"""Damage to a tree's products and state, at random."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

from stemtasks.cache.store import _machine


class Damage:
    """What can befall the files of a tree between two builds."""

    def __init__(self, build: Path, chance: random.Random) -> None:
        self.build, self.state, self.chance = build, build / ".stemtasks", chance
        self.kept = build.parent / "kept"

    def strike(self) -> str:
        """Damage one thing, and return its kind; a kind for which there is nothing yet does nothing."""
        groups = {
            "target": lambda: [path for path in self.build.glob("song/**/*") if path.is_file()],
            "store blob": lambda: [path for path in self.state.glob("store/blobs/*/*") if path.is_file()],
            "store entry": lambda: list(self.state.glob("store/entries/*/*.json")),
            "records.db": lambda: list(self.state.glob("records.db")),
            "records.db-wal": lambda: list(self.state.glob("records.db-wal")),
            "records.db-shm": lambda: list(self.state.glob("records.db-shm")),
            "lock": lambda: list(self.state.glob("lock")),
            "note": lambda: list(self.state.glob("unchanged")),
        }
        ways: dict[str, Callable[[Path], None]] = {
            "flip": self._flip, "truncate": self._truncate, "delete": Path.unlink, "swap": self._swap,
        }  # fmt: skip
        whole: dict[str, Callable[[], None]] = {
            "build removed": lambda: shutil.rmtree(self.build, ignore_errors=True),
            "products removed": lambda: shutil.rmtree(self.build / "song", ignore_errors=True),
            "state removed": lambda: shutil.rmtree(self.state, ignore_errors=True),
            "store removed": lambda: shutil.rmtree(self.state / "store", ignore_errors=True),
            "records from a backup": self._backup,
            "work left over": self._leave,
        }
        if self.chance.random() < 0.25:
            kind = self.chance.choice(sorted(whole))
            whole[kind]()
            return kind
        group, way = self.chance.choice(sorted(groups)), self.chance.choice(sorted(ways))
        found = sorted(groups[group]())
        for path in self.chance.sample(found, min(len(found), self.chance.choice([1, 1, 3, 30]))):
            if path.exists():
                ways[way](path)
        return f"{group}: {way}"

    def _rewrite(self, path: Path, data: bytes) -> None:
        """Write into the same inode, which the store may share, sometimes with the times it had."""
        status = path.stat()
        path.chmod(0o644)
        with path.open("r+b") as file:
            file.truncate(len(data))
            file.write(data)
        if self.chance.random() < 0.7:
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    def _flip(self, path: Path) -> None:
        data = bytearray(path.read_bytes())
        for _ in range(self.chance.choice([1, 1, 20]) if data else 0):
            data[self.chance.randrange(len(data))] ^= 1 << self.chance.randrange(8)
        self._rewrite(path, bytes(data))

    def _truncate(self, path: Path) -> None:
        data = path.read_bytes()
        self._rewrite(path, data[: self.chance.randrange(len(data) + 1)])

    def _swap(self, path: Path) -> None:
        """Give a file the bytes of another of its kind."""
        others = sorted(other for other in path.parent.glob(f"*{path.suffix}") if other.is_file())
        self._rewrite(path, self.chance.choice(others).read_bytes())

    def _backup(self) -> None:
        """Keep the records, or put back those that were kept, which know nothing of what came since."""
        files = [path for path in self.state.glob("records.db*") if path.is_file()]
        if self.kept.exists():
            for path in files:
                path.unlink()
            self.state.mkdir(parents=True, exist_ok=True)
            shutil.copytree(self.kept, self.state, dirs_exist_ok=True)
            shutil.rmtree(self.kept)
        elif files:
            self.kept.mkdir()
            for path in files:
                shutil.copy2(path, self.kept)

    def _leave(self) -> None:
        """Leave a folder half-made by a process whose number is by now another's, and one by a process long gone."""
        for place, name in (("work", f"{os.getpid()}-left"), ("store/work", f"99999999-{_machine()}-left")):
            folder = self.state / place
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(b"half")
