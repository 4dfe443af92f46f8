"""What is made is in the keys and at the tempo that were written down: in the record, and as a gate where asked for."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
import soundfile

from stemtasks.music.pitch import SHARP_NAMES
from tests.pipeline import tasks_of

KEYS = [f"{tonic} {scale}" for scale in ("major", "minor") for tonic in SHARP_NAMES]
PLAYED = {
    "major": {"bass": "1 - 1 5, | 6, - 4, 5,", "chords": "I V vi IV"},
    "minor": {"bass": "1 - 1 5, | 6, - 4, 5,", "chords": "i bVI iv V7"},
}
HEAD = """
[song]
bpm = 120
sample_rate = 16000
channels = 1
[reference]
duration = "{bars} bars"
[stems.bass]
generator = "synth"
octave = 2
steps_per_beat = 1
[stems.bass.patterns]
{bass}
[stems.chords]
generator = "synth"
gain_db = -3
steps_per_beat = 0.5
[stems.chords.patterns]
{chords}
[stems.drums]
generator = "drums"
patterns.default = {{ kick = "X... x... X... x...", snare = ".... X... .... X...", closed_hat = "x.x." }}
"""


def song_of(*keys, more=""):
    """Return the spec of a song with a section of two bars in each key."""
    lines = {
        stem: "\n".join(f's{place} = "{PLAYED[key.split()[1]][stem]}"' for place, key in enumerate(keys))
        for stem in ("bass", "chords")
    }
    sections = "".join(f'[[sections]]\nname = "s{at}"\nbars = 2\nkey = "{key}"\n' for at, key in enumerate(keys))
    return HEAD.format(bars=2 * len(keys), **lines) + more + sections


def contents(project):
    return json.loads((project.folder / "build/song/archive.json").read_text())


def test_what_is_made_in_every_key_is_heard_in_it(project):
    project.spec(song_of(*KEYS, more="[verify]\nin_key = 0.75\nkey_margin = 0.02\nonset_error_ms = 8\n"))
    assert project.build().done == {"ran": tasks_of("song", ("bass", "chords", "drums"))}
    found = contents(project)
    files = {file.get("stem", "master"): file for file in found["files"]}
    assert "sections" not in files["master"]
    assert [each["best_key"] for each in found["mix"]["sections"]] == KEYS
    assert {each["in_key"] for each in files["drums"]["sections"]} == {None}
    assert max(each["onset_error_ms"] for each in files["drums"]["sections"]) < 5.0


RIFF = '[stems.riff]\ngenerator = "file"\nfile = "riff.wav"\ngain_db = -12\n'


@pytest.fixture
def song(project):
    """Return a song in G major and B minor with a recording."""
    project.spec(song_of("G major", "B minor", more=f"{RIFF}[verify]\n"))
    return project


def riff(project, up=0, late_s=0.0):
    """Record the scale's fifths of both sections, an eighth each, transposed or late."""
    x = np.zeros(8 * 16_000)
    for eighth in range(32):
        steps = ((7, 11, 14, 18), (11, 14, 18, 9))[eighth // 16]  # G B D F#, and B D F# A
        start = round((eighth / 4 + late_s) * 16_000)
        time = np.arange(min(3500, len(x) - start)) / 16_000
        hz = 440.0 * 2.0 ** ((60 + steps[eighth % 4] + up - 69) / 12)
        x[start : start + len(time)] = np.exp(-8 * time) * sum(
            0.6**h * np.sin(2 * np.pi * h * hz * time) for h in (1, 2, 3, 4, 5)
        )
    soundfile.write(project.folder / "spec/riff.wav", 0.5 * x, 16_000, subtype="PCM_16")


def test_without_a_limit_a_wrong_key_is_in_the_record_alone_and_a_limit_renders_nothing(song):
    riff(song, up=1)
    song.build()
    files = {file.get("stem", "master"): file for file in contents(song)["files"]}
    wrong = [each["in_key"] for each in files["riff"]["sections"]]
    right = [each["in_key"] for stem in ("bass", "chords") for each in files[stem]["sections"]]
    assert max(wrong) < 0.6 < 0.85 < min(right)
    song.edit("[verify]", "[verify]\nin_key = 0.6")
    run = song.doit()
    assert (run.done["FAILED"], "ran" in run.done) == (["process:song/riff"], False)
    said = run.lines("FAILED")["process:song/riff"]
    assert "stems.riff: in 2 of 2 sections, most in 's" in said
    assert "at least 60% is asked" in said
    assert "allow it with verify.in_key" in said
    assert song.build("draft=true").lines("ran")["draft-process:song/riff"]  # which is there to be listened to
    song.edit(RIFF, f"{RIFF}verify = {{ in_key = 0.0 }}\n")
    done = song.build().done
    assert (done["ran"], done["restored"]) == (["report:song"], ["process:song/riff"])
    assert {"archive:song", "master:song", "mix:song"} <= set(done["verified"])  # and what the failure came before


def test_strokes_off_the_grid_fail_by_how_late_they_are(song):
    riff(song, late_s=0.04)
    song.edit("[verify]", "[verify]\nonset_error_ms = 15")
    said = song.doit().lines("FAILED")["process:song/riff"]
    late = re.search(r"stems.riff: in 2 of 2 sections, .* its onsets are ([\d.]+) ms off the grid .* late\)", said)
    assert float(late[1]) == pytest.approx(40.0, abs=5.0)
    riff(song)
    assert "process:song/riff" in song.build().done["ran"]


def test_a_song_whose_stems_are_all_in_another_key_fails_by_the_mixs_margin(project):
    """The stems are right to each other; a fifth is the hardest to hear."""
    spec = song_of("G major", "Eb major")
    project.spec(spec)
    project.build()
    shutil.copy(project.folder / "build/song/mix.wav", project.folder / "spec/all.wav")
    stem = '[stems.all]\ngenerator = "file"\nfile = "all.wav"\n[verify]\nkey_margin = 0.0\n'
    head, sections = spec[: spec.index("[stems.bass]")], spec[spec.index("[[sections]]") :]
    project.spec(head + stem + sections)
    project.build()
    for up in (1, 7):
        other = [SHARP_NAMES[(tonic + up) % 12] for tonic in (7, 3)]
        moved = sections.replace("G major", f"{other[0]} major").replace("Eb major", f"{other[1]} major")
        project.spec(head + stem + moved)
        run = project.doit()
        assert run.done["FAILED"] == ["archive:song"], up
        said = run.lines("FAILED")["archive:song"]
        assert re.search(r"mix: in 2 of 2 sections, .* \(it sounds like (G major|Eb major)\)", said), said
