"""A song that is out of time with its reference is not built, and another reference renders nothing."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
import soundfile

from tests.audio.test_sync import DRUMS, MIX, RATE, REST, hits, late
from tests.made_stems import written
from tests.pipeline import tasks_of
from tests.project import Project

SPEC = f"""
[song]
sample_rate = {RATE}
channels = 1
[reference]
file = "rough.wav"
[master]
loudness_lufs = "off"
[stems.drums]
generator = "file"
file = "drums.wav"
effects = [{{ name = "gain", gain_db = -3 }}]
[stems.rest]
generator = "file"
file = "rest.wav"
[stems.hum]
generator = "tone"
note = "A2"
level_dbfs = -40
"""
STEMS = ("drums", "hum", "rest")
ALL = tasks_of("song", STEMS, reference=True)
LOOKED_FOR = tasks_of("song", STEMS, ["sync"], reference=True)
NOT_FOUND = "not found in the reference for sure, so not judged"


def song_of(project):
    project.spec(SPEC)
    for name, audio in (("rough", MIX), ("drums", DRUMS), ("rest", REST)):
        written(project.folder / "spec" / f"{name}.wav", audio, RATE)
    return project


@pytest.fixture
def song(project):
    return song_of(project)


@pytest.fixture(scope="module")
def built_once(tmp_path_factory):
    """Return such a song that has been built, and what doit said."""
    project = song_of(Project(tmp_path_factory.mktemp("in time") / "song"))
    return project, project.build()


@pytest.fixture
def built(project, built_once):
    """Return such a song that has been built."""
    shutil.copytree(built_once[0].folder, project.folder, dirs_exist_ok=True)
    return project


def contents(project):
    return json.loads((project.folder / "build/song/archive.json").read_text())


def test_what_is_found_in_the_reference_is_in_the_record_and_another_reference_renders_nothing(built, built_once):
    song, run = built, built_once[1]
    assert run.done == {"ran": ALL}
    assert run.lines("ran")["sync:song/hum"].startswith(NOT_FOUND)
    assert re.match(r"[+-]0\.0\d ms from the reference  ", run.lines("ran")["sync:song/drums"])
    assert "all checks passed, 3 of 4 found in the reference within 0.0" in run.lines("ran")["archive:song"]
    files = {file.get("stem", "master"): file for file in contents(song)["files"]}
    for sync in (files["drums"]["align"]["sync"], files["rest"]["sync"], files["master"]["sync"]):
        assert (sync["polarity"], sync["confidence"]) == (1, 1.0)
        assert abs(sync["offset_ms"]) < 0.02
    assert contents(song)["mix"]["sync"]["confidence"] == 1.0
    assert files["hum"]["sync"]["offset_ms"] is None
    written(song.folder / "spec" / "rough.wav", hits(9), RATE)
    run = song.build()
    assert run.done == {"ran": ["archive:song", "reference:song", "report:song", *LOOKED_FOR, "timing:song"]}
    assert {run.lines("ran")[task].partition("  ")[0] for task in LOOKED_FOR} == {NOT_FOUND}
    assert "sync not judged (none of it is found in the reference)" in run.lines("ran")["archive:song"]


def test_another_stem_is_looked_for_alone(built):
    built.edit("gain_db = -3", "gain_db = -4")
    after = [*tasks_of("song", [], ["archive", "master", "mix", "report"]), "picture:song/drums"]
    assert built.build().done == {"ran": sorted([*after, "process:song/drums", "sync:song/drums"])}


def test_a_song_whose_reference_becomes_a_duration_has_no_such_file_any_more(built):
    assert (built.folder / "build/song/sync").exists()
    built.edit('file = "rough.wav"', f"duration = {len(MIX) // RATE}")
    built.build()
    assert not (built.folder / "build/song/sync").exists()


def test_a_stem_that_is_late_slow_or_inverted_fails_before_anything_is_delivered(song):
    wrong = -late(DRUMS, 37.0, 300.0)
    written(song.folder / "spec" / "drums.wav", wrong[: len(DRUMS)], RATE)
    run = song.doit("--continue")
    assert run.done["FAILED"] == ["sync:song/drums"]
    assert not list((song.folder / "build/song").glob("*.zip"))
    line = run.lines("FAILED")["sync:song/drums"]
    assert "spec/song.toml: stems.drums: it is 37.00 ms behind the reference, 10 ms are allowed" in line.replace(
        "36.99", "37.00"
    )
    assert "it drifts by +1" in line
    assert "polarity is the reference's inverted" in line
    song.edit("[stems.drums]", '[stems.drums]\nverify = { sync_offset_ms = 50, sync_drift_ms = 20, polarity = "any" }')
    assert song.build().tasks("ran") == ["archive:song", "report:song", "sync:song/drums"]


def test_a_filter_that_turns_the_phase_of_a_stem_is_no_inversion(built):
    built.edit('"gain", gain_db = -3', '"highpass", cutoff_hz = 2000, order = 4')
    built.build()
    (drums,) = (file for file in contents(built)["files"] if file.get("stem") == "drums")
    assert drums["align"]["sync"]["polarity"] == 1
    assert drums["sync"]["polarity"] == -1


def test_a_song_whose_target_is_a_duration_reads_no_reference(song):
    song.edit('file = "rough.wav"', f"duration = {len(MIX) // RATE}")
    assert song.build().done == {"ran": tasks_of("song", STEMS)}
    assert not any("sync" in file or "sync" in file.get("align", {}) for file in contents(song)["files"])
    assert "sync" not in contents(song)["mix"]


def test_a_stem_that_asks_for_it_is_brought_in_time_and_says_so(song):
    wrong = -late(DRUMS, 37.0, 50.0)[: len(DRUMS)]
    written(song.folder / "spec" / "drums.wav", wrong, RATE)
    song.edit("[stems.drums]", "[stems.drums]\nalign = { sync = true }")
    run = song.build()
    assert run.done == {"ran": ALL}
    assert "was +37.0" in run.lines("ran")["align:song/drums"]
    assert "ppm, inverted: corrected" in run.lines("ran")["align:song/drums"]
    facts = json.loads((song.folder / "build/song/aligned/drums.json").read_text())
    assert facts["frames"] == len(MIX)
    corrected, sync = facts["align"]["corrected"], facts["align"]["sync"]
    assert corrected["offset_ms"] == pytest.approx(37.0, abs=0.05)
    assert corrected["drift_ppm"] == pytest.approx(50.0, abs=0.5)
    assert abs(sync["offset_ms"]) < 0.05
    assert abs(sync["drift_ms"]) < 0.02
    assert sync["polarity"] == corrected["polarity"] * -1 == 1
    made = soundfile.read(song.folder / "build/song/aligned/drums.wav")[0][RATE:-RATE]
    assert np.corrcoef(made, DRUMS[RATE:-RATE])[0, 1] > 0.95  # of noise that is one frame off it is about 0
    stem = soundfile.read(song.folder / "build/song/stems/drums.wav")[0]
    assert np.abs(stem - wrong[:, 0]).max() < 1e-6, "the stem itself stays as it was"


def test_what_is_not_in_the_reference_cannot_be_brought_in_time_with_it(song):
    song.edit("[stems.hum]", "[stems.hum]\nalign = { strategy = 'none', sync = true }")
    line = song.doit().lines("FAILED")["align:song/hum"]
    assert "it is not found in the reference for sure" in line
    assert "leave out sync" in line


@pytest.mark.parametrize(
    ("reference", "sync", "said"),
    [
        ("duration = 40", "true", "stems.drums.align.sync: there is nothing to be in time with; give reference.file"),
        ('file = "rough.wav"', "1", "stems.drums.align.sync: 1 is not true or false"),
    ],
)
def test_a_sync_that_cannot_be_is_refused_when_the_spec_is_read(song, reference, sync, said):
    song.edit('file = "rough.wav"', reference)
    song.edit("[stems.drums]", f"[stems.drums]\nalign = {{ sync = {sync} }}")
    run = song.doit()
    assert said in run.out
    assert "ran" not in run.done
