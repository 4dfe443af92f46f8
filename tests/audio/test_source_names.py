"""Whatever a recording is called, it is read or refused in one line."""

import os

import numpy as np
import pytest
import soundfile

from stemtasks.audio.source import Source
from stemtasks.errors import AudioError
from tests.audio_files import noise

NAMES = [
    "take.raw",
    "TAKE.RAW",
    "take.vox",
    "take",
    "-take.wav",
    "take.WAV",
    os.fsdecode(b"t\xff.wav"),
    "a.\xe9\u0142",
    "a\nb.wav",
    "\x1b[2J\r\x07.wav",
]


@pytest.mark.parametrize("content", ["wave", "text"])
@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_any_file_name_is_read_or_refused_in_one_line_of_text(tmp_path, name, content):
    path = tmp_path / name
    if content == "wave":
        soundfile.write(tmp_path / "plain.wav", np.zeros((100, 1)), 48000)
        (tmp_path / "plain.wav").rename(path)
    else:
        path.write_bytes(b"no audio at all, only some text that is long enough")
    said = ""
    try:
        with Source(path) as source:
            assert source.read(0, 100).shape == (100, 1)
    except AudioError as error:
        said = str(error)
    assert not said or name.isascii() <= said.isprintable()
    assert not said or "cannot be read as audio" in said


def test_control_characters_in_a_name_are_shown_escaped(tmp_path):
    for name, shown in (("a\nb.wav", r"a\nb.wav"), ("\x1b[2J\x85\u202e.wav", r"\x1b[2J\x85\u202e.wav")):
        with pytest.raises(AudioError) as error:
            Source(tmp_path / name)
        assert str(error.value) == f"{tmp_path}/{shown}: no such file"


def test_a_song_with_a_line_break_in_a_files_name_is_built_and_its_messages_are_lines(project):
    name = "ta\nke\x1b[31m.wav"
    project.spec('[reference]\nduration = 1\n[stems.a]\ngenerator = "file"\nfile = "ta\\nke\\u001b[31m.wav"\n')
    soundfile.write(project.folder / "spec" / name, noise(48000), 48000)
    assert "stem:song/a" in project.doit("stem:song/a").tasks("ran")
    (project.folder / "spec" / name).write_text("no audio")
    for arguments in (["why"], ["stem:song/a"], ["check"]):
        said = project.doit(*arguments)
        assert r"spec/ta\nke\x1b[31m.wav" in said.out + said.err
        assert name not in said.out + said.err


def test_the_remedy_for_a_name_that_cannot_be_read_works(tmp_path):
    path = tmp_path / "take.raw"
    soundfile.write(tmp_path / "plain.wav", np.zeros((100, 1)), 48000)
    (tmp_path / "plain.wav").rename(path)
    with pytest.raises(AudioError, match="give it a plain name that ends in its format"):
        Source(path)
    path.rename(tmp_path / "take.wav")
    with Source(tmp_path / "take.wav") as source:
        assert source.frames == 100


@pytest.mark.parametrize("name", ["take.vox", "take.gsm", "take.au", "take.SND"])
def test_bytes_that_are_no_audio_are_not_taken_for_sound_because_of_a_name(tmp_path, name):
    (tmp_path / name).write_bytes(b"no audio at all, only some text" * 20)
    with pytest.raises(AudioError, match="cannot be read as audio"):
        Source(tmp_path / name)
