"""The tempo of what sounds together: of clicks that are known, and of recordings whose names say it."""

from __future__ import annotations

import numpy as np
import pytest

from stemtasks.audio.tempo import tempo_of
from tests.audio_files import noise, written

RATE = 24_000


def clicks(bpm, seconds, late=None):
    """Return hits on the eighths of a tempo, each so much late in seconds."""
    x = np.zeros((round(seconds * RATE), 1))
    burst = noise(800, 1, seed=3, level=0.8) * np.exp(-np.arange(800) / 150)[:, None]
    for number in range(int(seconds * bpm / 30)):
        at = round((number * 30 / bpm + (0.0 if late is None else late[number])) * RATE)
        x[at : at + 800] += burst[: max(0, len(x) - at)] * (1.0 if number % 2 == 0 else 0.4)
    return x


@pytest.mark.parametrize("bpm", [80.0, 96.0, 93.7, 120.0, 126.5, 140.0])
def test_the_tempo_of_clicks_is_found_exactly(tmp_path, bpm):
    path = written(tmp_path / "a.wav", clicks(bpm, 30), rate=RATE)
    found = tempo_of([str(path)], 30)
    assert (found.bpm, found.doubt) == (bpm, "")


def test_twice_the_range_is_found_as_its_half(tmp_path):
    path = written(tmp_path / "a.wav", clicks(174.0, 40), rate=RATE)
    assert tempo_of([str(path)], 40).bpm == 87.0


def test_what_sounds_together_is_heard_together(tmp_path):
    """Two that hit in turn."""
    whole = clicks(100.0, 40)
    step = round(0.6 * RATE)
    first = (np.arange(len(whole)) // step % 2 == 0)[:, None]
    paths = [
        str(written(tmp_path / "a.wav", whole * first, rate=RATE)),
        str(written(tmp_path / "b.wav", whole * ~first, rate=RATE)),
    ]
    assert tempo_of(paths, 40).bpm == 100.0


def test_what_is_played_without_a_click_is_in_doubt(tmp_path):
    drift = np.cumsum(np.random.default_rng(1).normal(0.0, 0.02, 400))
    path = written(tmp_path / "a.wav", clicks(110.0, 90, drift), rate=RATE)
    found = tempo_of([str(path)], 90)
    assert found is None or found.doubt


def test_noise_and_silence_have_no_tempo(tmp_path):
    for name, audio in (("a", noise(20 * RATE, 1)), ("b", np.zeros((20 * RATE, 1))), ("c", noise(300, 1))):
        path = written(tmp_path / f"{name}.wav", audio, rate=RATE)
        assert tempo_of([str(path)], 20) is None


def test_a_real_song_has_one_tempo_in_its_drums_and_in_its_mix(recordings):
    folder = recordings / "songs" / "lmms_reggaetry"
    drums = [str(path) for path in sorted(folder.glob("[5-9]_*.flac"))]
    assert len(drums) == 5
    found = [tempo_of(paths, 44) for paths in (drums, [str(folder / "MASTER.ogg")])]
    assert found[0] == found[1]
    assert found[0].doubt == ""
