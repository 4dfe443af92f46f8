"""The beat across the seams of recorded loops, at their tempo and at others, and where the region begins beside it."""

from __future__ import annotations

from itertools import cycle

import numpy as np
import pytest

from stemtasks.audio.source import Source
from tests.made_stems import RATE, as_wav, fitted, fitted_file, noise, written
from tests.strategies.test_loop import DRUM_LOOPS, JUDGED, LIMITS, assert_the_beat_is_right_or_not_judged, said


@pytest.mark.parametrize("name", DRUM_LOOPS)
def test_a_recorded_loop_at_its_tempo_is_right_or_not_judged(recordings, tmp_path, name):
    """Where it is a little short or long: ``tests/strategies/test_loop.py``."""
    bpm, _ = DRUM_LOOPS[name]
    path, rate = as_wav(recordings / "loops" / name, tmp_path)
    assert_the_beat_is_right_or_not_judged(fitted_file(path, "loop", 30 * rate, tmp_path, song_bpm=bpm), name, rate)


@pytest.mark.parametrize(("name", "off"), list(zip(JUDGED, cycle([0.95, 1.05]), strict=False)))
def test_a_tempo_five_percent_off_is_heard_at_the_seam(recordings, tmp_path, name, off):
    bpm, _ = DRUM_LOOPS[name]
    path, rate = as_wav(recordings / "loops" / name, tmp_path)
    made = fitted_file(path, "loop", 30 * rate, tmp_path, song_bpm=bpm * off)
    worst = made.seams["worst_seam"]
    assert worst["beat_error_ms"] <= 500 / rate + 1e-3
    if worst["onset_error_ms"] is None:
        assert made.facts["tempo"]["share"] < 0.6  # it is said so already
    else:
        assert abs(worst["onset_error_ms"]) > 2 * LIMITS["seam_onset_error_ms"]


@pytest.mark.parametrize(
    ("name", "off"),
    [
        ("loop_amen_full.flac", 0.98),
        ("loop_amen_full.flac", 1.01),
        ("loop_mika.flac", 0.99),
        ("loop_mika.flac", 1.02),
        ("loop_tabla.flac", 0.99),
        ("loop_tabla.flac", 1.01),
    ],
)
def test_a_tempo_one_percent_off_is_heard_at_the_seam_of_four_bars(recordings, tmp_path, name, off):
    bpm, _ = DRUM_LOOPS[name]
    path, rate = as_wav(recordings / "loops" / name, tmp_path)
    made = fitted_file(path, "loop", 30 * rate, tmp_path, song_bpm=bpm * off)
    assert abs(made.seams["worst_seam"]["onset_error_ms"]) > 40.0


def test_a_loop_at_97_called_100_fails_at_the_seam_and_the_remedy_mends_it(recordings, tmp_path):
    path, rate = as_wav(recordings / "loops" / "loop_mehackit1.flac", tmp_path)
    (phrase,) = said(fitted_file(path, "loop", 30 * rate, tmp_path, song_bpm=100.0), rate)
    assert phrase.startswith("at the seam at 2.400 s what is heard goes on at least ")
    assert "ms off its own beat, 15 ms are allowed: give the stem bpm = 97, or allow it" in phrase
    assert said(fitted_file(path, "loop", 30 * rate, tmp_path, song_bpm=100.0, bpm=97.0), rate) == []


@pytest.mark.parametrize("name", ["click-120bpm.flac", "loop_breakbeat.flac", "loop_mika.flac"])
def test_a_region_that_begins_30_ms_before_its_downbeat_fails_and_the_remedy_mends_it(recordings, tmp_path, name):
    bpm, _ = DRUM_LOOPS[name]
    path, rate = as_wav(recordings / "loops" / name, tmp_path)
    with Source(path) as source:
        whole = source.read(0, source.frames)
    lead = round(0.03 * rate)
    written(path, np.concatenate((np.zeros((lead, whole.shape[1])), whole, whole[:rate])), rate)
    made = fitted_file(path, "loop", 30 * rate, tmp_path, song_bpm=bpm, length_beats=4.0)
    assert made.seams["worst_seam"]["beat_error_ms"] <= 500 / rate + 1e-3
    (phrase,) = said(made, rate)
    assert (
        "ms off the grid, 25 ms are allowed: begin the region where its first beat is heard (start_seconds = " in phrase
    )
    start = float(phrase.split("start_seconds = ")[1].split(")")[0])
    assert start == pytest.approx(0.033, abs=0.004)
    again = fitted_file(path, "loop", 30 * rate, tmp_path, song_bpm=bpm, length_beats=4.0, start_seconds=start)
    assert said(again, rate) == []


def test_noise_and_crossfades_are_not_judged():
    assert fitted(noise(8 * RATE), "loop", 30 * RATE, song_bpm=120.0).seams["worst_seam"]["onset_error_ms"] is None
    assert fitted(noise(8 * RATE), "crossfade", 30 * RATE).seams["worst_seam"]["onset_error_ms"] is None


def test_a_region_that_is_no_whole_beats_has_its_beat_error_alone():
    hits = np.concatenate(
        [noise(RATE // 4, seed=k) * np.exp(-np.arange(RATE // 4) / 900.0)[:, None] for k in range(32)]
    )
    made = fitted(hits, "loop", 30 * RATE, song_bpm=120.0, end_seconds=3.13)
    worst = made.seams["worst_seam"]
    assert worst["beat_error_ms"] > 100.0
    assert worst["onset_error_ms"] is None
