"""A song with numbers that change: built, delivered, told of, and built again where its sections move."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
import soundfile

from tests.project import Project

RATE = 9000
SPEC = f"""
[song]
bpm = 120
sample_rate = {RATE}

[reference]
duration = "4 bars"

[[sections]]
name = "verse"
bars = 2
[[sections]]
name = "chorus"
fill = true

[stems.bass]
generator = "tone"
note = "A2"
gain_db = {{ sections = {{ verse = -12, chorus = -6 }} }}
pan = {{ points = [["verse", -1.0], ["chorus", 1.0]] }}
send = {{ to = "room", level_db = {{ points = [["verse", -20], ["chorus.end", 0]] }}, pre = true }}

[stems.lead]
generator = "tone"
note = "A4"
gain_db = -12
effects = [{{ name = "lowpass", cutoff_hz = {{ points = [["2.1", 300], ["chorus", 3000]] }} }}]

[stems.pad]
generator = "tone"
note = "E4"
gain_db = -20
effects = [{{ name = "reverb", mix = {{ points = [["2.1", 0], ["chorus", 0.5]] }} }}]

[groups.all]
stems = ["lead"]
gain_db = {{ points = [["verse", -6], ["chorus", 0]], curve = "smooth" }}

[groups.room]
"""


def read(project: Project, name: str):
    """Return a built file's audio."""
    return soundfile.read(project.folder / "build/song" / name, always_2d=True)[0]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return a project of the spec, built."""
    project = Project(tmp_path_factory.mktemp("automation"))
    project.spec(SPEC)
    project.build()
    return project


def test_stems_groups_and_sends_have_the_levels_of_each_frame(built):
    bass = read(built, "aligned/bass.wav")
    seconds = np.arange(len(bass)) / RATE
    ramp = np.clip((seconds - 3.98) / 0.02, 0, 1)
    decibels = -12 + 6 * (0.5 - 0.5 * np.cos(np.pi * ramp))
    places = np.clip(seconds / 2 - 1, -1, 1)
    angles = (places + 1) * np.pi / 4
    sides = np.minimum(1, np.sqrt(2) * np.stack([np.cos(angles), np.sin(angles)], axis=1))
    np.testing.assert_allclose(
        read(built, "processed/bass.wav"), bass * sides * 10 ** (decibels[:, None] / 20), atol=1e-6
    )
    room = bass * 10 ** (np.interp(seconds, [0, 8], [-20, 0])[:, None] / 20)
    np.testing.assert_allclose(read(built, "groups/room.wav"), room, atol=1e-6)
    smooth = -6 + 6 * np.sin(np.pi / 2 * np.clip(seconds / 4, 0, 1)) ** 2
    together = read(built, "processed/lead.wav") * 10 ** (smooth[:, None] / 20)
    np.testing.assert_allclose(read(built, "groups/all.wav"), together, atol=1e-6)


def test_what_is_delivered_says_how_far_numbers_go_and_all_of_them(built):
    (archive,) = (built.folder / "build/song").glob("*.zip")
    with zipfile.ZipFile(archive) as packed:
        text = {name.split("/")[-1]: packed.read(name) for name in packed.namelist() if not name.endswith(".wav")}
    files = {file["stem"]: file for file in json.loads(text["manifest.json"])["files"] if "stem" in file}
    assert files["bass"]["gain_db"] == {"sections": {"verse": -12.0, "chorus": -6.0}, "default": None, "ramp_ms": 20.0}
    assert files["all"]["gain_db"]["points"] == [["verse", -6.0], ["chorus", 0.0]]
    sheet = text["TrackSheet.txt"].decode()
    (line,) = (line.split() for line in sheet.splitlines() if line.endswith("bass") and "to" in line)
    assert line[2:-2] == ["-12.00", "to", "-6.00", "+0.00", "L100", "to", "R100"]
    report = (built.folder / "build/song/report.html").read_text()
    assert "-12.00 to -6.00 dB, -1.00 to +1.00" in report
    assert "&quot;points&quot;: [[&quot;2.1&quot;, 0.0], [&quot;chorus&quot;, 0.5]]" in report


def test_stems_in_place_of_a_group_whose_gain_changes_say_that_they_are_not_the_mix(built):
    built.edit("[stems.bass]", "[archive]\ngroups = false\n\n[stems.bass]")
    built.build()
    facts = json.loads((built.folder / "build/song/archive.json").read_text())
    assert facts["not_in_stems"] == ["the changing gain of group all"]
    built.edit("[archive]\ngroups = false\n\n", "")


def test_another_value_of_one_point_makes_anew_only_what_comes_of_it(built):
    built.build()
    built.edit('"2.1", 300]', '"2.1", 400]')
    ran = built.build().tasks("ran")
    assert [task for task in ran if task.startswith(("stem", "align", "process", "group"))] == [
        "group:song/all",
        "process:song/lead",
    ]
