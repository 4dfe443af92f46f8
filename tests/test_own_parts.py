"""A project's own effects, generators, strategies and delivery formats, from its folder or an installed package."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import zipfile

import pytest

from tests import starts
from tests.project import Project
from tests.three_stems import ALL, after

TREMOLO = '''"""Tremolo: the level goes up and down."""

import numpy as np
from typing import Annotated
from stemtasks.units import Fraction, Range


def my_tremolo(blocks, stream, *, rate_hz: Annotated[float, Range(0.1, 20.0, "Hz")] = 5.0, depth: Fraction = 0.5):
    """Let the level swing as a sine.

    Parameters
    ----------
    rate_hz
        Swings in a second.
    depth
        How far the level falls.
    """
    frame = 0
    for block in blocks:
        time = np.arange(frame, frame + len(block)) / stream.sample_rate
        frame += len(block)
        yield block * (1.0 - depth * (0.5 - 0.5 * np.cos(2 * np.pi * rate_hz * time)))[:, None]
'''
CLICK = '''"""Click: one sample."""

import numpy as np
from parts.shared import HEIGHT


def click(stream, *, timeline, at_frame: int = 0):
    """Click once."""
    block = np.zeros((stream.frames, stream.channels))
    block[at_frame :: 8000] = HEIGHT
    yield block
'''
TWICE = '''"""Twice: the stem and the stem again."""

from itertools import pairwise

from stemtasks.audio.pieces import Piece, fit


def twice(source, frames, stream):
    """Play the stem twice."""
    return fit(source, frames, lambda: iter([Piece(0, 0), Piece(source.frames, 0)]))
'''
CUES = '''"""Cues: where sections start."""


def cues(handover, *, separator: str = ","):
    """Yield a line a section."""
    lines = (f"{section['name']}{separator}{section['start_frame']}" for section in handover.contents["sections"])
    yield "cues.txt", "\\n".join(lines).encode()
'''
BASS = '[stems.bass]\ngenerator = "tone"\nnote = "A2"\neffects = [{ name = "lowpass", cutoff_hz = 800 }, '


def own(project: Project, path: str, text: str) -> None:
    file = project.folder / "parts" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.fixture
def swinging(built):
    """Return a built song whose bass has an effect of the project's own."""
    own(built, "effects/my_tremolo.py", TREMOLO)
    built.edit(BASS, BASS + '{ name = "my_tremolo", depth = 0.8 }, ')
    assert built.build().done == {"ran": after("process:song/bass")}
    return built


def test_an_effect_of_ones_own_is_in_the_chain_and_its_source_in_the_key(swinging):
    assert "lowpass > my_tremolo > delay" in swinging.build().lines("up to date")["process:song/bass"]
    own(swinging, "effects/my_tremolo.py", TREMOLO.replace("0.5 - 0.5 * np.cos", "0.4 - 0.4 * np.cos"))
    assert swinging.build().done == {"ran": after("process:song/bass")}
    own(swinging, "effects/my_tremolo.py", TREMOLO)
    assert swinging.build().done == {"restored": after("process:song/bass")}
    own(swinging, "effects/other.py", TREMOLO.replace("def my_tremolo", "def other"))
    assert swinging.build().done == {}
    why = swinging.doit("why", "process:song/bass")
    assert "process:song/bass is up to date" in why.out
    own(swinging, "effects/my_tremolo.py", TREMOLO + "\n# changed\n")
    assert "source parts/effects/my_tremolo.py changed" in swinging.doit("why").out


def test_in_worker_processes_too(swinging):
    dodo = swinging.folder / "dodo.py"
    dodo.write_text(dodo.read_text() + "\nfrom stemtasks.graph import processes, run_in\n\nrun_in(processes)\n")
    before = swinging.products()
    assert swinging.build("-s", "-a", "process:song/bass").done == {"ran": ["process:song/bass"]}
    assert swinging.products() == before


def test_every_kind_of_part_and_what_they_import_of_one_another(built):
    own(built, "shared.py", "HEIGHT = 0.5\n")
    own(built, "generators/click.py", CLICK)
    own(built, "strategies/twice.py", TWICE)
    own(built, "delivery/cues.py", CUES)
    built.edit("[verify]", '[stems.click]\ngenerator = "click"\nduration = "0:08"\nalign = "twice"\n\n[verify]')
    built.edit("[reference]", '[archive]\nformats = ["manifest", { format = "cues", separator = ";" }]\n\n[reference]')
    built.edit("dc_offset = 0.02", "dc_offset = 0.02\nsilence_dbfs = -90")
    run = built.build()
    click = [f"{stage}:song/click" for stage in ("align", "picture", "process", "stem")]
    assert run.done["ran"] == sorted([*after("mix:song"), *click])
    assert "twice, 1 seam" in run.lines("ran")["align:song/click"]
    (archive,) = (built.folder / "build/song").glob("*.zip")
    with zipfile.ZipFile(archive) as opened:
        folder = archive.stem
        assert opened.read(f"{folder}/cues.txt") == b"verse;0\nchorus;72000"
        assert [name for name in opened.namelist() if not name.endswith(".wav")] == [
            f"{folder}/manifest.json",
            f"{folder}/cues.txt",
        ]
    own(built, "shared.py", "HEIGHT = 0.25\n")
    assert "stem:song/click" in built.build().done["ran"]


@pytest.mark.parametrize("place", ["helping.py", "helping/__init__.py", "helping/deep.py"])
def test_what_a_part_imports_from_beside_dodo_is_in_the_key(built, place):
    module = place.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    helping = built.folder / place
    helping.parent.mkdir(exist_ok=True)
    helping.write_text("DEPTH = 0.5\n")
    own(built, "effects/my_tremolo.py", f"from {module} import DEPTH\n" + TREMOLO)
    built.edit(BASS, BASS + '{ name = "my_tremolo" }, ')
    assert built.build("process:song/bass").done == {"ran": ["process:song/bass"]}
    helping.write_text("DEPTH = 0.25\n")
    assert built.build("process:song/bass").done == {"ran": ["process:song/bass"]}


MISTAKES = {
    "unknown": (
        "my_tremlo",
        TREMOLO,
        "unknown effect 'my_tremlo'; known: auto_pan, bandpass, ",
        "did you mean 'my_tremolo'?",
    ),
    "range": ("my_tremolo", TREMOLO.replace("= 5.0", "= 5.0"), "effects[1].depth: 8 is outside 0 to 1", ""),
    "not Python": ("my_tremolo", "def my_tremolo(:\n", "parts/effects/my_tremolo.py:1: is not Python (", ""),
    "another name": (
        "my_tremolo",
        TREMOLO.replace("def my_tremolo", "def swing"),
        "is there, but has no function 'my_tremolo'",
        "",
    ),
    "no annotation": (
        "my_tremolo",
        TREMOLO.replace("depth: Fraction", "depth"),
        "parts/effects/my_tremolo.py:8: 'depth': ",
        "",
    ),
    "unknown annotation": (
        "my_tremolo",
        TREMOLO.replace("depth: Fraction", "depth: Share"),
        "name 'Share' is not defined",
        "",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(built, mistake):
    name, text, *phrases = MISTAKES[mistake]
    own(built, "effects/my_tremolo.py", text)
    built.edit(BASS, BASS + f'{{ name = "{name}", depth = {8 if mistake == "range" else 1} }}, ')
    run = built.doit()
    assert (run.code, run.err) == (1, "")
    (line,) = [line for line in run.out.splitlines() if line.startswith("FAILED")]
    assert all(phrase in line for phrase in phrases), line


def test_a_name_that_is_taken_is_refused(built):
    own(built, "effects/delay.py", TREMOLO.replace("def my_tremolo", "def delay"))
    run = built.doit()
    assert (run.code, run.err) == (1, "")
    assert "spec/song.toml: parts/effects/delay.py: stemtasks has the effect 'delay' already; rename the f" in run.out


def stemtasks(project, *arguments):
    command = [sys.executable, "-m", "stemtasks.cli", *arguments]
    return starts.run(command, cwd=project.folder, capture_output=True, text=True, check=False)


def test_schema_and_laws_know_the_projects_own(project):
    own(project, "effects/my_tremolo.py", TREMOLO)
    assert "my_tremolo: Let the level swing as a sine." in stemtasks(project, "schema", "effects").stdout
    assert stemtasks(project, "laws").stdout == "kept     effects/my_tremolo  no arguments\n"
    own(project, "effects/my_tremolo.py", TREMOLO.replace("frame += len(block)", ""))
    done = stemtasks(project, "laws")
    assert done.returncode == 1
    assert done.stdout.splitlines()[:2] == [
        "BROKEN   effects/my_tremolo  no arguments",
        "         blocks give the bits of the whole",
    ]
    assert done.stderr == "ERROR: 2 laws are broken; stemtasks/audio/laws.py describes each\n"


def wheel(folder, version, text):
    """Build a wheel of a package with one effect, as a build backend would."""
    path = folder / f"swings-{version}-py3-none-any.whl"
    info = f"swings-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as built:
        built.writestr("swings/__init__.py", "")
        built.writestr("swings/moving.py", text)
        built.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: swings\nVersion: {version}\n")
        built.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        built.writestr(f"{info}/entry_points.txt", "[stemtasks.effects]\nmy_tremolo = swings.moving:my_tremolo\n")
        built.writestr(f"{info}/RECORD", "")
    return path


def install(path, target):
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--upgrade"]
    subprocess.run([*pip, "--target", str(target), str(path)], check=True, capture_output=True)


def test_an_installed_packages_effect_and_its_version_are_in_the_key(built, tmp_path, monkeypatch):
    site = tmp_path / "site"
    monkeypatch.setenv("PYTHONPATH", str(site))
    install(wheel(tmp_path, "1.0", TREMOLO), site)
    built.edit(BASS, BASS + '{ name = "my_tremolo", depth = 0.8 }, ')
    assert built.build().done == {"ran": after("process:song/bass")}
    assert built.build().done == {}
    install(wheel(tmp_path, "1.1", TREMOLO), site)
    run = built.doit("why", "process:song/bass")
    assert "library swings 1.0 -> 1.1" in run.out
    assert built.build().done["ran"] == ["archive:song", "process:song/bass"], "the same bytes; the archive says which"
    (site / "swings/moving.py").write_text(TREMOLO.replace("0.5 - 0.5 *", "0.4 - 0.4 *"))
    assert built.build().done == {"ran": after("process:song/bass")}
    assert len(built.build().tasks("up to date")) == len(ALL)


def test_the_note_of_a_build_with_nothing_to_do_knows_the_parts(swinging):
    from tests.commands.test_note import ask, note

    for path in (swinging.folder / "parts").rglob("*"):
        os.utime(path, (1e9, 1e9))
    for _ in range(20):
        swinging.build()
        if note(swinging).exists():
            break
        time.sleep(0.3)
    assert ask(swinging)[1]
    own(swinging, "effects/my_tremolo.py", TREMOLO + "\n# changed\n")
    assert not ask(swinging)[1]
