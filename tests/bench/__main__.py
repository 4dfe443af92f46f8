"""Benchmarks: ``python -m tests.bench`` prints a table, each row against a peer in the same run.

Whole processes, CPU time of the process and its children by the operating system's account,
medians of runs that alternate with the peer's. ``STEMTASKS_BASELINE`` names the baseline script;
its rows are left out, saying so, where it is not there.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench import many, stores
from tests.bench.measuring import DOIT, ROOT, Usage, measured, paired, reference, row

HERE = Path(__file__).parent
BASELINE = Path(os.environ.get("STEMTASKS_BASELINE", ROOT.parent / "shared" / "baseline" / "seed_workflow.py"))
REFERENCE_SECONDS = 137.4


def song(folder: Path, text: str) -> None:
    """Make a song's folder."""
    (folder / "spec").mkdir(parents=True)
    shutil.copy(ROOT / "dodo.py", folder)
    (folder / "spec" / "song.toml").write_text(text)


SEED_SONG = """
[song]
bpm = 120
channels = 1
[reference]
file = "reference.wav"
min_duration = 130
[mix]
gain_db = -7.96
[master]
loudness_lufs = "off"
[stems.drums]
generator = "drums"
kit = "electronic"
effects = [{ name = "lowpass", cutoff_hz = 8000, order = 4, phase = "zero" }]
[stems.drums.patterns.default]
kick = "x...x...x...x..."
snare = "..x.....x......."
"""
STEM = """
[stems.{name}]
generator = "tone"
note = "{note}"
level_dbfs = {level}
duration = "2:17"
align = "{align}"
effects = [{{ name = "lowpass", cutoff_hz = 8000, order = 4, phase = "zero" }}]
"""
SEED_STEMS = [
    ("bass", "A2", -2, "loop"),
    ("guitars", "A4", -4, "auto"),
    ("synths", "A5", -6, "auto"),
    ("bridge", "A3", -3, "crossfade"),
]


def against_the_seed(folder: Path, count: int) -> None:
    """The baseline's work: five mono float stems of 137 s, aligned to 137.4 s, low-passed, mixed, mastered, zipped.

    It makes no report, and so is not asked for one here.
    """
    if not BASELINE.is_file():
        print("(the baseline script is not beside this checkout: its rows are left out; set STEMTASKS_BASELINE)")
        return
    theirs, ours = folder / "seed", folder / "ours"
    theirs.mkdir()
    # in a process of its own: a child's peak memory begins with its parent's, which these arrays would raise
    writing = multiprocessing.get_context("spawn").Process(
        target=reference, args=(theirs / "reference.wav", REFERENCE_SECONDS)
    )
    writing.start()
    writing.join()
    text = SEED_SONG + "".join(
        STEM.format(name=name, note=note, level=level, align=align) for name, note, level, align in SEED_STEMS
    )
    song(ours, text)
    shutil.copy(theirs / "reference.wav", ours / "spec")

    def run_ours() -> Usage:
        shutil.rmtree(ours / "build", ignore_errors=True)
        return measured([*DOIT, "archive:song"], ours)

    us, them = paired(count, run_ours, lambda: measured([sys.executable, str(BASELINE)], theirs))
    row(
        "the baseline's song, CPU",
        f"{us.cpu:.2f} s",
        f"{them.cpu:.2f} s",
        f"{us.cpu / them.cpu:.2f}",
        "<= 0.25 of the baseline script",
    )
    row(
        "the baseline's song, wall",
        f"{us.wall:.2f} s",
        f"{them.wall:.2f} s",
        f"{us.wall / them.wall:.2f}",
        "<= 0.17 on two cores",
    )
    row(
        "the baseline's song, peak memory",
        f"{us.peak_mb:.0f} MB",
        f"{them.peak_mb:.0f} MB",
        f"{us.peak_mb / them.peak_mb:.2f}",
        "",
    )


LONG_SONG = """
[song]
bpm = 120
tail_seconds = 2
[reference]
duration = {duration}
[stems.bass]
generator = "tone"
note = "A2"
effects = [{{ name = "lowpass", cutoff_hz = 8000, order = 4, phase = "zero" }}, {{ name = "delay", beats = 0.75 }}]
[stems.drums]
generator = "drums"
duration = "4 bars"
align = "loop"
gain_db = 9
effects = [{{ name = "reverb" }}, {{ name = "saturation", drive_db = 6 }}]
[stems.drums.patterns.default]
kick = "x...x...x...x..."
snare = "....x.......x..."
closed_hat = "x.x.x.x.x.x.x.x."
[stems.pad]
generator = "synth"
duration = 20.0
align = "crossfade"
effects = [{{ name = "peaking", centre_hz = 1000, gain_db = 3 }}]
[stems.pad.patterns]
default = "A3 C4 E4 A4"
"""


def memory(folder: Path) -> None:
    """Peak memory of a stereo song of 137 s and one of 30 minutes, every kind of stage in it."""
    peaks = []
    for duration in (137, 1800):
        place = folder / f"long{duration}"
        song(place, LONG_SONG.format(duration=duration))
        peaks.append(measured(DOIT, place).peak_mb)
        shutil.rmtree(place)
    row(
        "peak memory, 30 min against 137 s, stereo",
        f"{peaks[1]:.0f} MB",
        f"{peaks[0]:.0f} MB",
        f"{peaks[1] / peaks[0]:.2f}",
        "<= 250 MB, the same",
    )


STOCK = """
DOIT_CONFIG = {{"num_process": {cores}, "par_type": "thread", "verbosity": 2}}
def task_empty():
    for number in range({count}):
        yield {{"name": str(number), "actions": [], "uptodate": [True]}}
"""


def nothing_to_do(folder: Path, demo: Path, count: int) -> None:
    """doit with nothing to do on the demo, against stock doit with as many empty tasks."""
    listed = subprocess.run([*DOIT, "list", "--all", "--quiet"], cwd=demo, capture_output=True, text=True, check=True)
    tasks = sum(":" in line for line in listed.stdout.splitlines())
    stock = folder / "stock"
    stock.mkdir()
    (stock / "dodo.py").write_text(STOCK.format(count=tasks, cores=os.cpu_count()))
    us, them = paired(count, lambda: measured(DOIT, demo), lambda: measured(DOIT, stock))
    row(
        f"nothing to do, {tasks} tasks, wall",
        f"{us.wall * 1000:.0f} ms",
        f"{them.wall * 1000:.0f} ms",
        f"{us.wall / them.wall:.2f}",
        "<= 1.5 of stock doit",
    )


def one_effect(folder: Path, demo: Path, count: int) -> None:
    """A change of one stem's effect, against bare library calls for what has to run."""
    spec = demo / "spec" / "demo.toml"
    text = spec.read_text()
    assert text.count("cutoff_hz = 5200") == 1
    cutoffs = iter(range(5300, 9000, 10))

    def ours() -> Usage:
        spec.write_text(text.replace("cutoff_hz = 5200", f"cutoff_hz = {next(cutoffs)}"))
        return measured(DOIT, demo)

    def bare() -> Usage:
        run = measured(
            [sys.executable, str(HERE / "bare.py"), str(demo / "build/demo"), "lead", str(folder / "bare")], folder
        )
        run.wall = float((folder / "bench.log").read_text())
        return run

    us, them = paired(count, ours, bare)
    ratio = us.wall / them.wall
    row(
        "one stem's effect changed, wall",
        f"{us.wall:.2f} s",
        f"{them.wall:.2f} s",
        f"{ratio:.2f}",
        "<= 1.5 of bare library calls, their imports left out",
    )
    row(
        "one stem's effect changed, peak memory",
        f"{us.peak_mb:.0f} MB",
        f"{them.peak_mb:.0f} MB",
        f"{us.peak_mb / them.peak_mb:.2f}",
        "",
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("-n", type=int, default=5, help="counted runs of each side (5)")
    parser.add_argument("--keep", type=Path, help="work in this folder and keep it")
    parsed = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory() as temporary:
        folder = parsed.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        demo = folder / "demo"
        demo.mkdir()
        shutil.copy(ROOT / "dodo.py", demo)
        shutil.copytree(ROOT / "spec", demo / "spec")
        row("what", "stemtasks", "peer", "ratio", "goal")
        against_the_seed(folder, parsed.n)
        first = measured(DOIT, demo)
        row("the demo from nothing", f"{first.wall:.2f} s", "", "", f"{first.cpu:.2f} s CPU, {first.peak_mb:.0f} MB")
        nothing_to_do(folder, demo, 2 * parsed.n)
        stores.from_the_local_store(demo, parsed.n, measured, paired, row)
        stores.from_a_bucket(folder, demo, parsed.n, measured, paired, row)
        one_effect(folder, demo, parsed.n)
        memory(folder)
        many.null_builds(folder, parsed.n)


if __name__ == "__main__":
    main()
