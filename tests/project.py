"""A song's folder in a temporary place, built through the real doit command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests import starts

DODO = Path(__file__).parents[1] / "dodo.py"
INDEX = "index.html"


class BrokenError(Exception):
    """Something that must hold of a tree did not."""


@dataclass(frozen=True)
class Run:
    """What one doit command did."""

    code: int
    out: str
    err: str

    def lines(self, how: str) -> dict[str, str]:
        """Return the rest of the line by task, of the tasks that came out as ``how``."""
        found = {}
        for line in self.out.splitlines():
            if line.startswith(f"{how} "):
                name, _, rest = line[len(how) :].strip().partition(" ")
                found[name] = rest.strip()
        return found

    def tasks(self, how: str) -> list[str]:
        """Return the tasks that came out as ``how``, sorted."""
        return sorted(self.lines(how))

    @property
    def done(self) -> dict[str, list[str]]:
        """Return the tasks by how they came out, without those up to date."""
        return {how: self.tasks(how) for how in ("ran", "restored", "verified", "FAILED") if self.tasks(how)}


class Project:
    """A folder with ``dodo.py`` and ``spec/``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "spec").mkdir(parents=True, exist_ok=True)
        (folder / "dodo.py").write_bytes(DODO.read_bytes())

    def spec(self, text: str, name: str = "song") -> Path:
        """Write a song."""
        path = self.folder / "spec" / f"{name}.toml"
        path.write_text(text, encoding="utf-8")
        return path

    def edit(self, old: str, new: str, name: str = "song") -> None:
        """Replace the one place in a song's spec that says ``old``."""
        path = self.folder / "spec" / f"{name}.toml"
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def doit(self, *arguments: str, env: dict[str, str] | None = None, timeout: float = 120) -> Run:
        """Run doit to its end."""
        done = starts.run(
            [sys.executable, "-m", "doit", *arguments],
            cwd=self.folder,
            env={**os.environ, **(env or {})},
            capture_output=True,
            timeout=timeout,
            check=False,
        )
        return Run(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(self, *arguments: str, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start doit in a process group of its own."""
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background job, and inherited
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return starts.started(
            [sys.executable, "-u", "-m", "doit", *arguments],
            cwd=self.folder,
            env={**os.environ, **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def build(self, *arguments: str, env: dict[str, str] | None = None) -> Run:
        """Run doit and insist that it succeeds, says nothing on stderr and leaves nothing half-made."""
        run = self.doit(*arguments, env=env)
        assert run.code == 0, run.out + run.err
        assert run.err == "", run.err
        self.assert_clean()
        return run

    def half_made(self) -> list[str]:
        """Return what lies about in the state that no build is at work on."""
        state = self.folder / "build" / ".stemtasks"
        return [str(path) for place in ("work", "store/work") for path in (state / place).glob("*")]

    def insist(self, expected: dict[str, bytes], said: str, others: bool = False, index: bool = True) -> None:
        """Raise ``BrokenError`` unless there are these products, and no others if there may be none.

        ``index``: whether the page of all songs is among them, which of a song that failed has what is left of it.
        """
        found = self.products()
        for name in sorted(expected if others else {*found, *expected}):
            if found.get(name) != expected.get(name) and (index or name != INDEX):
                what = "lies about" if name not in expected else "has other bytes" if name in found else "is missing"
                raise BrokenError(f"build/{name} {what}; {said}")

    def assert_clean(self) -> None:
        """Insist that no temporary file is left."""
        work = self.folder / "build" / ".stemtasks" / "work"
        assert not work.exists() or not list(work.iterdir())

    def made(self) -> dict[str, bytes]:
        """Return the products of tasks: not the index, which says what failed."""
        return {name: held for name, held in self.products().items() if name != INDEX}

    def products(self) -> dict[str, bytes]:
        """Return every file of ``build/`` but the state, by path."""
        build = self.folder / "build"
        return {
            path.relative_to(build).as_posix(): path.read_bytes()
            for path in sorted(build.rglob("*"))
            if path.is_file() and ".stemtasks" not in path.parts
        }
