"""``doit check``: every mistake of every song at once, without making sound or writing anything."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from tests.three_stems import SPEC

WRONG = {
    "first": """
[song]
bpm = 120
key = "A minor"
sample_rate = 8000
channels = 1
[reference]
duration = "0:10"
[[sections]]
name = "verse"
bars = 4
[[sections]]
name = "chorus"
bars = 4
[stems.d]
generator = "drums"
swing = 0.6
steps_per_beat = 3
[stems.d.patterns.verse]
kick = "x..z"
snare = "x.y."
[stems.d.patterns.bridge]
kick = "x"
[stems.s]
generator = "synth"
effects = [
    { name = "delay", beats = 1, time_ms = 4 },
    { name = "delay", beats = 1000 },
    { name = "bandpass", low_hz = 900, high_hz = 200 },
    { name = "width", width = 2 },
]
pan = 0.4
[stems.s.patterns]
verse = "1 Am 3 Q"
chorus = "1''''' 5"
[stems.t]
generator = "tone"
note = "C9"
every_beats = 1
length_beats = 2
[stems.gone]
generator = "file"
file = "gone.wav"
[stems.bad]
generator = "file"
file = "bad.wav"
[stems.take]
generator = "file"
file = "take.wav"
align = { strategy = "loop", start_seconds = 4, end_seconds = 3 }
duration = 5
start_seconds = 0.5
[stems.long]
generator = "file"
file = "long.wav"
align = "zero_pad"
""",
    "second": """
[song]
bmp = 1
sample_rate = "x"
[reference]
duration = "2:75"
[stems.a]
generator = "tone"
note = "H"
gain_db = 100
effects = [{ name = "lopass" }, { name = "delay", beats = -1 }]
[stems.b]
generator = "tone"
frequency_hz = -4
[mix.gains_db]
zz = 1
a = 400
""",
    "third": "[[",
}
SAID = [
    ("first", "stems.gone.file: spec/gone.wav: no such file"),
    ("first", "sections last 16.000 s (8 bars at 120 bpm), the target 10.000 s: 3.000 bars are too many"),
    ("first", "stems.d: swing: 0.6 moves the second step of each pair, but steps_per_beat = 3 has no pairs"),
    ("first", "stems.d: patterns.verse.kick: character 'z' at step 4; allowed: X x o . -"),
    ("first", "stems.d: patterns.verse.snare: character 'y' at step 3"),
    ("first", "stems.d: patterns.bridge: the song has no section 'bridge'; known: default, verse, chorus"),
    ("first", "stems.s: patterns.verse: step 2 'Am': 'Am' is a chord's symbol; a chord is written by its degree"),
    ("first", "stems.s: patterns.verse: step 4 'Q': not a step"),
    ("first", "stems.s: patterns.chorus: step '1'''''' is A9 (14080.0 Hz), outside 20 to 4000 Hz"),
    ("first", "stems.s.effects[0]: delay: give either beats or time_ms, found both"),
    ("first", "stems.s.effects[1]: delay: 1000 beats at 120 bpm are 500.0 s, at most 30 s between echoes"),
    ("first", "stems.s.effects[2]: bandpass: low_hz 900 is not below high_hz 200"),
    ("first", "stems.s.effects[3]: width: needs 2 channels, found 1"),
    ("first", "stems.s: pan 0.4 needs a stereo song"),
    ("first", "stems.t: note: C9 (8372.0 Hz) is not below half the sample rate of 8000 Hz"),
    ("first", "stems.t: length_beats: 2 is more than every_beats (1)"),
    ("first", "stems.bad: spec/bad.wav: cannot be read as audio (Format not recognised)"),
    ("first", "stems.take: it lasts 2.500 s, its 'duration' says 5.000 s +-50 ms"),
    ("first", "stems.take.align: loop: end_seconds is 3, which is not after the start"),
    ("first", "stems.take.align: build/first/stems/take.wav: the loop starts at 4.000 s, the stem has 2.500 s"),
    ("first", "stems.long.align: build/first/stems/long.wav: 11.000 s are longer than the target's 10.000 s"),
    ("second", "song: unknown key 'bmp'"),
    ("second", "song.sample_rate: 'x' is a string"),
    ("second", "reference.duration: '2:75' is not a length of time"),
    ("second", "stems.a.gain_db: 100 is outside -144 to 48 dB"),
    ("second", "stems.a.note: 'H' is not a note"),
    ("second", "stems.a.effects[0]: unknown effect 'lopass'"),
    ("second", "stems.a.effects[1].beats: -1 is outside 0 to 100000 beats"),
    ("second", "stems.b.frequency_hz: -4 is outside 1 to half the sample rate"),
    ("second", "mix.gains_db: unknown stem 'zz'"),
    ("second", "mix.gains_db.a: 400 is not a number, -144 to 48 dB"),
    ("third", "is not TOML: "),
]


@pytest.fixture
def wrong(project):
    """Return three songs with all kinds of mistakes."""
    for name, text in WRONG.items():
        project.spec(text, name)
    (project.folder / "spec/bad.wav").write_bytes(b"RIFFjunk")
    soundfile.write(project.folder / "spec/take.wav", np.zeros(3 * 8000), 8000)
    soundfile.write(project.folder / "spec/long.wav", np.full(11 * 8000, 0.01), 8000)
    return project


def use_mine(project):
    """Have the first stem with effects use one of the project's own."""
    spec = project.folder / "spec/song.toml"
    spec.write_text(spec.read_text().replace("effects = [", 'effects = [{ name = "mine" }, ', 1))


def files(folder):
    """Return everything in a folder with its time."""
    return {path: path.lstat().st_mtime_ns for path in (folder, *folder.rglob("*"))}


def test_every_mistake_of_every_song_is_said_at_once_and_nothing_is_written(wrong):
    before = files(wrong.folder)
    run = wrong.doit("check")
    assert (run.code, run.err) == (1, "")
    *lines, last = run.out.splitlines()
    assert [line[: len(f"spec/{song}.toml: {said}")] for line, (song, said) in zip(lines, SAID, strict=True)] == [
        f"spec/{song}.toml: {said}" for song, said in SAID
    ]
    assert last == f"3 songs, {len(SAID)} mistakes"
    assert files(wrong.folder) == before


def test_the_command_of_this_package_says_the_same(wrong):
    command = [sys.executable, "-m", "stemtasks.cli", "check"]
    done = subprocess.run(command, cwd=wrong.folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, wrong.doit("check").out, "")


def test_one_song_alone_is_checked_by_its_name(wrong):
    run = wrong.doit("check", "third")
    assert [line.partition(": ")[0] for line in run.out.splitlines()] == ["spec/third.toml", "1 song, 1 mistake"]
    assert (
        "unknown song 'thrid'; known: first, second, third; did you mean 'third'?" in wrong.doit("check", "thrid").out
    )


def test_songs_without_mistakes_are_one_line(project):
    project.spec(SPEC)
    project.spec(SPEC, "other")
    run = project.doit("check")
    assert (run.code, run.out, run.err) == (0, "2 songs, no mistakes\n", "")
    assert not (project.folder / "build").exists()


@pytest.mark.parametrize("mistake", ["", "[["])
def test_it_works_in_a_tree_that_cannot_be_written(project, mistake):
    project.spec(SPEC + mistake)
    (project.folder / "parts/effects").mkdir(parents=True)
    (project.folder / "parts/effects/mine.py").write_text("def mine(blocks, stream):\n    yield from blocks\n")
    use_mine(project)
    folders = [project.folder, project.folder / "spec", project.folder / "parts", project.folder / "parts/effects"]
    before = files(project.folder)
    for folder in folders:
        folder.chmod(0o555)
    run = project.doit("check")
    for folder in folders:
        folder.chmod(0o755)
    assert (run.code, run.err) == (1 if mistake else 0, "")
    assert files(project.folder) == before  # also where it is root who runs this


def test_what_is_allowed_and_seldom_meant_is_a_note(project):
    project.spec(SPEC.replace('"x...x...x...x..."', '"x...x...x...x.."'))
    run = project.doit("check")
    note, last = run.out.splitlines()
    assert note.startswith("NOTE: spec/song.toml: stems.drums: patterns.default.kick: 15 steps, a bar has 16: ")
    assert (run.code, last) == (0, "1 song, no mistakes")
    assert (
        "patterns.default.kick: 15 steps, a bar has 16"
        in project.doit("stem:song/drums").lines("ran")["stem:song/drums"]
    )


def test_a_reference_is_held_against_what_is_asked_of_it_by_its_header(project):
    soundfile.write(project.folder / "spec/ref.wav", np.zeros((8000, 2)), 8000)
    project.spec(
        '[song]\nsample_rate = 8000\n[reference]\nfile = "ref.wav"\nsample_rate = 48000\nchannels = 1\n'
        'min_duration = 3\n[stems.a]\ngenerator = "tone"\n'
    )
    *lines, last = project.doit("check").out.splitlines()
    way_out = "use a longer recording or lower min_duration"
    assert lines == [
        "spec/song.toml: reference: sample_rate is 8000, expected 48000",
        "spec/song.toml: reference: channels is 2, expected 1",
        f"spec/song.toml: reference: it lasts 1.000 s, and min_duration is 3 s: {way_out}",
    ]
    assert last == "1 song, 3 mistakes"


def test_settings_are_checked_too(project):
    project.spec(SPEC)
    (project.folder / "stemtasks.toml").write_text("[cache]\nmax_gb = -1\nshard = 1\n")
    run = project.doit("check")
    known = "local_folder, max_gb, mode, options, shared, timeout_seconds"
    assert run.out.splitlines() == [
        "stemtasks.toml: cache.max_gb: -1 is outside 1e-06 to 1e+06 GB",
        f"stemtasks.toml: cache: unknown key 'shard'; known: {known}; did you mean 'shared'?",
        "1 song, 2 mistakes",
    ]


def test_a_part_that_fails_while_it_is_loaded_is_a_line(project):
    project.spec(SPEC)
    (project.folder / "parts/effects").mkdir(parents=True)
    (project.folder / "parts/effects/mine.py").write_text(
        "1 / 0\n\n\ndef mine(blocks, stream):\n    yield from blocks\n"
    )
    use_mine(project)
    run = project.doit("check")
    assert run.out.startswith(
        "spec/song.toml: stems.bass.effects[0]: parts.effects.mine:mine: cannot be asked (ZeroDiv"
    )
    assert run.code == 1


def test_what_it_finds_the_build_refuses_too(wrong):
    os.remove(wrong.folder / "spec/third.toml")
    os.remove(wrong.folder / "spec/second.toml")
    (wrong.folder / "spec/first.toml").write_text(
        WRONG["first"]
        .replace('[[sections]]\nname = "chorus"\nbars = 4\n', "")
        .replace("chorus = \"1''''' 5\"\n", "")
        .replace("bars = 4", "bars = 5")
    )
    run = wrong.doit("--continue")
    failed = run.lines("FAILED")
    assert [name for name in ("d", "s", "t", "gone", "bad", "take") if f"stem:first/{name}" not in failed] == []
    assert "align:first/long" in failed
