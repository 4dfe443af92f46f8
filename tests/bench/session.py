"""Sixty stems of four minutes: imported, grouped, compressed and mastered, against the same by bare library calls.

``python -m tests.bench.session [STEMS [SECONDS]]``. The recordings are made first: 24 bits, 48 kHz, every third stereo.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import soundfile

from tests.bench.measuring import DOIT, ROOT, Usage, measured, row

RATE = 48_000
KINDS = ("kick", "snare", "tom", "overhead", "bass", "guitar", "keys", "vocal", "pad", "fx")
BARE = Path(__file__).with_name("bare_session.py")
COMPRESSOR = '{ name = "compressor", threshold_db = -18, ratio = 3, attack_ms = 10, release_ms = 120 }'


def recordings(folder: Path, stems: int, seconds: float) -> None:
    """Write takes of noise that comes and goes, each with a colour and a rhythm of its own."""
    folder.mkdir(parents=True)
    time_s = np.arange(round(seconds * RATE)) / RATE
    for number in range(stems):
        random = np.random.default_rng(number)
        channels = 2 if number % 3 == 0 else 1
        body = np.sin(2 * np.pi * (55 * 1.06 ** (number % 40)) * time_s) * (
            0.6 + 0.4 * np.sin(time_s * (1 + number % 7))
        )
        x = 0.15 * body[:, None] + 0.02 * random.standard_normal((len(time_s), channels))
        name = f"{number + 1:02d} {KINDS[number % len(KINDS)].capitalize()} {number // len(KINDS) + 1}.wav"
        soundfile.write(folder / name, x, RATE, subtype="PCM_24")


class Memory:
    """The most memory that this process's children and their children have at one time, in MB, looked at often."""

    def __init__(self) -> None:
        self.most_mb = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(0.05):
            listed = subprocess.run(["ps", "-eo", "pid=,ppid=,rss="], capture_output=True, text=True, check=False)
            rows = [tuple(map(int, line.split())) for line in listed.stdout.splitlines()]
            family = {os.getpid()}
            for _ in range(4):
                family |= {pid for pid, parent, _ in rows if parent in family}
            own = os.getpid()
            self.most_mb = max(self.most_mb, sum(rss for pid, _, rss in rows if pid in family and pid != own) / 1024)


def run(what: str, command: list[str], folder: Path) -> Usage:
    """Run a command, print its row, and return what it took."""
    with Memory() as memory:
        usage = measured(command, folder)
    row(what, f"{usage.wall:.1f} s", f"{usage.cpu:.1f} s", f"{memory.most_mb:.0f}", "")
    return usage


def main(stems: int, seconds: float) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory(dir=ROOT.parent) as scratch:
        folder = Path(scratch)
        recordings(folder / "takes", stems, seconds)
        song = folder / "song"
        (song / "spec").mkdir(parents=True)
        shutil.copy(ROOT / "dodo.py", song)
        row(f"{stems} stems of {seconds:g} s", "wall", "CPU", "MB", "")
        run("import", [sys.executable, "-m", "stemtasks.cli", "import", str(folder / "takes"), "--name", "song"], song)
        spec = song / "spec" / "song.toml"
        text = spec.read_text()
        with_compressors = []
        for line in text.splitlines():
            with_compressors.append(line)
            if line.startswith(("[stems.", "[groups.")) and line.endswith("]"):
                with_compressors.append(f"effects = [{COMPRESSOR}]")
        spec.write_text("\n".join(with_compressors) + "\n")
        run("built from nothing, on all cores", DOIT, song)
        run("nothing to do", DOIT, song)
        changed = spec.read_text().replace("threshold_db = -18", "threshold_db = -20", 1)
        spec.write_text(changed)
        run("one changed effect, heard again (mix)", [*DOIT, "mix:song"], song)
        run("and handed over again", DOIT, song)
        shutil.rmtree(song / "build")
        run("the same by bare library calls", [sys.executable, str(BARE), str(folder / "takes"), str(folder)], folder)
        print(f"the highest of one process: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    started = time.perf_counter()
    given = sys.argv[1:]
    main(int(given[0]) if given else 60, float(given[1]) if len(given) > 1 else 240.0)
    print(f"{time.perf_counter() - started:.0f} s in all")
