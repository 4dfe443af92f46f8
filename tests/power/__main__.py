"""``python -m tests.power``: lose the power at moments during builds and up to 60 s after, on each file system.

A song is built, changed and built again on a file system in an image. At random moments the image is copied, under the
mounted file system and all at once: that is what a power loss would leave. Each copy is then mounted, which replays
its journal, and built. That must come out, byte for byte, as a clean build of the copy's ``spec/`` in another folder:
the power may take the last edits, but a damaged file is never up to date.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import random
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile

from tests import starts
from tests.power.disks import KINDS, Disk, disk, run, unusable
from tests.project import BrokenError, Project, Run
from tests.two_stems import SPEC

TAKE = '\n[stems.take]\ngenerator = "file"\nfile = "take.wav"\nalign = "loop"\n'
AFTER_SECONDS = (0, 1, 2, 4, 7, 11, 16, 22, 25, 26, 27, 28, 29, 30, 31, 33, 36, 45, 52, 60)
"""From the last build on; systems write what is dirty after about 30 s."""


class Outage:
    """A song on a disk, the copies of the disk that were taken, and what clean builds make of what is on them."""

    def __init__(self, on: Disk, seed: int, records_first: float = 0.5) -> None:
        self.disk = on
        self.records_first = records_first
        self.chance = random.Random(seed)
        self.copies: list[tuple[Path, str]] = []
        self.project = Project.__new__(Project)
        self._clean: dict[str, tuple[int, dict[str, bytes]]] = {}

    def song(self) -> None:
        """Put the song on the disk, which is mounted, and wait until it is there for good."""
        self.project = Project(self.disk.folder / "tree")
        self.project.spec(SPEC + TAKE)
        self.recording()
        run("sync -f", self.disk.folder)

    def recording(self) -> None:
        """Record the take anew, as any program writes a file: it is not yet on the disk when this returns."""
        path = self.project.folder / "spec" / "take.wav"
        noise = np.random.default_rng(self.chance.randrange(1 << 30)).uniform(-0.3, 0.3, 10000)
        soundfile.write(path, noise, 16000, subtype="PCM_16")

    def edit(self, text: str) -> None:
        """Write the spec, as an editor does that sees to it that it is on the disk; not every editor does."""
        path = self.project.spec(text)
        if self.chance.random() < 0.8:
            with open(path, "rb") as file:
                os.fsync(file)

    def moves(self) -> Iterator[tuple[str, Callable[[], object]]]:
        """Yield what happens while the power may be lost, by name."""

        def build() -> Run:
            return self.project.build()

        yield "built from nothing", build
        yield "a recording, new", self.recording
        yield "built with the recording", build
        yield "a spec, edited", lambda: self.edit((SPEC + TAKE).replace("gain_db = -6", "gain_db = -7"))
        yield "built after the edit", build
        yield "the spec, as it was", lambda: self.edit(SPEC + TAKE)
        yield "restored", build
        yield "a stem, taken out", lambda: self.edit(SPEC)
        yield "built without it", build
        yield "a stem, back", lambda: self.edit(SPEC + TAKE)
        yield "restored again", build
        yield "a rest", lambda: time.sleep(1.5)
        yield "nothing to do", build

    def copy(self, moment: str) -> None:
        """Lose the power now; half the time just after the system has written, of all that is dirty, the records."""
        if self.chance.random() < self.records_first:
            state = self.project.folder / "build" / ".stemtasks"
            for path in (*state.glob("records.db*"), state / "unchanged"):
                with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
                    os.fsync(file)
        self.copies.append((self.disk.copy(), moment))

    def build(self, during: float, after: tuple[float, ...], moves: Collection[str]) -> None:
        """Do the moves; copy the disk every ``during`` seconds at random, after each, and so long after the last."""
        with self.disk.mounted(self.disk.image):
            self.song()
            for name, move in self.moves():
                if moves and name not in moves:
                    continue
                with self._copying(name, during):
                    move()
                self.copy(name)
            ended = time.monotonic()
            for seconds in after:
                time.sleep(max(0.0, ended + seconds - time.monotonic()))
                self.copy(f"{seconds} s after the last build")

    @contextmanager
    def _copying(self, name: str, during: float) -> Iterator[None]:
        over = threading.Event()

        def work() -> None:
            while not over.wait(self.chance.uniform(0, 2 * during)):
                self.copy(name)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def verify(self, copy: Path) -> Counter[str]:
        """Build on a copy and compare with a clean build; return what the tasks did."""
        self.disk.mend(copy)
        with self.disk.mounted(copy):
            code, expected = self._cleanly()
            done = self.project.doit("--continue")
            if done.code != code:
                raise BrokenError(f"exit code {done.code}, a clean build's is {code}:\n{done.out}{done.err}")
            self.project.insist(expected, f"{done.out}{done.err}", others=code != 0, index=code == 0)
            if code == 0 and self.project.doit().done:
                raise BrokenError("the next build with nothing to do did something")
        copy.unlink()
        return Counter({how: len(done.tasks(how)) for how in ("up to date", "restored", "ran", "FAILED")})

    def _cleanly(self) -> tuple[int, dict[str, bytes]]:
        """Return what a clean build makes of the ``spec/`` that is on the disk now."""
        files = sorted(path for path in (self.project.folder / "spec").glob("*") if path.is_file())
        named = hashlib.sha256(b"\0".join(part for file in files for part in (file.name.encode(), file.read_bytes())))
        if named.hexdigest() not in self._clean:
            clean = Project(self.disk.place / "clean")
            shutil.copytree(self.project.folder / "spec", clean.folder / "spec", dirs_exist_ok=True)
            done = clean.doit("--continue")
            self._clean[named.hexdigest()] = done.code, clean.products()
            shutil.rmtree(clean.folder)
        return self._clean[named.hexdigest()]


def outages(
    kind: str,
    seed: int,
    during: float,
    after: tuple[float, ...],
    log: Callable[[str], None],
    moves: Collection[str] = (),
    records_first: float = 0.5,
) -> tuple[Counter[str], list[str]]:
    """Lose the power at all moments on one kind of file system; return what the next builds did, and what was wrong."""
    told: Counter[str] = Counter()
    wrong = []
    with disk(kind) as on, starts.waiting_for_disks():
        outage = Outage(on, seed, records_first)
        outage.build(during, after, moves)
        for copy, moment in outage.copies:
            try:
                done = outage.verify(copy)
                told["copies"] += 1
                told.update(done)
                log(f"{kind}: {moment}: {', '.join(f'{count} {how}' for how, count in done.items() if count)}")
            except BrokenError as broken:
                wrong.append(f"{kind}: {moment}: {broken}")
                log(f"WRONG: {wrong[-1]}")
    return told, wrong


def main() -> int:
    """Read the arguments, try every kind, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.power")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=float, default=0.2, help="seconds between copies while it builds, on average")
    parser.add_argument("kinds", nargs="*", help=f"of {', '.join(KINDS)}; all if none is named")
    parsed = parser.parse_args()
    table, wrong = [], []
    for kind in parsed.kinds or KINDS:
        if reason := unusable(kind):
            table.append(f"{kind}: not tried, {reason}")
            continue
        told, found = outages(kind, parsed.seed, parsed.every, AFTER_SECONDS, lambda line: print(line, flush=True))
        wrong += found
        counts = ", ".join(f"{told[how]} {how}" for how in ("up to date", "restored", "ran", "FAILED"))
        table.append(f"{kind}: {told['copies'] + len(found)} copies, {len(found)} wrong; tasks: {counts}")
    print("\n".join(table))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
