"""Which recordings count as the tracks of one session: lengths that soundfile wrote, keys, and whole choices."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import soundfile

from stemtasks import seen
from stemtasks.action.pipeline import jobs_of
from stemtasks.audio.lengths import seconds_of
from stemtasks.spec.reading import read_song
from tests.made_stems import RATE, noise
from tests.strategies.test_auto import chosen

SONG = """
[song]
bpm = 93
sample_rate = 8000
[reference]
duration = 60
[master]
loudness_lufs = "off"
"""


def song_of(tmp_path, monkeypatch, lengths_s, more="", folders=None):
    """Return a song of recordings ``t0.wav``, ``t1.wav`` ... of these lengths, all fitted by ``auto``."""
    monkeypatch.chdir(tmp_path)
    text = SONG
    for number, seconds in enumerate(lengths_s):
        folder = (folders or ["takes"] * len(lengths_s))[number]
        path = tmp_path / "spec" / folder / f"t{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.full(round(seconds * 8000), 0.1), 8000, subtype="PCM_16")
        text += f'[stems.t{number}]\ngenerator = "file"\nfile = "{folder}/t{number}.wav"\nkind = "drums"\n{more}\n'
    (tmp_path / "spec/song.toml").write_text(text)
    return read_song((tmp_path / "spec/song.toml").relative_to(tmp_path))


def tracks_of(song):
    return [job.params.get("session_tracks", 0) for job in jobs_of("align", song)]


@pytest.mark.parametrize(
    ("name", "subtype"),
    [
        ("a.wav", "PCM_16"),
        ("a.wav", "PCM_24"),
        ("a.wav", "FLOAT"),
        ("a.rf64", "PCM_16"),
        ("a.w64", "PCM_16"),
        ("a.aiff", "PCM_24"),
        ("a.aifc", "PCM_16"),
        ("a.flac", "PCM_16"),
    ],
)
@pytest.mark.parametrize(("rate", "channels"), [(44100, 1), (96000, 2)])
def test_a_headers_length_is_what_soundfile_says(tmp_path, name, subtype, rate, channels):
    path = tmp_path / name
    kind = {"rf64": "RF64", "aifc": "AIFF"}.get(name.split(".")[1])
    soundfile.write(path, np.zeros((12345, channels)), rate, subtype=subtype, format=kind)
    assert seconds_of(str(path)) == pytest.approx(soundfile.info(path).duration, abs=1e-9)


def test_what_has_no_such_header_or_is_damaged_has_no_length(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(800), 8000)
    whole = path.read_bytes()
    for content in (b"", b"fLaC", b"FORM", whole[:20], whole[:36], bytes(100)):
        path.write_bytes(content)
        assert seconds_of(str(path)) is None
    assert seconds_of(str(tmp_path / "none.wav")) is None
    soundfile.write(tmp_path / "a.ogg", np.zeros(8000), 8000)
    assert seconds_of(str(tmp_path / "a.ogg")) is None


@pytest.mark.parametrize(
    ("lengths_s", "found"),
    [
        ([24.0, 24.0, 24.0], [3, 3, 3]),
        ([24.0, 24.04, 23.97, 30.0], [3, 2, 2, 0]),
        ([24.0, 24.0, 24.2], [0, 0, 0]),
        ([24.0, 24.0], [0, 0]),
        ([8.0, 8.0, 8.0], [0, 0, 0]),
    ],
)
def test_three_of_one_length_and_twenty_seconds_are_a_session(tmp_path, monkeypatch, lengths_s, found):
    tracks = tracks_of(song_of(tmp_path, monkeypatch, lengths_s))
    assert tracks == [count if count >= 3 else 0 for count in found]


def test_recordings_of_other_folders_parts_of_recordings_and_the_same_file_twice_do_not_count(tmp_path, monkeypatch):
    assert tracks_of(song_of(tmp_path, monkeypatch, [24.0] * 3, folders=["a", "a", "b"])) == [0, 0, 0]
    assert tracks_of(song_of(tmp_path, monkeypatch, [24.0] * 3, more="start_seconds = 1")) == [0, 0, 0]
    song = song_of(tmp_path, monkeypatch, [24.0] * 3)
    text = (tmp_path / "spec/song.toml").read_text().replace("t2.wav", "t1.wav")
    (tmp_path / "spec/song.toml").write_text(text)
    assert tracks_of(read_song(song.path)) == [0, 0, 0]


def test_only_a_stem_that_auto_fits_has_it_in_its_key_and_only_the_count(tmp_path, monkeypatch):
    assert tracks_of(song_of(tmp_path, monkeypatch, [24.0] * 3, more='align = "loop"')) == [0, 0, 0]
    before = [job.params for job in jobs_of("align", song_of(tmp_path, monkeypatch, [24.0] * 3))]
    after = [job.params for job in jobs_of("align", song_of(tmp_path, monkeypatch, [24.0, 24.02, 24.0]))]
    assert before == after


def test_a_recording_whose_length_was_read_is_watched_by_the_note_of_nothing_to_do(tmp_path, monkeypatch):
    watched = []
    monkeypatch.setattr(seen, "add", watched.append)
    tracks_of(song_of(tmp_path, monkeypatch, [24.0] * 3))
    assert [f"spec/takes/t{number}.wav" for number in range(3)] == [path for path in watched if "takes" in path]


def test_a_song_without_need_imports_nothing_for_it(tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "stemtasks.audio.lengths", raising=False)
    tracks_of(song_of(tmp_path, monkeypatch, [24.0, 24.0]))
    assert "stemtasks.audio.lengths" not in sys.modules


BARS_8 = noise(round(8 * 4 * 60 / 93 * RATE), level=0.1)


@pytest.mark.parametrize("kind", ["drums", "bass", "pad", None])
def test_a_track_of_a_session_is_padded(kind):
    choice = chosen(noise(23 * RATE), 137.0, 93.0, kind=kind, session_tracks=9)
    assert choice.strategy == "zero_pad"
    assert choice.reason == "23.0 s, as long as 8 other recordings of its folder: tracks of one session"


def test_eight_whole_bars_may_be_a_loop_of_a_pack_and_are_repeated():
    assert len(BARS_8) > 20 * RATE
    assert chosen(BARS_8, 137.0, 93.0, kind="drums", session_tracks=9).strategy == "loop"
    assert chosen(np.concatenate((BARS_8, BARS_8)), 137.0, 93.0, kind="drums", session_tracks=9).strategy == "zero_pad"


def test_an_exported_session_is_padded_and_a_folder_of_loops_is_not(recordings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spec").mkdir()
    for number, (name, expected) in enumerate([("songs/lmms_reggaetry", 9), ("loops", 0)]):
        text = SONG
        for at, path in enumerate(sorted((recordings / name).glob("*.flac"))):
            text += f'[stems.t{at}]\ngenerator = "file"\nfile = "{path}"\n'
        spec = tmp_path / "spec" / f"song{number}.toml"
        spec.write_text(text)
        assert set(tracks_of(read_song(spec.relative_to(tmp_path)))) == {expected}
