"""A song whose files do not fit on the disk is one line before anything is made; plan says bytes and seconds."""

from __future__ import annotations

import re
import shutil
from collections import namedtuple

import pytest

from stemtasks.action import room
from stemtasks.spec.reading import read_song
from tests import three_stems
from tests.project import Project
from tests.two_stems import ALL, SPEC, built_in

HUGE = """
[song]
sample_rate = 384000
[reference]
duration = "23:59:59"
""" + "".join(f'\n[stems.s{number}]\ngenerator = "tone"' for number in range(100))
USAGE = namedtuple("USAGE", "total used free")


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """Return the folder of a song of two stems that has been built."""
    return built_in(tmp_path_factory.mktemp("template") / "song")


def test_a_song_that_does_not_fit_is_one_line_and_the_others_are_built(project):
    project.spec(SPEC)
    project.spec(HUGE, "huge")
    run = project.doit()
    (line,) = [line for line in run.out.splitlines() if line.startswith("FAILED")]
    assert re.match(r"FAILED      spec/huge.toml: its files would take \S+ TB more \(1439:59\.000 at 384000 Hz, 100 "
                    r"stems\), build/ has .* free; free some space, or shorten the song, ", line)  # fmt: skip
    assert run.code == 1
    assert len(run.tasks("ran")) == len(ALL)
    assert not (project.folder / "build/huge").exists()
    for command in ("list", "why", "plan"):
        assert project.doit(command).code == 0


def fitting(monkeypatch, built, free):
    """Return whether a built song is taken, with so many bytes free."""
    from stemtasks.action.tree import Tree
    from stemtasks.paths import SPEC as FOLDER
    from stemtasks.paths import STATE

    monkeypatch.chdir(built.folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: USAGE(free, 0, free))
    fits, broken = room.without_room([read_song(FOLDER / "song.toml")], Tree(STATE))
    assert len(fits) + len(broken) == 1
    return bool(fits)


def test_what_is_there_and_what_the_store_has_takes_no_more_room(monkeypatch, built):
    assert fitting(monkeypatch, built, 0)
    shutil.rmtree(built.folder / "build/song")
    assert fitting(monkeypatch, built, 0)


def test_what_is_to_be_made_needs_as_much_as_it_will_take(monkeypatch, built):
    shutil.rmtree(built.folder / "build")
    monkeypatch.chdir(built.folder)
    song = read_song(built.folder / "spec/song.toml")
    sizes = room.sizes_of(song, room.target_frames(song))
    assert not fitting(monkeypatch, built, sum(sizes.values()) - 1)
    assert fitting(monkeypatch, built, sum(sizes.values()))


def test_the_estimate_is_what_the_files_take(project, monkeypatch):
    project.spec(three_stems.SPEC)
    project.build()
    monkeypatch.chdir(project.folder)
    song = read_song(project.folder / "spec/song.toml")
    sizes = room.sizes_of(song, room.target_frames(song))
    seen = set()
    taken = 0
    for path in (project.folder / "build/song").rglob("*"):
        status = path.stat()
        if path.is_file() and path.suffix in (".wav", ".zip") and status.st_ino not in seen:
            seen.add(status.st_ino)
            taken += status.st_size
    assert sum(sizes.values()) == pytest.approx(taken, rel=0.05)


def test_the_target_of_a_recording_is_known_by_its_header_and_by_its_record(project, monkeypatch):
    import numpy as np
    import soundfile

    soundfile.write(project.folder / "spec/ref.wav", np.full(22_050, 0.1), 22_050)
    project.spec('[song]\nsample_rate = 8000\n[reference]\nfile = "ref.wav"\n[stems.a]\ngenerator = "tone"\n')
    monkeypatch.chdir(project.folder)
    song = read_song(project.folder / "spec/song.toml")
    assert room.target_frames(song) == 8000
    (project.folder / "build/song").mkdir(parents=True)
    for text in (
        "[" * 100_000,
        "{}",
        "7",
        '{"frames": "x", "sample_rate": 0}',
        '{"frames": 4, "sample_rate": 0}',
        "\xff",
    ):
        (project.folder / "build/song/reference.json").write_bytes(text.encode("latin-1"))
        assert room.target_frames(song) == 8000


def test_plan_says_the_bytes_and_the_seconds_that_it_took_before(built):
    assert built.doit("plan").out.splitlines()[-1] == f"{len(ALL)} up to date"
    fresh = Project(built.folder.parent / "fresh")
    fresh.spec(SPEC)
    last = fresh.doit("plan").out.splitlines()[-1]
    assert re.fullmatch(
        rf"{len(ALL)} run; about \d+\.\d MB to write; {len(ALL)} tasks were never run, which may take any time", last
    )
    built.edit('note = "A2"', 'note = "A3"')
    last = built.doit("plan").out.splitlines()[-1]
    assert re.fullmatch(
        r"\d+ up to date, \d+ run; about \d+\.\d MB to write; \d+\.\d s of work, as long as it took before", last
    )
