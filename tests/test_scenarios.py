"""Seven ways in which build tools hand over a wrong file with exit code 0, each for every stage, or for every input.

Whatever happens to a build, the next one that ends well has, byte for byte, what a clean build makes.
"""

from __future__ import annotations

import functools
import os
import shutil
import signal
import time

import numpy as np
import pytest
import soundfile

from tests.commands.test_note import SETTLED
from tests.project import Project

SPEC = """
[song]
bpm = 240
sample_rate = 8000
subtype = "PCM_16"

[reference]
file = "ref.wav"

[stems.take]
generator = "file"
file = "take.wav"
align = "loop"
effects = [{ name = "lowpass", cutoff_hz = 2000 }]

[stems.tone]
generator = "tone"
"""
FILES = {"ref": {"a": 8000, "same size": 8000, "longer": 10000}, "take": {"a": 3000, "same size": 3000, "longer": 3500}}
STAGES = {
    "reference": ("spec/ref.wav", "build/song/reference.json"),
    "timing": ("build/song/reference.json", "build/song/timing.json"),
    "stem": ("spec/take.wav", "build/song/stems/take.wav"),
    "align": ("build/song/stems/take.wav", "build/song/aligned/take.wav"),
    "process": ("build/song/aligned/take.wav", "build/song/processed/take.wav"),
    "mix": ("build/song/processed/take.wav", "build/song/mix.wav"),
    "master": ("build/song/mix.wav", "build/song/master.wav"),
    "picture": ("build/song/processed/take.wav", "build/song/pictures/take.png"),
    "archive": ("build/song/master.wav", "build/song/archive.json"),
    "report": ("build/song/master.wav", "build/song/report.html"),
}
"""A stage's input and output: what is changed, and what must be right."""
SOURCE = {stage: "ref" if stage in ("reference", "timing") else "take" for stage in STAGES}
"""The file that all of a stage's inputs come from."""

every_stage = pytest.mark.parametrize("stage", STAGES)
every_source = pytest.mark.parametrize("stage", ["reference", "stem"])
OF_PRODUCTS = {path: stage for stage, (path, _) in STAGES.items() if path.startswith("build/")}.values()
"""A stage for each input that another stage makes."""


@functools.cache
def audio(name: str, variant: str) -> np.ndarray:
    seed = sorted(FILES[name]).index(variant)
    return np.random.default_rng(seed).uniform(-0.3, 0.3, FILES[name][variant])


def write(project: Project, name: str, variant: str) -> None:
    soundfile.write(project.folder / "spec" / f"{name}.wav", audio(name, variant), 8000, subtype="PCM_16")


@pytest.fixture(scope="session")
def clean(tmp_path_factory):
    """Return a function to the project of a clean build with other files than those of variant 'a'."""

    @functools.cache
    def build(**variants: str) -> Project:
        project = Project(tmp_path_factory.mktemp("clean") / "song")
        project.spec(SPEC)
        for name in FILES:
            write(project, name, variants.get(name, "a"))
        project.build()
        return project

    return build


@pytest.fixture
def built(project, clean):
    shutil.copytree(clean().folder, project.folder, dirs_exist_ok=True)
    return project


def killed(project, hold, stage, number):
    """Change what a stage is made of, and kill the build while the stage is writing; return what doit said."""
    write(project, SOURCE[stage], "longer")
    hold.mark(stage, how="half")
    process = project.start(env=hold.env)
    hold.wait(stage, process)
    os.killpg(process.pid, number)
    out, err = process.communicate(timeout=30)
    assert process.returncode != 0
    hold.release(stage)
    return out.decode(), err.decode()


def assert_no_output(project, stage):
    assert not (project.folder / STAGES[stage][1]).exists()


@every_stage
def test_killed_and_run_again_and_the_input_reverted(built, clean, hold, stage, tmp_path):
    killed(built, hold, stage, signal.SIGKILL)
    assert_no_output(built, stage)
    again = Project(shutil.copytree(built.folder, tmp_path / "again"))
    again.build()
    assert again.products() == clean(**{SOURCE[stage]: "longer"}).products()
    write(built, SOURCE[stage], "a")
    run = built.build()
    assert any(task.startswith(f"{stage}:") for task in run.tasks("restored"))
    assert not run.tasks("ran")
    assert built.products() == clean().products()


@every_stage
def test_stopped_by_ctrl_c_and_the_input_reverted(built, clean, hold, stage):
    _, err = killed(built, hold, stage, signal.SIGINT)
    assert err.count("\n") == 1
    assert err.startswith("stopped while running ")
    built.assert_clean()
    assert_no_output(built, stage)
    write(built, SOURCE[stage], "a")
    assert not built.build().tasks("ran")
    assert built.products() == clean().products()


def overwrite(path, data):
    """Write other bytes into a file, the same inode, and give it back its times."""
    status = path.stat()
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.truncate(0)
        file.write(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def flipped(data: bytes) -> bytes:
    changed = bytearray(data)
    changed[len(data) * 2 // 3] ^= 0x10
    return bytes(changed)


@pytest.fixture
def known(built):
    """Return a song that has been built, with files whose times and numbers the records have."""
    time.sleep(SETTLED)
    assert built.build().done == {}
    return built


def test_a_target_overwritten(known, clean):
    for stage, (_, name) in STAGES.items():
        path = known.folder / name
        overwrite(path, flipped(path.read_bytes()))
        assert known.build().done, stage
        assert known.products() == clean().products(), stage


def changed_input(project, clean, stage, variant, change):
    """Change a stage's input behind its time, and return the project that a clean build would make of it."""
    path = project.folder / STAGES[stage][0]
    if path.parent.name == "spec":
        expected = clean(**{SOURCE[stage]: variant})
        overwrite(path, (expected.folder / STAGES[stage][0]).read_bytes())
        return expected
    overwrite(path, change(path.read_bytes()))
    return clean()


@every_source  # an input that another stage makes is its target, which is overwritten above
def test_an_input_changed_with_mtime_and_size_kept(known, clean, stage):
    path = known.folder / STAGES[stage][0]
    before = path.stat()
    expected = changed_input(known, clean, stage, "same size", flipped)
    assert (path.stat().st_mtime_ns, path.stat().st_size) == (before.st_mtime_ns, before.st_size)
    assert known.build().done
    assert known.products() == expected.products()


def assert_another_size_is_noticed(project, clean, stage):
    """Change an input's size, not its time, and insist that the next build is right."""
    path = project.folder / STAGES[stage][0]
    before = path.stat()
    expected = changed_input(project, clean, stage, "longer", lambda data: data[: len(data) * 3 // 4])
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert path.stat().st_size != before.st_size
    assert project.build().done, stage
    assert project.products() == expected.products(), stage


@every_source
def test_an_input_changed_with_mtime_kept_and_another_size(built, clean, stage):
    assert_another_size_is_noticed(built, clean, stage)


def test_a_product_changed_with_mtime_kept_and_another_size(known, clean):
    for stage in OF_PRODUCTS:
        assert_another_size_is_noticed(known, clean, stage)


@every_stage
def test_an_input_changed_while_its_action_runs(built, clean, hold, stage):
    write(built, SOURCE[stage], "longer")
    hold.mark(stage)
    process = built.start(env=hold.env)
    hold.wait(stage, process)
    path = built.folder / STAGES[stage][0]
    source = path.parent.name == "spec"
    if source:
        write(built, SOURCE[stage], "same size")
    else:
        other = path.with_name("other")
        other.write_bytes(flipped(path.read_bytes()))
        os.replace(other, path)
    hold.release(stage)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err == b""
    failed = [line for line in out.decode().splitlines() if line.startswith("FAILED")]
    (line,) = (line for line in failed if f"{stage}:" in line)
    assert line.endswith(f"{STAGES[stage][0]}: changed while it was being read; run doit again")
    assert_no_output(built, stage)
    built.build()
    assert built.products() == clean(**{SOURCE[stage]: "same size" if source else "longer"}).products()
