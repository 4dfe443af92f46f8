"""Loops are held against the sound that would have gone on: an endless sine, clicks at exact beats."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemtasks.audio.source import Source
from stemtasks.errors import AudioError, SpecError
from stemtasks.stages import align
from tests.made_stems import RATE, as_wav, facts_of, fitted, fitted_file, noise, sine, written

END = 240  # the last 5 ms are faded

# beats in the whole file, as LICENCES.tsv notes them
DRUM_LOOPS = {
    "break02.ogg": (139.6, 4),
    "click-120bpm.flac": (120.0, 4),
    "electro_beat02.ogg": (120.0, 4),
    "loop_amen_full.flac": (140.0, 16),
    "loop_breakbeat.flac": (126.0, 4),
    "loop_mehackit1.flac": (97.0, 4),
    "loop_mika.flac": (120.0, 16),
    "loop_perc1.flac": (97.0, 4),
    "loop_tabla.flac": (89.94, 16),
    "tb303_01.ogg": (124.7, 8),
}
# of these so many onsets are heard on a grid that the beat across a seam can be judged
JUDGED = ["click-120bpm.flac", "loop_amen_full.flac", "loop_breakbeat.flac", "loop_mehackit1.flac", "loop_mika.flac"]
JUDGED += ["loop_tabla.flac", "electro_beat02.ogg"]
LIMITS = {"seam_onset_error_ms": 15.0, "seam_onset_offset_ms": 25.0}
WHOLE = {"rms_dbfs": -20.0, "clipped_ratio": 0.0, "dc": 0.0, "invalid_samples": 0, "frames": 1}


def said(made, rate):
    """Return what is said of the beat across a loop's seams."""
    return align.verify(WHOLE | {"sample_rate": rate, "align": made.facts | made.seams}, LIMITS)


def assert_the_beat_is_right_or_not_judged(made, name, rate):
    worst = made.seams["worst_seam"]
    assert (worst["onset_error_ms"] is not None) == (name in JUDGED)
    assert said(made, rate) == []
    assert abs(worst["onset_error_ms"] or 0.0) < 5.0
    assert abs(worst["onset_offset_ms"] or 0.0) < 10.0


@settings(max_examples=30, deadline=None)
@given(
    st.integers(480, 30000),
    st.integers(0, 60000),
    st.integers(1, 3),
    st.sampled_from([None, 120.0, 333.33, 1000.0]),
    st.sampled_from([None, 0.0, 5.0, 400.0]),
)
def test_any_loop_has_exactly_the_targets_frames(frames, more, channels, bpm, overlap_ms):
    if bpm is not None and frames < 60 * RATE / bpm:
        bpm = None
    made = fitted(noise(frames, channels), "loop", frames + more, song_bpm=bpm, overlap_ms=overlap_ms)
    assert made.audio.shape == (frames + more, channels)
    assert np.isfinite(made.audio).all()
    assert np.abs(made.audio).max() < 1.0


@pytest.mark.parametrize("bpm", [None, 120.0])
@pytest.mark.parametrize("extra", [0, 3000])
def test_a_sine_of_whole_periods_loops_without_a_trace(bpm, extra):
    target = 20 * RATE + 12345
    made = fitted(sine(2 * RATE + extra, 100), "loop", target, song_bpm=bpm)
    assert np.abs(made.audio[:, 0] - sine(target, 100))[:-END].max() < 2e-7
    assert made.seams["seams"] > 5


@pytest.mark.parametrize("bpm", [120.0, 89.94, 140.0, 97.3, 173.21])
def test_clicks_stay_on_the_beat_for_ten_minutes(bpm):
    rate = 8000
    beat = 60 * rate / bpm
    loop = np.zeros(round(8 * beat))
    loop[[round(k * beat) for k in range(8)]] = 1.0
    made = fitted(loop, "loop", 600 * rate, rate, song_bpm=bpm)
    clicks = np.flatnonzero(np.abs(made.audio[:, 0]) > 0.9)
    assert len(clicks) == int(np.ceil(600 * rate / beat))
    # half a frame from the repetition's start and half from the click's place in the loop
    assert np.abs(clicks - np.arange(len(clicks)) * beat).max() <= 1.0
    downbeats = clicks[::8]
    assert np.abs(downbeats - np.arange(len(downbeats)) * 8 * beat).max() <= 0.5
    assert made.seams["worst_seam"]["beat_error_ms"] <= 0.5 / rate * 1000 + 1e-3


def test_a_recorded_metronome_stays_on_the_beat(recordings, tmp_path):
    path, rate = as_wav(recordings / "loops" / "click-120bpm.flac", tmp_path)
    made = fitted_file(path, "loop", 90 * rate, tmp_path, song_bpm=120.0)
    first = made.audio[: rate // 2]
    for beat in (4, 92, 176):
        assert np.array_equal(made.audio[beat * rate // 2 :][: rate // 2], first)


@pytest.mark.parametrize("name", DRUM_LOOPS)
@pytest.mark.parametrize("known", [True, False])
def test_real_loops_have_seams_within_the_limits(recordings, tmp_path, name, known):
    bpm, beats = DRUM_LOOPS[name]
    path, rate = as_wav(recordings / "loops" / name, tmp_path)
    made = fitted_file(path, "loop", 30 * rate, tmp_path, song_bpm=bpm if known else None)
    assert len(made.audio) == 30 * rate
    worst = made.seams["worst_seam"]
    assert worst["dip_db"] < 2.0
    assert worst["jump_ratio"] < 1.5
    if known:
        assert made.facts["loop_beats"] == beats
        assert worst["beat_error_ms"] <= 500 / rate + 1e-3


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("overlap_ms", [50.0, 500.0])
def test_noise_keeps_its_level_at_seams(channels, overlap_ms):
    made = fitted(noise(5 * RATE, channels, seed=4), "loop", 30 * RATE, overlap_ms=overlap_ms)
    window = RATE // 20
    for seam in made.seams["seam_list"]:
        assert seam["dip_db"] < 1.1
        assert seam["rise_db"] < 1.1
        at = seam["frame"] + seam["overlap_frames"] // 2 - window // 2
        assert abs(10 * np.log10(np.mean(made.audio[at : at + window] ** 2) / 0.01)) < 1.1


def test_the_most_whole_bars_are_repeated_and_what_follows_rings_into_the_seam():
    made = fitted(noise(round(9.2 * RATE)), "loop", 40 * RATE, song_bpm=120.0)
    assert made.facts["loop_beats"] == 16.0
    assert made.facts["loop_bars"] == 4.0
    assert [seam["frame"] for seam in made.seams["seam_list"]] == [8 * RATE * k for k in range(1, 5)]
    assert made.seams["seam_list"][0]["overlap_frames"] == 960


def test_less_than_a_bar_is_repeated_by_beats():
    assert fitted(noise(round(1.7 * RATE)), "loop", 9 * RATE, song_bpm=120.0).facts["loop_beats"] == 3.0


def test_a_recording_cut_just_before_the_bar_counts_as_whole():
    made = fitted(noise(2 * RATE - 100), "loop", 9 * RATE, song_bpm=120.0)
    assert made.facts["loop_beats"] == 4.0
    assert made.seams["worst_seam"]["dip_db"] < 2.0


def test_a_hole_in_sustained_material_is_measured_as_a_dip():
    made = fitted(sine(2 * RATE - 1100, 200), "loop", 9 * RATE, song_bpm=120.0, length_beats=4.0)
    assert made.seams["worst_seam"]["dip_db"] > 20


def test_an_attack_at_the_loops_start_stays_whole():
    rng = noise(2 * RATE, seed=9)
    hit = rng * np.exp(-np.arange(2 * RATE) / 3000.0)[:, None] * 5 + noise(2 * RATE, seed=8, level=0.003)
    stem = np.concatenate((hit, noise(RATE // 2, seed=3, level=0.003)))
    made = fitted(stem, "loop", 10 * RATE, song_bpm=120.0)
    again = made.audio[2 * RATE : 2 * RATE + 480] - made.audio[:480]
    assert np.sqrt(np.mean(again**2)) < 0.02 * np.sqrt(np.mean(made.audio[:480] ** 2))


def test_a_region_with_audio_before_it_overlaps_before_the_beat():
    made = fitted(noise(8 * RATE), "loop", 20 * RATE, song_bpm=120.0, start_beats=4.0, length_beats=8.0)
    seam = made.seams["seam_list"][0]
    assert seam["frame"] + seam["overlap_frames"] == 4 * RATE
    assert seam["beat_error_ms"] == 0.0
    assert np.array_equal(made.audio[4 * RATE : 7 * RATE], made.audio[: 3 * RATE])


def test_a_hit_can_be_repeated_on_every_beat_with_silence_between():
    hit = noise(RATE // 10)
    made = fitted(hit, "loop", 4 * RATE, song_bpm=120.0, length_beats=1.0)
    for beat in range(8):
        start = beat * RATE // 2
        assert np.allclose(made.audio[start : start + 4000], hit[:4000], atol=1e-6)
        assert not made.audio[start + RATE // 10 : start + RATE // 2].any()
    assert made.seams["worst_seam"]["dip_db"] == 0.0


def test_parts_of_opposite_phase_overlap_briefly():
    made = fitted(sine(round(4.25 * RATE), 50.25), "loop", 20 * RATE, song_bpm=120.0, overlap_ms=100.0)
    assert made.facts["loop_beats"] == 8.0
    assert made.seams["seam_list"][0]["overlap_frames"] <= 4800
    opposed = fitted(sine(round(4.25 * RATE), 50.125), "loop", 20 * RATE, song_bpm=120.0, overlap_ms=100.0)
    assert opposed.seams["seam_list"][0]["overlap_frames"] == 240
    assert opposed.seams["worst_seam"]["dip_db"] < 4.0


def test_a_stem_of_another_tempo_keeps_its_own_grid_and_says_so():
    made = fitted(noise(6 * RATE), "loop", 20 * RATE, song_bpm=120.0)
    other = fitted(noise(6 * RATE), "loop", 20 * RATE, song_bpm=120.0, bpm=90.0)
    assert "note" not in made.facts
    assert "90 bpm" in other.facts["note"]
    assert other.facts["loop_beats"] == 8.0
    assert other.seams["worst_seam"]["beat_error_ms"] <= 0.011


def test_seconds_that_are_no_whole_beats_show_as_a_beat_error():
    made = fitted(noise(6 * RATE), "loop", 20 * RATE, song_bpm=120.0, end_seconds=3.13)
    assert made.seams["worst_seam"]["beat_error_ms"] > 100


def test_seconds_within_10_ms_of_whole_beats_are_taken_as_them():
    made = fitted(noise(6 * RATE), "loop", 20 * RATE, song_bpm=89.94, end_seconds=2.669)
    assert made.facts["loop_beats"] == 4.0
    assert made.seams["worst_seam"]["beat_error_ms"] <= 0.011


def test_matching_finds_the_period_of_a_repeating_part():
    phrase = noise(RATE, seed=11) * np.exp(-np.arange(RATE) / 20000.0)[:, None]
    made = fitted(np.concatenate([phrase] * 5)[:-5000], "loop", 30 * RATE)
    assert made.facts["loop_frames"] % RATE == 0
    assert np.allclose(made.audio[:-END], np.concatenate([phrase] * 30)[:-END], atol=1e-5)


def test_one_shift_serves_all_channels():
    tone = sine(5 * RATE, 220.3)
    made = fitted(np.stack((tone, np.roll(tone, 37)), axis=1), "loop", 20 * RATE)
    assert min(seam["rho"] for seam in made.seams["seam_list"]) > 0.99
    assert made.seams["worst_seam"]["dip_db"] < 0.3


@pytest.mark.parametrize(
    ("frames", "target", "bpm", "arguments", "error", "says"),
    [
        (RATE, RATE // 2, None, {}, AudioError, "truncate"),
        (RATE // 4, RATE, 120.0, {}, AudioError, "length_beats = 1"),
        (RATE, 2 * RATE, None, {"length_beats": 2.0}, SpecError, "need a tempo"),
        (RATE, 2 * RATE, 120.0, {"length_beats": 0.0}, SpecError, "length_beats"),
        (RATE, 2 * RATE, 120.0, {"start_seconds": 5.0}, SpecError, "earlier start"),
        (RATE, 2 * RATE, 120.0, {"start_seconds": 0.5, "end_seconds": 0.4}, SpecError, "later end"),
        (RATE, 2 * RATE, 120.0, {"start_seconds": 0.5, "start_beats": 1.0}, SpecError, "keep one"),
        (RATE, 2 * RATE, 120.0, {"end_seconds": 0.5, "length_beats": 1.0}, SpecError, "keep one"),
    ],
)
def test_what_cannot_be_looped_is_an_error_that_names_the_way_out(frames, target, bpm, arguments, error, says):
    with pytest.raises(error, match=says) as caught:
        fitted(noise(frames), "loop", target, song_bpm=bpm, **arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", DRUM_LOOPS)
@pytest.mark.parametrize("cut_ms", [-30, 12, 26, 60])
def test_a_recorded_loop_that_is_a_little_short_or_long_keeps_every_beat_and_has_no_gap(
    recordings, tmp_path, name, cut_ms
):
    bpm, beats = DRUM_LOOPS[name]
    path, rate = as_wav(recordings / "loops" / name, tmp_path)
    with Source(path) as source:
        whole = source.read(0, source.frames)
    edge = round(abs(cut_ms) * rate / 1000)
    written(path, whole[:-edge] if cut_ms > 0 else np.concatenate((whole, whole[:edge])), rate)
    beat = 60 * rate / bpm
    made = fitted_file(path, "loop", round(3 * beats * beat), tmp_path, song_bpm=bpm)
    assert made.facts["loop_beats"] == beats
    assert_the_beat_is_right_or_not_judged(made, name, rate)
    worst = made.seams["worst_seam"]
    assert worst["beat_error_ms"] <= 500 / rate + 1e-3
    assert worst["dip_db"] < 2.5
    assert worst["jump_ratio"] < 1.5
    first = made.audio[: len(whole) - 2 * edge]
    level = np.sqrt(np.mean(whole**2))
    for repetition in (1, 2):
        again = made.audio[round(repetition * beats * beat) :][: len(first)]
        assert np.sqrt(np.mean((again - first) ** 2)) < 0.25 * level  # what rings over the seam, no lost beat
        quiet = 0.05 * rate  # nowhere quieter around the seam than the loop itself anywhere
        around = made.audio[round(repetition * beats * beat - quiet) : round(repetition * beats * beat + quiet)]
        assert np.abs(around).max() > 0.25 * np.abs(whole[-round(quiet) :]).max()


def test_more_than_an_eighth_of_a_beat_that_lacks_is_taken_from_a_bar_before():
    bars = np.concatenate([noise(RATE // 4, seed=k) * np.exp(-np.arange(RATE // 4) / 2000)[:, None] for k in range(48)])
    made = fitted(bars[: round(5.7 * 2 * RATE)], "loop", 30 * RATE, song_bpm=120.0)
    assert made.facts["loop_bars"] == 6.0
    lacking = slice(round(5.72 * 2 * RATE), 12 * RATE)
    before = slice(round(4.72 * 2 * RATE), 10 * RATE)
    assert np.allclose(made.audio[lacking], bars[before], atol=1e-6)


@pytest.mark.parametrize(
    "name", ["loop_amen_full.flac", "loop_breakbeat.flac", "loop_mehackit1.flac", "loop_mika.flac"]
)
def test_a_tempo_that_is_not_the_recordings_is_told_with_the_right_one(recordings, tmp_path, name):
    bpm, _ = DRUM_LOOPS[name]
    path, rate = as_wav(recordings / "loops" / name, tmp_path)
    assert facts_of(path, "loop", 20 * rate, tmp_path, song_bpm=bpm)["tempo"]["share"] > 0.7
    for off in (0.8, 0.9, 1.1, 1.2):
        wrong = facts_of(path, "loop", 20 * rate, tmp_path, song_bpm=bpm * off)["tempo"]
        assert wrong["share"] < 0.6, off
        octave = 2 ** round(np.log2(wrong["best_bpm"] / bpm))
        assert wrong["best_bpm"] / octave == pytest.approx(bpm, rel=0.002), off


@pytest.mark.parametrize("name", DRUM_LOOPS)
def test_the_recordings_own_tempo_its_half_and_its_double_are_no_contradiction(recordings, tmp_path, name):
    bpm, _ = DRUM_LOOPS[name]
    path, rate = as_wav(recordings / "loops" / name, tmp_path)
    for tempo in (bpm, bpm / 2, bpm * 2):
        facts = facts_of(path, "loop", 20 * rate, tmp_path, song_bpm=tempo)
        assert facts["tempo"]["share"] >= 0.6


@pytest.mark.parametrize("name", sorted(DRUM_LOOPS.keys() - {"loop_perc1.flac"}))
def test_without_a_tempo_a_loop_of_whole_beats_is_repeated_whole(recordings, tmp_path, name):
    path, rate = as_wav(recordings / "loops" / name, tmp_path)
    facts = facts_of(path, "loop", 60 * rate, tmp_path)
    with Source(path) as source:
        assert abs(facts["loop_frames"] - source.frames) <= 0.01 * rate
    assert facts["tempo_from"] == "its own onsets"


def test_noise_has_no_tempo_that_could_contradict():
    made = fitted(noise(8 * RATE), "loop", 18 * RATE, song_bpm=113.0)
    assert made.facts["tempo"]["share"] == 1.0


def test_a_region_may_be_written_as_text():
    x = noise(6 * RATE)
    as_text = fitted(x, "loop", 20 * RATE, song_bpm=120.0, start_seconds="2 beats", end_seconds="0:03")
    in_seconds = fitted(x, "loop", 20 * RATE, song_bpm=120.0, start_seconds=1.0, end_seconds=3.0)
    assert np.array_equal(as_text.audio, in_seconds.audio)
