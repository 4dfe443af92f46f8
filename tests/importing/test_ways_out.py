"""What a message of an import asks for helps when it is done."""

from __future__ import annotations

import re

import numpy as np
import pytest

from stemtasks import cli
from tests.importing.sessions import RATE, saved, sound
from tests.importing.test_dawproject import lanes, packed, track
from tests.test_remedies import said_of


@pytest.fixture
def takes(tmp_path):
    """Return a folder with a recording, and beside it one without and a file."""
    saved(tmp_path / "takes" / "Gtr.wav", sound("chord", 57, 2.0))
    (tmp_path / "other").mkdir()
    (tmp_path / "file.txt").write_text("x")
    return tmp_path / "takes"


def test_what_an_import_asks_for_helps(takes, imports, refuses):
    for asked in ("", takes.parent / "gone", takes.parent / "other", takes.parent / "file.txt", takes / "Gtr.wav"):
        assert re.search("name (the|a) folder", refuses(asked, "--name", "song"))
    assert list(imports(takes).toml["stems"]) == ["gtr"]


def test_a_folder_of_a_thousand_songs_is_refused(takes, imports, refuses):
    for number in range(1001):
        (takes.parent / "other" / f"{number}.wav").touch()
    assert "holds 1002 recordings, a song has 1000 stems at most: name a folder of one song" in refuses(takes.parent)
    imports(takes)


def test_a_name_that_is_taken_or_none_can_be_given(takes, imports, refuses):
    imports(takes)
    (takes.parent / "***").mkdir()
    saved(takes.parent / "***" / "Gtr.wav", sound("chord", 57, 2.0))
    assert refuses(takes.parent / "***").endswith("its name is none for a song; give one with --name")
    assert refuses(takes, "--name", "song").endswith("give another name with --name")
    assert refuses(takes, "--name", "draft").endswith("give another name")
    imports(takes.parent / "***", "other")


def test_audio_that_is_in_the_way_can_be_moved(tmp_path, imports, refuses, project_folder):
    take = saved(tmp_path / "take.wav", sound("chord", 57, 4.0)).read_bytes()
    clip = '<Clip time="0" duration="8" contentTimeUnit="seconds"><Audio><File path="take.wav"/></Audio></Clip>'
    path = packed(tmp_path / "song.dawproject", track(), lanes(clip), files={"take.wav": take})
    mine = saved(project_folder / "spec" / "audio" / "song" / "take.wav", sound("low", 45, 2.0))
    (project_folder / "dodo.py").write_text("")
    assert "is there already, and is not overwritten; move it away" in refuses(path, "--name", "song")
    mine.rename(tmp_path / "mine.wav")
    assert imports(path).stem("vox")["file"] == "audio/song/take.wav"


def test_what_is_said_of_dc_takes_it_out(tmp_path, imports, project_folder):
    t = np.arange(4 * RATE) / RATE
    saved(tmp_path / "takes" / "Gtr.wav", 0.2 * np.sin(2 * np.pi * 220 * t) + 0.1)
    made = imports(tmp_path / "takes")
    mend = re.search(r'mend = \[\{ name = "highpass", .*?\]', made.text)
    assert mend is not None
    text = re.sub(r"verify = \{.*\}", mend.group(), made.text)
    text = re.sub(r"(?m)^dc_offset = .*$", "", text)
    assert text.count("mend = ") == 2
    made.path.write_text(text, encoding="utf-8")
    assert said_of(project_folder, "process") == []


def test_what_is_not_sure_can_be_made_so(tmp_path, imports, project_folder):
    rng = np.random.default_rng(1)
    saved(tmp_path / "takes" / "Audio 1.wav", 0.1 * rng.standard_normal(3 * RATE))
    made = imports(tmp_path / "takes")
    text, count = re.subn(r"(?m)^# (?=(bpm|key|kind) = )", "", made.text)
    assert count == 3
    made.path.write_text(text, encoding="utf-8")
    song = made.song
    assert (song.song.bpm, song.song.key, song.stems[0].kind) == (120.0, "A minor", "drums")
    assert cli.main(["check", "song"]) == 0
    assert said_of(project_folder, "process") == []
