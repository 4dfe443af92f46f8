"""A folder of recordings becomes a song: what each becomes, and why."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import struct
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile

from stemtasks import cli
from stemtasks.importing.folder import look
from tests.importing.conftest import Imported
from tests.importing.sessions import BPM, RATE, SECONDS, TRACKS, saved, sound
from tests.spec.test_stamps import bext, written


@pytest.fixture(scope="module")
def imported(nine, tmp_path_factory):
    """Return what was made of the session of nine tracks."""
    folder = tmp_path_factory.mktemp("imported")
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()) as out:
        assert cli.main(["import", str(nine), "--name", "song"]) == 0
    return Imported(folder, "song", out.getvalue())


@pytest.fixture
def takes(tmp_path, nine):
    """Return takes(mix) -> a folder of the nine tracks, and of their mix under another name, if it has one."""

    def copied(mix=None):
        folder = shutil.copytree(nine, tmp_path / "takes", copy_function=os.link)
        if mix is None:
            (folder / "Rough Mix.wav").unlink()
        else:
            (folder / "Rough Mix.wav").rename(folder / mix)
        return folder

    return copied


@pytest.fixture
def keys(tmp_path):
    """Return a folder of one recording."""
    return saved(tmp_path / "First Light" / "Keys.wav", sound("chord", 57, 2.0)).parent


def test_a_session_becomes_a_song_with_its_mix_as_the_reference(nine, imported, monkeypatch):
    made, said = imported, imported.toml
    assert said["song"] == {
        "title": "First Light", "bpm": BPM, "key": "A minor", "sample_rate": RATE, "subtype": "PCM_24",
    }  # fmt: skip
    assert said["reference"] == {"file": os.path.relpath(nine / "Rough Mix.wav", made.path.parent)}
    assert list(said["stems"]) == [
        "kick_in", "snare_top", "oh", "bass_di", "gtr_l", "gtr_r", "keys", "ld_vox", "bvs",
    ]  # fmt: skip
    assert [stem["title"] for stem in said["stems"].values()] == list(TRACKS)
    assert [stem["kind"] for stem in said["stems"].values()] == [
        *["drums"] * 3, "bass", *["melodic"] * 3, "vocal", "vocal",
    ]  # fmt: skip
    assert {stem["align"] for stem in said["stems"].values()} == {"none"}
    assert [Path(made.path.parent, stem["file"]).resolve() for stem in said["stems"].values()] == [
        nine / f"{name}.wav" for name in TRACKS
    ]
    monkeypatch.chdir(made.path.parents[1])
    assert made.song.stems
    assert made.lines[-1] == "spec/song.toml: a song of 9 stems; read it, then run doit"


def test_stems_of_a_kind_are_grouped(imported):
    assert {name: group["stems"] for name, group in imported.toml["groups"].items()} == {
        "drums": ["kick_in", "snare_top", "oh"],
        "guitars": ["gtr_l", "gtr_r"],
        "vocals": ["ld_vox", "bvs"],
    }
    assert imported.toml["archive"] == {"groups": False}


def test_a_group_that_would_clip_is_turned_down_and_the_mix_gives_it_back(tmp_path, imports):
    for number in range(4):
        saved(tmp_path / "takes" / f"Kick {number}.wav", 0.9 * sound("chord", 57, 2.0) / 0.15 / 2)
    saved(tmp_path / "takes" / "drums.wav", sound("chord", 57, 2.0))
    made = imports(tmp_path / "takes")
    (name,) = made.toml["groups"]
    group = made.toml["groups"][name]
    assert name == "drums_group"
    assert made.toml["mix"]["gains_db"] == {name: -group["gain_db"]}
    over = sum(
        soundfile.read(tmp_path / "takes" / f"{stem}.wav")[0] for stem in ("drums", *map("Kick {}".format, range(4)))
    )
    assert 0 < 20 * np.log10(np.abs(over).max()) <= -group["gain_db"] <= 20 * np.log10(np.abs(over).max()) + 1.5


def test_a_mix_is_recognised_by_its_sound(takes, imports):
    made = imports(takes("Song v7.wav"))
    assert made.toml["reference"]["file"].endswith("Song v7.wav")
    assert len(made.toml["stems"]) == 9
    assert any("it is the sum of the others" in line for line in made.lines)


def test_a_mix_by_another_clock_and_a_little_late_is_recognised(takes, imports):
    """An MP3 of it by ffmpeg, at another sample rate, 40 ms late."""
    mix = takes("Song v7.wav") / "Song v7.wav"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", mix, "-af", "adelay=40:all=1", "-ar", "44100"]
    subprocess.run([*command, mix.with_suffix(".mp3")], check=True)
    mix.unlink()
    made = imports(mix.parent)
    assert made.toml["reference"]["file"].endswith("Song v7.mp3")
    assert made.toml["verify"]["sync_offset_ms"] == pytest.approx(50.0)
    assert made.toml["song"]["sample_rate"] == RATE


def test_a_bus_of_some_tracks_is_no_mix(takes, imports):
    folder = takes()
    bus = sum(sound(*TRACKS[name]) for name in list(TRACKS)[4:7])
    saved(folder / "Audio 1.wav", np.stack([bus, 0.8 * bus], axis=1))
    made = imports(folder)
    assert "audio_1" in made.toml["stems"]
    assert made.toml["reference"] == {"duration": SECONDS}


def test_without_a_mix_the_longest_decides(tmp_path, imports):
    saved(tmp_path / "takes" / "Kick.wav", sound("hits", 0, 4.0))
    saved(tmp_path / "takes" / "Gtr.wav", sound("chord", 57, 6.5))
    made = imports(tmp_path / "takes")
    assert made.toml["reference"] == {"duration": 6.5}
    assert made.stem("gtr")["align"] == "none"
    assert "Gtr" not in made.stem("kick")["file"]


def test_what_is_not_sure_is_a_comment(tmp_path, imports):
    rng = np.random.default_rng(1)
    saved(tmp_path / "takes" / "Audio 1.wav", 0.1 * rng.standard_normal(3 * RATE))
    made = imports(tmp_path / "takes")
    assert "bpm" not in made.toml["song"]
    assert "key" not in made.toml["song"]
    assert "kind" not in made.stem("audio_1")
    lines = [" ".join(line.split()) for line in made.text.splitlines()]
    assert "# bpm = 120.0 # not found; what is in bars or beats needs it" in lines
    assert '# key = "A minor" # not found' in lines
    assert '# kind = "drums" # by its sound, which has no notes' in lines


def test_a_loop_is_repeated_and_its_name_gives_the_tempo(tmp_path, imports):
    saved(tmp_path / "takes" / "beat_120bpm.wav", sound("hats", 2, 2.0, bpm=120))
    saved(tmp_path / "takes" / "Pad.wav", sound("chord", 57, 16.0, bpm=120))
    made = imports(tmp_path / "takes")
    assert made.toml["song"]["bpm"] == 120.0
    assert made.stem("beat_120bpm")["align"] == "loop"
    assert "# the name of beat_120bpm.wav says it" in made.text


def test_a_tempo_of_its_own_is_said_of_a_loop(tmp_path, imports):
    saved(tmp_path / "takes" / "beat_120bpm.wav", sound("hats", 2, 2.0, bpm=120))
    saved(tmp_path / "takes" / "clap_120bpm.wav", sound("hats", 3, 2.0, bpm=120))
    saved(tmp_path / "takes" / "hat_90bpm.wav", sound("hats", 2, 4 * 60 / 90, bpm=90))
    made = imports(tmp_path / "takes")
    assert made.toml["song"]["bpm"] == 120.0
    assert made.stem("hat_90bpm")["bpm"] == 90.0
    assert "bpm" not in made.stem("beat_120bpm")


def test_a_header_gives_the_tempo(tmp_path, imports):
    acid = struct.pack("<IHHfIHHf", 2, 60, 0x8000, 0.0, 4, 4, 4, 93.0)
    written(tmp_path / "takes.wav", (b"acid", acid), frames=round(4 * 60 / 93 * 8000))
    (tmp_path / "takes").mkdir()
    (tmp_path / "takes.wav").rename(tmp_path / "takes" / "beat.wav")
    made = imports(tmp_path / "takes")
    assert made.toml["song"]["bpm"] == 93.0
    assert "# the header of beat.wav says it" in made.text


def test_start_stamps_that_differ_place_the_recordings(tmp_path, imports):
    (tmp_path / "takes").mkdir()
    written(tmp_path / "takes" / "a.wav", bext(8000 * 3600), frames=16000)
    written(tmp_path / "takes" / "b.wav", bext(8000 * 3601), frames=16000)
    made = imports(tmp_path / "takes")
    assert [made.stem(name)["start"] for name in "ab"] == ["stamp", "stamp"]
    assert made.toml["reference"] == {"duration": 3.0}
    assert [made.stem(name)["align"] for name in "ab"] == ["zero_pad", "none"]


def test_start_stamps_of_other_sessions_place_nothing(tmp_path, imports):
    (tmp_path / "takes").mkdir()
    written(tmp_path / "takes" / "a.wav", bext(8000 * 3600), frames=16000)
    written(tmp_path / "takes" / "b.wav", bext(8000 * 7 * 3600), frames=16000)
    made = imports(tmp_path / "takes")
    assert [made.stem(name)["start"] for name in "ab"] == ["file", "file"]
    assert made.toml["reference"] == {"duration": 2.0}


def test_what_rings_after_the_mix_is_the_songs_tail(takes, imports):
    folder = takes("Rough Mix.wav")
    saved(folder / "11 Keys 2.wav", sound("chord", 69, SECONDS + 1.2))
    made = imports(folder)
    assert made.toml["song"]["tail_seconds"] == 1.5
    assert made.stem("keys_2")["align"] == "auto"


def test_soft_clipped_and_hot_recordings_are_taken_as_they_are(tmp_path, imports):
    t = np.arange(4 * RATE) / RATE
    saved(tmp_path / "takes" / "soft.wav", 2e-4 * np.sin(2 * np.pi * 220 * t))
    saved(tmp_path / "takes" / "clipped.wav", np.clip(3 * np.sin(2 * np.pi * 220 * t), -0.999, 0.999))
    saved(tmp_path / "takes" / "offset.wav", 0.2 * np.sin(2 * np.pi * 220 * t) + 0.1)
    saved(tmp_path / "takes" / "hot.wav", 1.5 * np.sin(2 * np.pi * 220 * t), subtype="FLOAT")
    made = imports(tmp_path / "takes")
    assert made.toml["song"]["subtype"] == "FLOAT"
    assert made.stem("soft")["verify"]["silence_dbfs"] < -77
    assert made.stem("clipped")["verify"]["clipping_ratio"] > 0.5
    assert made.stem("offset")["verify"]["dc_offset"] > 0.1
    assert "verify" not in made.stem("hot")


def test_what_cannot_be_a_stem_is_left_out_with_the_reason(tmp_path, imports):
    takes = tmp_path / "takes"
    saved(takes / "good.wav", sound("chord", 57, 2.0))
    saved(takes / "silent.wav", np.zeros(RATE))
    saved(takes / "nan.wav", np.array([0.1, np.nan, 0.2] * 9000), subtype="FLOAT")
    saved(takes / "short.wav", np.full(9, 0.1))
    whole = (takes / "good.wav").read_bytes()
    (takes / "cut.wav").write_bytes(whole[: len(whole) // 2])
    (takes / "empty.wav").touch()
    (takes / "text.wav").write_text("no audio")
    (takes / "song.m4a").write_bytes(b"x")
    (takes / "notes.txt").write_text("kick: D112")
    (takes / ".hidden.wav").write_text("no audio")
    (takes / "to.wav").symlink_to("nowhere.wav")
    made = imports(takes)
    assert list(made.toml["stems"]) == ["good"]
    said = dict(line.removeprefix("left out: ").split(": ", 1) for line in made.lines if line.startswith("left out: "))
    assert said.keys() == {
        "silent.wav",
        "nan.wav",
        "short.wav",
        "cut.wav",
        "empty.wav",
        "text.wav",
        "song.m4a",
        "to.wav",
    }
    assert said["silent.wav"].startswith("it is silent")
    assert said["nan.wav"].startswith("9000 samples are NaN or infinite")
    assert said["cut.wav"].startswith("cut short")
    assert said["song.m4a"] == "M4A is not read: export it as WAV or FLAC"
    for name, why in said.items():
        assert f"#   {name}: {why}" in made.text.splitlines()


def test_a_name_that_is_not_utf_8_is_left_out(tmp_path, imports):
    saved(tmp_path / "takes" / "good.wav", sound("chord", 57, 2.0))
    shutil.copy(tmp_path / "takes" / "good.wav", os.fsencode(tmp_path / "takes") + b"/b\xff.wav")
    made = imports(tmp_path / "takes")
    assert list(made.toml["stems"]) == ["good"]
    assert r"left out: b\xff.wav: its name is not UTF-8: rename it" in made.lines


def test_names_that_toml_and_terminals_take_badly_are_written_whole(tmp_path, imports):
    name = 'a "b" \\ \x1b[31m\n#é'
    saved(tmp_path / "takes" / f"{name}.wav", sound("chord", 57, 2.0))
    made = imports(tmp_path / "takes")
    (stem,) = made.toml["stems"].values()
    assert Path(made.path.parent, stem["file"]).is_file()
    assert "\x1b" not in made.text
    assert made.song.stems


def test_what_a_build_made_is_no_recording(tmp_path, imports):
    saved(tmp_path / "takes" / "good.wav", sound("chord", 57, 2.0))
    saved(tmp_path / "takes" / "build" / "song" / "stems" / "bad.wav", sound("chord", 57, 2.0))
    (tmp_path / "takes" / "build" / ".stemtasks").mkdir()
    assert look(tmp_path / "takes").recordings == ["good.wav"]
    assert list(imports(tmp_path / "takes").toml["stems"]) == ["good"]


def test_folders_in_the_folder_are_read_too(tmp_path, imports):
    saved(tmp_path / "takes" / "Drums" / "1.wav", sound("hits", 0, 2.0))
    saved(tmp_path / "takes" / "2 Keys.wav", sound("chord", 57, 2.0))
    made = imports(tmp_path / "takes")
    assert {name: stem["kind"] for name, stem in made.toml["stems"].items()} == {"keys": "melodic", "track_1": "drums"}


def test_a_project_is_begun_where_there_is_none(keys, imports, project_folder):
    made = imports(keys)
    assert made.lines[0] == "this folder is a project now: dodo.py, .gitignore"
    assert (project_folder / "dodo.py").read_bytes() == (Path(cli.__file__).parent / "template/dodo.py").read_bytes()
    again = imports(keys, "second")
    assert not [line for line in again.lines if "is a project now" in line]


def test_a_file_that_is_there_is_kept(keys, imports, refuses, project_folder):
    (project_folder / ".gitignore").write_text("mine")
    made = imports(keys)
    assert (project_folder / ".gitignore").read_text() == "mine"
    assert refuses(keys, "--name", "song") == (
        "spec/song.toml: is there already, and is not overwritten; give another name with --name"
    )
    assert "another song or album has the name 'SONG', once written 'song'" in refuses(keys, "--name", "SONG")
    assert made.path.read_text(encoding="utf-8") == made.text


def test_a_song_is_called_as_its_folder(keys, project_folder, capsys):
    assert cli.main(["import", str(keys)]) == 0
    assert (project_folder / "spec" / "First-Light.toml").is_file()


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("nothing", "takes: is not there; name the folder of your recordings"),
        (
            "empty",
            "takes: holds no recordings (WAV, AIFF, FLAC, Ogg, Opus, MP3, CAF, W64 and AU are read); name a folder",
        ),
        ("text", "takes: holds no recordings (WAV"),
        ("file", "takes: is a file, and no session (.rpp, .dawproject, .otio); name the folder that it lies in"),
        ("cut", "takes: nothing in it can be a stem: empty.wav: the file is empty (0 bytes)"),
    ],
)
def test_what_cannot_be_imported_is_one_line(tmp_path, refuses, made, said):
    takes = tmp_path / "takes"
    if made == "file":
        takes.write_text("x")
    elif made != "nothing":
        takes.mkdir()
    if made == "text":
        (takes / "notes.txt").write_text("kick: D112")
    if made == "cut":
        (takes / "empty.wav").touch()
    assert refuses(takes).startswith(f"{tmp_path}/{said}")


@pytest.mark.parametrize(
    ("name", "said"),
    [("a/b", "--name: the name may not hold '/'"), ("Draft", "so no song may be called so"), ("", "may not be empty")],
)
def test_a_name_that_no_song_may_have_is_one_line(keys, refuses, name, said):
    assert said in refuses(keys, "--name", name)


def test_a_folder_that_may_not_be_read_is_one_line(tmp_path, refuses, monkeypatch):
    (tmp_path / "takes").mkdir()

    def denied(path):
        raise PermissionError(13, "Permission denied", os.fspath(path))

    monkeypatch.setattr(os, "scandir", denied)
    assert refuses(tmp_path / "takes") == (
        f"{tmp_path}/takes: cannot be read (Permission denied); allow this user to read it"
    )


def test_recordings_of_other_rates_and_channels_are_measured_as_stems(tmp_path, imports):
    """A square wave at 44.1 kHz just below full scale is above it at 48 kHz."""
    square = 0.99 * np.sign(np.sin(2 * np.pi * 441 * np.arange(44_100) / 44_100 + 0.1))
    saved(tmp_path / "takes" / "square.wav", square, 44_100)
    for name in ("a", "b"):
        saved(tmp_path / "takes" / f"{name}.wav", sound("chord", 57, 1.0))
    made = imports(tmp_path / "takes")
    assert (made.toml["song"]["sample_rate"], made.toml["song"]["subtype"]) == (RATE, "FLOAT")
    assert "square peaks at +" in made.text


def test_real_recordings_become_songs_that_are_right(recordings, imports):
    made = imports(recordings / "songs" / "lmms_reggaetry")
    assert made.toml["reference"]["file"].endswith("MASTER.ogg")
    assert {name: stem["kind"] for name, stem in made.toml["stems"].items()} == {
        "e_piano": "melodic", "bass_slap_02": "bass", "strings_high": "melodic", "strings_low": "melodic",
        "bd_03": "drums", "snare_05": "drums", "snare_06": "drums", "open_hi_hat_02": "drums",
        "closed_hih_hat_03": "drums",
    }  # fmt: skip
    assert (
        soundfile.info(recordings / "songs/lmms_reggaetry/1_E-Piano.flac").samplerate
        == made.toml["song"]["sample_rate"]
    )
