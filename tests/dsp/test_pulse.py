"""Attacks are held against clicks at known frames, and beats across a seam against a seam that was moved."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemtasks.dsp import pulse
from tests.made_stems import RATE


def clicks(places, frames):
    audio = np.zeros(frames)
    for place in places:
        burst = np.exp(-np.arange(2000) / 300.0)[: max(0, frames - place)]
        audio[place : place + len(burst)] += burst
    return audio


def around_a_seam(beat, count, more_s=0.0, late_s=0.0):
    """Return clicks on every half beat, a seam after ``count`` beats that comes ``more_s`` late, the piece's frames."""
    piece = round(count * beat + more_s * RATE)
    half = np.arange(2 * count) * beat / 2 + late_s * RATE
    places = np.round(np.concatenate((half, half + piece))).astype(int).tolist()
    return clicks(places, 2 * piece), piece


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 90), min_size=1, max_size=12, unique=True), st.sampled_from([22050, RATE, 96000]))
def test_a_click_is_found_to_the_millisecond(places, rate):
    frames = [round((0.1 * place + 0.0123) * rate) for place in sorted(places)]
    audio = clicks(frames, 10 * rate)
    times, strengths = pulse.attacks(audio, rate, 0.06, begins=True)
    assert np.abs(times - np.array(frames) / rate).max() < 0.001
    assert len(strengths) == len(frames)


@pytest.mark.parametrize("bpm", [72.0, 97.0, 120.0, 163.5])
@pytest.mark.parametrize("more_ms", [-31.0, -4.0, 0.0, 4.0, 31.0])
def test_a_piece_that_is_longer_than_its_own_beats_is_so_by_that(bpm, more_ms):
    beat = 60 * RATE / bpm
    audio, piece = around_a_seam(beat, 8, more_ms / 1000)
    found = pulse.kept(audio, piece, RATE, beat, piece, begins=True)
    # it is what is sure, and so a little less
    assert abs(more_ms) - 1.0 <= abs(found.across) * 1000 <= abs(more_ms) + 0.1
    assert found.across * more_ms >= 0.0
    assert found.offset * 1000 == pytest.approx(0.0, abs=0.5)


@pytest.mark.parametrize("off", [0.95, 0.98, 0.99, 1.01, 1.02, 1.05])
def test_a_tempo_that_is_not_the_recordings_shows_as_the_beats_that_are_missed(off):
    own, beat = 60 * RATE / 100.0, 60 * RATE / (100.0 * off)
    piece = round(8 * beat)
    places = np.concatenate((np.arange(0, piece, own / 2), piece + np.arange(0, piece, own / 2)))
    found = pulse.kept(clicks(np.round(places).astype(int), 2 * piece), piece, RATE, beat, piece, begins=True)
    missed = (piece / own - round(piece / own)) * 0.6
    assert 0.9 * abs(missed) - 0.002 <= abs(found.across) <= abs(missed) + 0.002
    assert found.across * missed > 0.0


@pytest.mark.parametrize("late_ms", [3.0, 10.0, 30.0])
def test_what_begins_beside_the_grid_is_off_by_that_and_its_beats_still_go_on(late_ms):
    beat = 60 * RATE / 110.0
    audio, piece = around_a_seam(beat, 4, late_s=late_ms / 1000)
    found = pulse.kept(audio, piece, RATE, beat, piece, begins=True)
    assert found.offset * 1000 == pytest.approx(late_ms, abs=1.0)
    assert found.across * 1000 == pytest.approx(0.0, abs=0.5)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(3, 12))
def test_attacks_at_random_are_not_judged(seed, count):
    rng = np.random.Generator(np.random.PCG64(seed))
    beat = RATE // 2
    piece = 8 * beat
    places = np.sort(rng.integers(0, 2 * piece - 3000, 2 * count)).tolist()
    found = pulse.kept(clicks(places, 2 * piece), piece, RATE, beat, piece, begins=True)
    assert found is None


@pytest.mark.parametrize("swing", [0.62, 2 / 3])
def test_a_strong_swing_is_not_taken_for_a_seam_that_is_off(swing):
    beat = 60 * RATE / 96.0
    piece = round(4 * beat)
    steps = (np.arange(16) + (2 * swing - 1) * (np.arange(16) % 2)) * beat / 4
    audio = clicks(np.round(np.concatenate((steps, steps + piece))).astype(int), 2 * piece)
    found = pulse.kept(audio, piece, RATE, beat, piece, begins=True)
    assert found is None or abs(found.across) < 0.005


def test_silence_and_a_tone_that_goes_on_have_no_beat():
    for audio in (np.zeros(4 * RATE), 0.5 * np.sin(np.arange(4 * RATE) * 0.03)):
        assert pulse.kept(audio, 2 * RATE, RATE, RATE / 2, 2 * RATE, begins=False) is None
