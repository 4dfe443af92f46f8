"""A crossfade has the target's frames, keeps level and ending, and takes its seams from what sustains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemtasks.audio.source import Source
from stemtasks.errors import AudioError
from tests.made_stems import RATE, Fitted, as_wav, fitted, fitted_file, noise, sine
from tests.repetition import own_repetition, repetition

SUSTAINED = [
    "melodic/MoonlightSonata.wav",
    "melodic/ambi_piano.flac",
    "melodic/flute.aif",
    "melodic/guit_e_slide.flac",
    "melodic/guit_em9.flac",
    "melodic/guitar_chord1.wav",
    "melodic/guitar_strum_Cmajor_UP_00.flac",
    "melodic/juno_pad01.ogg",
    "melodic/latin_guitar02.ogg",
    "instruments/rhodes__Rhodes_C3.flac",
    "instruments/synth_strings__Synth_Strings_1.flac",
    "instruments/guitar_nylon__Nylon_E3.flac",
]


@settings(max_examples=40, deadline=None)
@given(
    st.integers(480, 30000),
    st.integers(0, 90000),
    st.integers(1, 3),
    st.sampled_from([8000, RATE]),
    st.sampled_from([0.0, 1.0, 60.0, 500.0]),
)
def test_any_crossfade_has_exactly_the_targets_frames(frames, more, channels, rate, overlap_ms):
    made = fitted(noise(frames, channels), "crossfade", frames + more, rate, overlap_ms=overlap_ms)
    assert made.audio.shape == (frames + more, channels)
    assert np.isfinite(made.audio).all()
    assert np.abs(made.audio).max() < 1.0
    # the end may be silent for as long as an alignment reaches
    assert made.audio[: -RATE // 20].any(axis=1).all()


@dataclass(frozen=True)
class Extended:
    whole: np.ndarray
    rate: int
    made: Fitted


@pytest.fixture(scope="module")
def extended(request, recordings, tmp_path_factory):
    """Return a recording and what becomes of it in 60 s."""
    folder = tmp_path_factory.mktemp("extended")
    path, rate = as_wav(recordings / request.param, folder)
    with Source(path) as source:
        whole = source.read(0, source.frames)
    return Extended(whole, rate, fitted_file(path, "crossfade", 60 * rate, folder))


def of(names):
    return pytest.mark.parametrize("extended", names, indirect=True)


@of(SUSTAINED)
def test_sustained_recordings_have_seams_within_the_limits(extended):
    made = extended.made
    assert len(made.audio) == 60 * extended.rate
    worst = made.seams["worst_seam"]
    assert max(worst["dip_db"], worst["rise_db"]) < 1.0
    assert worst["step_db"] < 24.0
    assert worst["jump_ratio"] < 1.5


@of(SUSTAINED)
def test_no_region_is_heard_twice_running(extended):
    frames = [seam["frame"] for seam in extended.made.seams["seam_list"]]
    lengths = np.diff(frames)
    assert (lengths[1:] != lengths[:-1]).mean() > 0.9


@of([name for name in SUSTAINED if name != "melodic/ambi_piano.flac"])
def test_no_swell_or_note_is_heard_again_and_again(extended):
    """One recording is left out: it swells once in the 1.7 s that sustain, and there is nothing else to go to."""
    whole, rate, made = extended.whole, extended.rate, extended.made
    frames = [seam["frame"] for seam in made.seams["seam_list"] if seam["frame"] < 7 * len(whole)]
    found = repetition(made.audio[frames[0] : frames[-1]], rate, np.diff(frames) / rate)
    region = whole[made.facts["region_start_frame"] : made.facts["region_end_frame"]]
    # what goes on by itself correlates a little by chance: a third is no repetition that is heard
    assert found <= max(own_repetition(region, rate), 1 / 3)


def test_a_region_that_is_always_the_same_would_be_found_to_repeat(recordings, tmp_path):
    path, rate = as_wav(recordings / "melodic/flute.aif", tmp_path)
    with Source(path) as source:
        part = source.read(rate, 2 * rate)
    assert repetition(np.tile(part, (6, 1)), rate, [2.0]) > 0.9 > own_repetition(part, rate)


@pytest.mark.parametrize("name", ["melodic/ambi_piano.flac", "melodic/guit_e_slide.flac", "melodic/juno_pad01.ogg"])
def test_regions_taken_in_turn_differ_in_length_where_they_can(recordings, tmp_path, name):
    path, rate = as_wav(recordings / name, tmp_path)
    made = fitted_file(path, "crossfade", 30 * rate, tmp_path)
    lengths = np.diff([seam["frame"] for seam in made.seams["seam_list"]]) / rate
    assert len(set(np.round(lengths, 2).tolist())) >= 2
    assert max(lengths) / min(lengths) > 1.1


def test_a_tone_whose_phase_wanders_keeps_its_level():
    wander = np.cumsum(np.random.Generator(np.random.PCG64(3)).standard_normal(8 * RATE)) * 0.004
    made = fitted(0.4 * np.sin(2 * np.pi * 180 * np.arange(8 * RATE) / RATE + wander), "crossfade", 24 * RATE)
    worst = made.seams["worst_seam"]
    assert max(worst["dip_db"], worst["rise_db"]) < 1.0


def test_what_swells_is_repeated_in_long_pieces_of_different_lengths():
    swell = np.concatenate((np.linspace(0, 1, 6 * RATE), np.linspace(1, 0, 4 * RATE))) ** 2
    made = fitted(noise(10 * RATE, seed=7) * swell[:, None], "crossfade", 30 * RATE)
    lengths = np.diff([seam["frame"] for seam in made.seams["seam_list"]]) / RATE
    assert made.seams["seams"] <= 7
    assert min(lengths) > 2.0
    assert len(set(np.round(lengths, 2).tolist())) > 1


@pytest.mark.parametrize("name", ["instruments/rhodes__Rhodes_C3.flac", "instruments/guitar_nylon__Nylon_E3.flac"])
def test_a_decaying_note_is_extended_without_pumping(recordings, tmp_path, name):
    path, rate = as_wav(recordings / name, tmp_path)
    made = fitted_file(path, "crossfade", 30 * rate, tmp_path)
    middle = made.audio[3 * rate : 25 * rate]
    level = [10 * np.log10(np.mean(part**2)) for part in np.split(middle, 220)]
    assert max(level) - min(level) < 4.0


def test_the_ending_is_the_recordings_own():
    tail = np.concatenate((np.ones(3 * RATE), np.exp(-np.arange(2 * RATE) / 12000.0)))
    stem = noise(5 * RATE, seed=2) * tail[:, None]
    made = fitted(stem, "crossfade", 20 * RATE)
    own, end = stem[4 * RATE : 4 * RATE + RATE // 2], made.audio[-int(1.1 * RATE) :]
    scores = np.correlate(end[:, 0], own[:, 0], "valid")
    assert scores.max() / np.sum(own**2) == pytest.approx(1.0, abs=0.01)


def test_neither_attack_nor_decay_is_repeated():
    shape = np.concatenate((np.full(4000, 5.0), np.ones(4 * RATE), np.exp(-np.arange(2 * RATE) / 9000.0)))
    stem = noise(len(shape), level=0.05) * shape[:, None]
    made = fitted(stem, "crossfade", 40 * RATE)
    body = made.audio[RATE : 37 * RATE]
    level = [10 * np.log10(np.mean(part**2)) for part in np.split(body, 360)]
    assert max(level) - min(level) < 2.0


def test_a_tone_is_extended_without_a_dip():
    made = fitted(sine(4 * RATE, 220.7), "crossfade", 30 * RATE)
    level = [10 * np.log10(np.mean(part**2)) for part in np.split(made.audio[RATE : 29 * RATE], 280)]
    assert max(level) - min(level) < 0.6
    assert made.seams["worst_seam"]["jump_ratio"] < 1.1


@pytest.mark.parametrize("channels", [1, 2])
def test_noise_keeps_its_level_at_seams(channels):
    made = fitted(noise(5 * RATE, channels, seed=4), "crossfade", 30 * RATE)
    assert made.seams["seams"] > 5
    assert max(max(seam["dip_db"], seam["rise_db"]) for seam in made.seams["seam_list"]) < 1.1


def test_seams_close_together_are_not_taken_for_each_others_dips():
    stem = noise(8411, 2) * np.exp(-np.arange(8411) / 800)[:, None]
    assert fitted(stem, "crossfade", 31689, 44100).seams["worst_seam"]["dip_db"] < 0.5


def test_a_last_block_shorter_than_a_hop_is_no_trouble():
    made = fitted(noise(65268 + 19), "crossfade", 131309, 44100)
    assert len(made.audio) == 131309


def test_regions_alternate_where_several_match():
    made = fitted(noise(6 * RATE), "crossfade", 60 * RATE)
    spacing = np.diff([seam["frame"] for seam in made.seams["seam_list"]])
    assert len(set(spacing.tolist())) > 3


def test_a_longer_stem_is_an_error_that_names_truncate():
    with pytest.raises(AudioError, match="truncate"):
        fitted(noise(RATE), "crossfade", RATE // 2)
