"""A mix is known as the sum of its stems: of a real song, and of what is left of one."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
import soundfile

from stemtasks.audio import sum_of_others
from stemtasks.audio.sum_of_others import Windows, of_others


@pytest.fixture(scope="module")
def song(recordings_of_module):
    folder = recordings_of_module / "songs" / "lmms_reggaetry"
    return [str(path) for path in sorted(folder.glob("*.flac"))], str(folder / "MASTER.ogg")


@pytest.fixture(scope="module")
def recordings_of_module(request):
    return request.getfixturevalue("recordings")


@pytest.fixture(scope="module")
def windows():
    return Windows()


def test_a_real_mix_is_the_sum_of_its_stems(song, windows):
    stems, mix = song
    found = of_others(mix, stems, 43.9, windows)
    assert found.is_their_sum
    assert found.explained > 0.95


def test_no_stem_of_it_is_the_sum_of_the_others(song, windows):
    stems, mix = song
    for stem in stems:
        others = [other for other in stems if other != stem]
        assert not of_others(stem, others, 43.9, windows).is_their_sum
        assert not of_others(stem, [*others, mix], 43.9, windows).is_their_sum


def test_a_bus_of_its_drums_is_no_mix(song, windows, tmp_path):
    stems, _ = song
    bus = sum(soundfile.read(path, always_2d=True)[0] for path in stems[4:])
    soundfile.write(tmp_path / "bus.wav", bus / np.abs(bus).max(), 44_100, subtype="PCM_24")
    assert not of_others(str(tmp_path / "bus.wav"), stems, 43.9, windows).is_their_sum


def test_another_song_is_no_mix_of_it(song, windows, recordings):
    stems, _ = song
    other = str(recordings / "songs" / "metal_madness" / "song.ogg")
    assert not of_others(other, stems, 43.9, windows).is_their_sum


def test_windows_that_are_kept_and_windows_that_are_read_anew_say_the_same(song, windows, monkeypatch):
    stems, mix = song
    kept = of_others(mix, stems[:3], 43.9, windows)
    monkeypatch.setattr(sum_of_others, "MOST_KEPT", 2)
    found = of_others(mix, stems[:3], 43.9)
    assert astuple(found) == pytest.approx(astuple(kept), abs=1e-6)  # a Vorbis file's last bits follow its seeks
