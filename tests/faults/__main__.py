"""``python -m tests.faults``: every system call of a small build that changes something fails, one at a time.

Each call is killed at, or fails for want of room, of a disk or of leave, or writes nothing. Then either the exit code
is not 0 or the build is right; no output holds a traceback; and the next ``doit`` succeeds, with every byte as a build
without a fault has it and nothing left lying about.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.faults.song import MOVES, SPEC, Move, built, new
from tests.faults.strace import FAULTS, Call, calls, injected, unusable
from tests.project import BrokenError, Project

Fault = tuple[str, Call, str]
"""A move, a call of it, and what happens to that call."""


class Faults:
    """A folder with each move's tree before it, what its calls are, and what a build without a fault makes."""

    def __init__(self, folder: Path, moves: list[str]) -> None:
        self.folder = folder
        self.calls: dict[str, list[Call]] = {}
        self._expected: dict[str, dict[str, bytes]] = {}
        made: dict[Callable[[Project], None], str] = {}
        for move in moves:
            place, how = folder / "before" / move, MOVES[move].before
            if how in made:
                _copy_tree(folder / "before" / made[how], place)
            else:
                how(new(place))
                made[how] = move
            before = Project(place)
            if how is built:
                self._expected[SPEC] = before.products()
            before.spec(MOVES[move].spec)
            project = self._copy(move, "calls")
            _, self.calls[move] = calls(project, *MOVES[move].command)
            shutil.rmtree(project.folder)

    def all(self) -> list[Fault]:
        """Return every fault of every call."""
        return [(move, call, fault) for move, found in self.calls.items() for call in found for fault in call.faults()]

    def inject(self, move: str, call: Call, fault: str) -> str:
        """Let a call fail; return ``missed`` if it was another, else what the exit code said; raise ``BrokenError``."""
        project = self._copy(move, f"{move} {call.name} {call.number} {fault}")
        run, hit = injected(project, call, fault, *MOVES[move].command)
        if not hit:
            return self._over(project, "missed")
        if "Traceback" in run.out + run.err:
            raise BrokenError(f"a traceback:\n{run.out}{run.err}")
        expected = self.expected(MOVES[move])
        if run.code == 0 and not MOVES[move].fails:
            has_index = "WARNING: build/index.html: cannot be written" not in run.err
            project.insist(expected, f"exit code 0 of the build with the fault:\n{run.out}{run.err}", index=has_index)
        project.spec(MOVES[move].then or MOVES[move].spec)
        after = project.doit()
        if after.code != 0 or "Traceback" in after.out + after.err:
            raise BrokenError(f"the next build failed:\n{after.out}{after.err}after\n{run.out}{run.err}")
        project.insist(expected, f"the next build:\n{after.out}{after.err}after\n{run.out}{run.err}")
        if project.half_made():
            raise BrokenError(f"left half-made: {project.half_made()}")
        if fault == "killed" and run.code == 0:
            raise BrokenError("it was not killed")
        return self._over(project, "failed" if run.code else "was right")

    def expected(self, move: Move) -> dict[str, bytes]:
        """Return what a build without a fault makes of the spec that a move ends with."""
        text = move.then or move.spec
        if text not in self._expected:
            project = new(Path(tempfile.mkdtemp(dir=self.folder)) / "song")
            project.spec(text)
            project.build()
            self._expected[text] = project.products()
        return self._expected[text]

    def _copy(self, move: str, name: str) -> Project:
        folder = self.folder / name
        _copy_tree(self.folder / "before" / move, folder)
        return Project(folder)

    def _over(self, project: Project, how: str) -> str:
        shutil.rmtree(project.folder)
        return how


def _copy_tree(tree: Path, folder: Path) -> None:
    # hard links of the store stay links
    subprocess.run(["cp", "-a", tree, folder], check=True)


def tried(
    faults: Faults, chosen: list[Fault], jobs: int, log: Callable[[str], None]
) -> tuple[Counter[Fault], list[str]]:
    """Try faults, so many at a time; return how each kind came out, and a text for each that broke something."""

    def one(each: Fault) -> tuple[Fault, str, str]:
        try:
            return each, faults.inject(*each), ""
        except (BrokenError, AssertionError, subprocess.TimeoutExpired) as broken:
            return each, "BROKE", str(broken)

    counts: Counter = Counter()
    broken = []
    with ThreadPoolExecutor(jobs) as pool:
        for (move, call, fault), how, why in pool.map(one, chosen):
            counts[move, fault, how] += 1
            log(f"{move}: {call.shown} ({call.name} {call.number}) {fault}: {how}")
            if why:
                broken.append(f"{move}: {call.shown} ({call.name} {call.number}) {fault}: {why}")
                log(why)
    return counts, broken


def table(counts: Counter) -> Iterator[str]:
    """Yield a line a move: of each kind of fault how many were injected, and what came of all."""
    outcomes = ("failed", "was right", "missed", "BROKE")
    yield f"{'':<26}" + "".join(f"{what:>11}" for what in (*FAULTS, *outcomes))
    for move in MOVES:
        if any(key[0] == move for key in counts):
            hit = [sum(counts[move, fault, how] for how in outcomes if how != "missed") for fault in FAULTS]
            came = [sum(counts[move, fault, how] for fault in FAULTS) for how in outcomes]
            yield f"{move:<26}" + "".join(f"{number:>11}" for number in (*hit, *came))


def main() -> int:
    """Read the arguments, inject, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--jobs", type=int, default=3, help="builds at a time")
    parser.add_argument("--share", type=float, default=1.0, help="of all faults, at random")
    parser.add_argument("--seed", type=int, default=0, help="for --share")
    parser.add_argument("moves", nargs="*", help=f"of {', '.join(MOVES)}; all if none is named")
    parsed = parser.parse_args()
    if reason := unusable():
        print(reason)
        return 1
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        faults = Faults(Path(folder), parsed.moves or list(MOVES))
        chosen = [each for each in faults.all() if random.Random(f"{parsed.seed} {each}").random() < parsed.share]
        print(f"{len(chosen)} faults", flush=True)
        counts, broken = tried(faults, chosen, parsed.jobs, lambda line: print(line, flush=True))
    print("\n".join(table(counts)))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
