"""Many songs with nothing to do, 32 tasks each on tiny audio, against other build tools on the same files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
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
Edges = list[tuple[list[str], list[str]]]
Command = tuple[list[str], Path]
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


def edges(folder: Path) -> Edges:
    """Return the inputs and outputs of every task, as doit has them."""
    code = (
        "import json; from stemtasks.action.pipeline import all_jobs; from stemtasks.commands.project import specs\n"
        "jobs = list(all_jobs(specs()))\n"
        "print(json.dumps([[sorted(set(job.inputs.values())), sorted(job.outputs.values())] for job in jobs]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    return [(inputs, outputs) for inputs, outputs in json.loads(done.stdout)]


def peers(folder: Path, slow: bool) -> dict[str, Callable[[], Usage]]:
    """Return a null build by other tools over the files of a built folder; slow ones only if asked, none that lack."""
    listed = edges(folder)
    found: dict[str, Callable[[], Usage]] = {}
    for name, prepare in {"stock doit": stock_doit, "make": make, "ninja": ninja}.items():
        if command := prepare(folder, listed):
            measured(*command)
            found[name] = lambda command=command: measured(*command)
    for name, prepare in {"snakemake": snakemake, "dvc": dvc}.items():
        if slow and shutil.which(name):
            command = prepare(folder, listed)
            found[name] = lambda command=command: measured(*command)
    return found


def stock_doit(folder: Path, listed: Edges) -> Command:
    """Return stock doit's null build."""
    stock = folder / "stock"
    stock.mkdir()
    (stock / "build").symlink_to("../build")
    (stock / "dodo.py").write_text(STOCK.format(cores=os.cpu_count()))
    (stock / "tasks.json").write_text(json.dumps(listed))
    return DOIT, stock


def copied(folder: Path, name: str) -> Path:
    """Return a folder with copies of the files: those in ``build/`` share their bytes with others that are alike."""
    shutil.copytree(folder / "build", folder / name / "build", ignore=shutil.ignore_patterns(".stemtasks"))
    return folder / name


def make(folder: Path, listed: Edges) -> Command | None:
    """Return make's null build."""
    if not shutil.which("make"):
        return None
    place = copied(folder, "make")
    rules = [f"{outputs[0]}: {' '.join(inputs)}\n\ttouch $@\n" for inputs, outputs in listed]
    every = " ".join(outputs[0] for _, outputs in listed)
    (place / "Makefile").write_text(f"all: {every}\n" + "".join(rules))
    return ["make", "-rs"], place  # its own rules would be looked through for every file


def ninja(folder: Path, listed: Edges) -> Command | None:
    """Return ninja's null build."""
    if not shutil.which("ninja"):
        return None
    place = copied(folder, "ninja")
    rules = [f"build {' '.join(outputs)}: touch {' '.join(inputs)}\n" for inputs, outputs in listed]
    (place / "build.ninja").write_text("rule touch\n  command = touch $out\n" + "".join(rules))
    return ["ninja", "--quiet"], place


def snakemake(folder: Path, listed: Edges) -> Command:
    """Return snakemake's null build."""
    place = copied(folder, "snakemake")
    every = [output for _, outputs in listed for output in outputs]
    rules = [
        f"rule task{number}:\n    input: {inputs}\n    output: {outputs}\n    shell: 'touch {{output}}'\n"
        for number, (inputs, outputs) in enumerate(listed)
    ]
    (place / "Snakefile").write_text(f"rule all:\n    input: {every}\n" + "".join(rules))
    command = ["snakemake", "--cores", str(os.cpu_count()), "--quiet", "all"]
    measured([*command, "--touch"], place)
    return command, place


def dvc(folder: Path, listed: Edges) -> Command:
    """Return dvc's null build."""
    place = copied(folder, "dvc")
    stages = {
        f"task{number}": {"cmd": "true", "deps": inputs, "outs": [{path: {"cache": False}} for path in outputs]}
        for number, (inputs, outputs) in enumerate(listed)
    }
    (place / "dvc.yaml").write_text(json.dumps({"stages": stages}))  # JSON is YAML too
    measured(["dvc", "init", "--no-scm", "-q"], place)
    measured(["dvc", "commit", "-f", "-q"], place)
    return ["dvc", "repro", "-q"], place


def null_builds(folder: Path, count: int) -> None:
    """Print what a null build takes at 192, 1,920 and 9,600 tasks, and what each task more takes."""
    at_once, looked = dict[int, Usage](), dict[int, Usage]()
    for number in (6, 60, 300):
        place, tasks = folder / f"songs{number}", number * 32
        songs(place, number)
        first = place / "spec" / "song000.toml"

        def looking(place: Path = place, first: Path = first) -> Usage:
            first.touch()
            return measured(DOIT, place)

        others = peers(place, slow=number == 6)
        time.sleep(2.1)  # files of now could change unseen by a clock: they leave no note
        for name, peer in others.items():
            at_once[tasks], them = paired(count, lambda place=place: measured(DOIT, place), peer)
            goal = {"stock doit": "<= 1", "snakemake": "<= 0.1", "dvc": "<= 0.1"}.get(name, "")
            compared(f"nothing to do, {tasks} tasks, against {name}", at_once[tasks], them, goal)
        looked[tasks], them = paired(count, looking, others["stock doit"])
        compared(f"a spec touched, {tasks} tasks, against stock doit", looked[tasks], them, "")
    start = measured([sys.executable, "-c", "import doit"], folder)
    row("start of Python and doit alone", f"{start.wall:.3f} s", "", "", "")
    for what, usages in (("nothing to do", at_once), ("a spec touched", looked)):
        for fewer, more in ((192, 1920), (1920, 9600)):
            wall_us = (usages[more].wall - usages[fewer].wall) / (more - fewer) * 1e6
            memory_kb = (usages[more].peak_mb - usages[fewer].peak_mb) / (more - fewer) * 1024
            row(f"each task from {fewer} to {more}, {what}", f"{wall_us:.0f} us", "", "", f"{memory_kb:.1f} KB")


def compared(what: str, us: Usage, them: Usage, goal: str) -> None:
    """Print a row of two times."""
    row(f"{what}, wall", f"{us.wall:.3f} s", f"{them.wall:.3f} s", f"{us.wall / them.wall:.2f}", goal)
