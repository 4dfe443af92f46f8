"""The key of recordings whose names say it, and what plays notes."""

from __future__ import annotations

import pytest

from stemtasks.audio.tonality import TONAL, key_of, tones_of
from tests.audio_files import noise, written


@pytest.mark.parametrize(
    ("name", "key"),
    [("guit_em9.flac", "E minor"), ("guit_e_slide.flac", "E minor"), ("guitar_strum_Cmajor_UP_00.flac", "C major")],
)
def test_the_key_that_a_name_says_is_heard(recordings, name, key):
    found = key_of([tones_of(str(recordings / "melodic" / name), 0.0, 5.0)])
    assert found.key == key
    assert found.margin > 0.06


def test_drums_and_noise_play_no_notes(recordings, tmp_path):
    paths = [written(tmp_path / "noise.wav", noise(96_000)), recordings / "loops" / "loop_mehackit1.flac"]
    for path in paths:
        tones = tones_of(str(path), 0.0, 2.0)
        assert tones.tonal < TONAL
        assert key_of([tones]) is None


def test_silence_says_nothing(tmp_path):
    tones = tones_of(str(written(tmp_path / "a.wav", 0.0 * noise(96_000))), 0.0, 2.0)
    assert (tones.windows, tones.tonal) == (0, 0.0)
