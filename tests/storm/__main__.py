"""``python -m tests.storm --rounds 500 --seed 1``: edit, damage, build, kill at random; compare with clean builds.

Every round changes and damages a tree, starts a command in it and may kill it or change it further meanwhile.
Every few rounds a build runs to its end and must be, byte for byte, what a clean build makes in another folder
with an empty store. No output may hold a traceback, nothing may hang or be left half-made.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from stemtasks.action.clock import FINE_NS
from tests.project import BrokenError, Project
from tests.storm.damage import Damage
from tests.storm.song import Song

HANG_SECONDS = 120
RESTING_SECONDS = FINE_NS / 1e9 + 0.1
COMMANDS: list[list[str]] = [
    [], [], [], ["-n", "1"], ["-n", "0"], ["--continue", "-n", "2"], ["-a"], ["-a", "mix:song"], ["mix"], ["align:*"],
    ["-s", "process"], ["timing:song"], ["clean"], ["clean", "--forget"], ["forget"], ["forget", "--all"],
    ["list", "--all", "--status"], ["info", "mix:song"], ["--no-wait"],
]  # fmt: skip
SIGNALS = [signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP]


class Storm:
    """One tree, one seed."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.folder = folder
        self.seed = seed
        self.song = Song(folder, self.chance)
        self.project = self.song.project
        self.damage = Damage(self.project.folder / "build", self.chance)
        self.kinds: Counter[str] = Counter()
        self.usual_seconds = 0.5

    def round(self, number: int) -> str:
        """Do a round and return its log line; its number and the seed decide all of it but where damage falls."""
        self.chance.seed(f"{self.seed} {number}")
        command = self.chance.choice(COMMANDS)
        second = self.chance.choice(COMMANDS) if self.chance.random() < 0.15 else None
        fate, moment, whole = self.chance.random(), self.chance.uniform(0, 1.2), self.chance.random() < 0.5
        kill = self.chance.choice(SIGNALS) if fate <= 0.6 else None
        done = [self.song.change() for _ in range(self.chance.choice([0, 1, 1, 2]))]
        done += [self.damage.strike() for _ in range(self.chance.choice([0, 0, 1, 1, 2]))]
        done.append(" ".join(["doit", *command]))
        processes = [self.project.start(*command, env=self.song.env)]
        if second is not None:
            done.append("a second doit at once")
            processes.append(self.project.start(*second, env=self.song.env))
        began = time.monotonic()
        if fate <= 0.7:
            time.sleep(moment * self.usual_seconds)
            done.append(self._killed(processes[0], kill, whole) if kill else f"meanwhile {self.song.change()}")
        ends = [self._end(process, "SIGINT" in done and process is processes[0]) for process in processes]
        self.kinds.update(done)
        return f"{', '.join(done)} -> {ends} ({time.monotonic() - began:.1f} s)"

    def _killed(self, process: subprocess.Popen[bytes], number: signal.Signals, whole: bool) -> str:
        """Send a build, or all of its group, a signal."""
        try:
            if process.poll() is None:
                (os.killpg if whole else os.kill)(process.pid, number)
                return number.name
        except ProcessLookupError:  # it has just ended
            pass
        return f"{number.name} too late"

    def _end(self, process: subprocess.Popen[bytes], interrupted: bool) -> int:
        try:
            out, err = (said.decode(errors="replace") for said in process.communicate(timeout=HANG_SECONDS))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise BrokenError(f"doit hung for {HANG_SECONDS} s") from None
        # what Python says when it is interrupted while it starts is not ours to change
        if interrupted and not out and "KeyboardInterrupt" in err:
            self.kinds["interrupted while Python starts"] += 1
        elif "Traceback" in out + err or "Exception ignored" in err:
            raise BrokenError(f"a traceback:\n{out}{err}")
        return process.returncode

    def compare(self) -> None:
        """Build to the end, and insist on what a clean build makes of the same song."""
        self.song.fault = ""
        self.song.write()
        run = self._settled(self.project)
        clean = Project(self.folder / "clean")
        for name in ("spec", "parts"):
            shutil.copytree(self.project.folder / name, clean.folder / name, symlinks=True, dirs_exist_ok=True)
        shutil.copy(self.project.folder / "dodo.py", clean.folder)
        began = time.monotonic()
        expected = self._settled(clean)
        self.usual_seconds = time.monotonic() - began
        if run.code != expected.code:
            raise BrokenError(
                f"exit code {run.code}, clean {expected.code}:\n{run.out}{run.err}\nclean:\n{expected.out}"
            )
        for path in re.findall(r"(?m)^WARNING: (build/.+): was not made here", run.err):
            (self.project.folder / path).unlink()  # a product that was damaged and then given up: left, and named
            self.kinds["left and named"] += 1
        self.project.insist(clean.products(), f"{run.out}{run.err}", others=run.code != 0, index=run.code == 0)
        if left := self.project.half_made():
            raise BrokenError(f"left half-made: {left}")
        if run.code == 0:
            self._nothing_to_do("the next build")
        if run.code == 0 and self.chance.random() < 0.3:
            # files that are old enough for a note of them, which what comes next has to see through
            time.sleep(RESTING_SECONDS)
            self._nothing_to_do("a build after a rest")
            self.kinds["a note was left"] += (self.project.folder / "build/.stemtasks/unchanged").is_file()
        self.kinds["compared" if run.code == 0 else "compared, both failed"] += 1
        if run.code:
            self.song.mend()
        shutil.rmtree(clean.folder)

    def _nothing_to_do(self, which: str) -> None:
        run = self._settled(self.project)
        if run.done:
            raise BrokenError(f"{which} with nothing to do did something:\n{run.out}{run.err}")

    def _settled(self, project: Project):
        run = project.doit("--continue", env=self.song.env, timeout=HANG_SECONDS)
        if "Traceback" in run.out + run.err:
            raise BrokenError(f"a traceback:\n{run.out}{run.err}")
        return run


def storm(rounds: int, seed: int, every: int, folder: Path, log) -> Counter[str]:
    """Run the rounds; raise ``BrokenError`` where something does not hold, and leave the tree in ``folder``."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background job, and inherited
        signal.signal(signal.SIGINT, signal.default_int_handler)
    weather = Storm(folder, seed)
    for number in range(1, rounds + 1):
        log(f"seed {seed} round {number}: {weather.round(number)}")
        if number % every == 0 or number == rounds:
            weather.compare()
            log(f"seed {seed} round {number}: as a clean build")
    return weather.kinds


def main() -> int:
    """Read the arguments, run, and print the table of kinds."""
    parser = argparse.ArgumentParser(prog="python -m tests.storm")
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=int, default=3, help="compare with a clean build after so many rounds")
    parsed = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix=f"storm-{parsed.seed}-"))
    try:
        kinds = storm(parsed.rounds, parsed.seed, parsed.every, folder, lambda line: print(line, flush=True))
    except BrokenError as broken:
        print(f"BROKEN: {broken}\nthe tree is in {folder}", flush=True)
        return 1
    shutil.rmtree(folder)
    width = max(map(len, kinds))
    print("\n".join(f"{kind:<{width}}  {count:>5}" for kind, count in sorted(kinds.items())))
    print(f"{parsed.rounds} rounds, seed {parsed.seed}: nothing wrong")
    return 0


if __name__ == "__main__":
    sys.exit(main())
