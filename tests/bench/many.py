"""Many songs with nothing to do, 32 tasks each on tiny audio, against stock doit, make and ninja on the same files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.bench.measuring import DOIT, ROOT, Usage, measured, paired, row

SONG = """
[song]
sample_rate = 8000
channels = 1
subtype = "PCM_16"
[reference]
duration = 0.5
[master]
loudness_lufs = "off"
"""
STEM = """
[stems.s{number}]
generator = "tone"
note = "{note}"
"""
NOTES = ("A2", "C3", "E3", "G3", "A3", "C4", "E4", "G4", "A4")

STOCK = """
import json
DOIT_CONFIG = {{"num_process": {cores}, "par_type": "thread", "verbosity": 2, "backend": "sqlite3"}}
def task_file():
    for number, (inputs, outputs) in enumerate(json.load(open("tasks.json"))):
        yield {{"name": str(number), "actions": [], "file_dep": inputs, "targets": outputs}}
"""


def songs(folder: Path, count: int) -> None:
    """Write songs of nine stems and build them."""
    (folder / "spec").mkdir(parents=True)
    shutil.copy(ROOT / "dodo.py", folder)
    stems = "".join(STEM.format(number=number, note=note) for number, note in enumerate(NOTES))
    for number in range(count):
        (folder / "spec" / f"song{number:03d}.toml").write_text(f"{SONG}{stems}")
    measured(DOIT, folder)


def edges(folder: Path) -> list[tuple[list[str], list[str]]]:
    """Return the inputs and outputs of every task, as doit has them."""
    code = (
        "import json; from stemtasks import graph\n"
        "from stemtasks.jobs import JOBS\n"
        "jobs = [JOBS[stage](*of) for stage in JOBS for of in graph._names(stage).values()]\n"
        "print(json.dumps([[sorted(set(job.inputs.values())), sorted(job.outputs.values())] for job in jobs]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    return [(inputs, outputs) for inputs, outputs in json.loads(done.stdout)]


def peers(folder: Path) -> dict[str, Callable[[], Usage]]:
    """Return a null build by stock doit, make and ninja over the files of a built folder."""
    listed = edges(folder)
    found: dict[str, Callable[[], Usage]] = {}
    stock = folder / "stock"
    stock.mkdir()
    (stock / "build").symlink_to("../build")
    (stock / "dodo.py").write_text(STOCK.format(cores=os.cpu_count()))
    (stock / "tasks.json").write_text(json.dumps(listed))
    measured(DOIT, stock)
    found["stock doit"] = lambda: measured(DOIT, stock)
    if shutil.which("make"):
        rules = [f"{outputs[0]}: {' '.join(inputs)}\n\ttouch $@\n" for inputs, outputs in listed]
        every = " ".join(outputs[0] for _, outputs in listed)
        (folder / "Makefile").write_text(f"all: {every}\n" + "".join(rules))
        measured(["make", "-s"], folder)
        found["make"] = lambda: measured(["make", "-s"], folder)
    if shutil.which("ninja"):
        rules = [f"build {' '.join(outputs)}: touch {' '.join(inputs)}\n" for inputs, outputs in listed]
        (folder / "build.ninja").write_text("rule touch\n  command = touch $out\n" + "".join(rules))
        measured(["ninja", "--quiet"], folder)
        found["ninja"] = lambda: measured(["ninja", "--quiet"], folder)
    return found


def null_builds(folder: Path, count: int) -> None:
    """Print what a null build takes at 192 and 1,920 tasks, and what each task more takes."""
    walls = {}
    for number in (6, 60):
        place = folder / f"songs{number}"
        songs(place, number)
        tasks = number * 32
        for name, peer in peers(place).items():
            us, them = paired(count, lambda place=place: measured(DOIT, place), peer)
            walls[tasks] = us
            row(
                f"nothing to do, {tasks} tasks, against {name}, wall",
                f"{us.wall:.3f} s",
                f"{them.wall:.3f} s",
                f"{us.wall / them.wall:.2f}",
                "<= 1 of stock doit" if name == "stock doit" else "",
            )
    start = measured([sys.executable, "-c", "import doit"], folder)
    small, large = walls[192], walls[1920]
    row("each task more, from 192 to 1,920", f"{(large.wall - small.wall) / 1728 * 1e6:.0f} us", "", "", "")
    row("start of Python and doit alone", f"{start.wall:.3f} s", "", "", "")
    row("memory of each task more", f"{(large.peak_mb - small.peak_mb) / 1728 * 1024:.1f} KB", "", "", "")
