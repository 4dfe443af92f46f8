"""How whole processes are measured: medians of runs in turn with a peer's, by the operating system's account."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOIT = [sys.executable, "-m", "doit"]


@dataclass
class Usage:
    """What one process took: seconds and MB."""

    wall: float
    cpu: float
    peak_mb: float


def measured(command: list[str], folder: Path) -> Usage:
    """Run a command to its end and return what it took; its failure is the benchmark's."""
    started = time.perf_counter()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with open(folder / "bench.log", "wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{(folder / 'bench.log').read_text()}")
    return Usage(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def middle(runs: list[Usage]) -> Usage:
    """Return the medians."""
    return Usage(*(statistics.median(getattr(run, name) for run in runs) for name in ("wall", "cpu", "peak_mb")))


def paired(count: int, ours: Callable[[], Usage], theirs: Callable[[], Usage]) -> tuple[Usage, Usage]:
    """Return the medians of runs in turn, after one of each that is not counted."""
    ours(), theirs()
    pairs = [(ours(), theirs()) for _ in range(count)]
    return middle([one for one, _ in pairs]), middle([other for _, other in pairs])


def row(what: str, ours: str, peer: str, ratio: str, goal: str) -> None:
    """Print a line of the table."""
    print(f"{what:<46} {ours:>12} {peer:>12} {ratio:>8}  {goal}", flush=True)


def reference(path: Path, seconds: float) -> None:
    """Write a tone; a process of its own can find this function here, as it could not in ``__main__``."""
    import numpy as np
    import soundfile

    time_s = np.arange(round(seconds * 48000)) / 48000
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * 220 * time_s), 48000, subtype="PCM_16")
