from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemtasks.audio.source import Source
from stemtasks.errors import AudioError
from tests.made_stems import RATE, as_wav, fitted, fitted_file, noise, sine, written
from tests.strategies.test_loop import DRUM_LOOPS


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 100000), st.integers(0, 20000), st.integers(1, 3), st.sampled_from([0.0, 20.0, 1000.0]))
def test_the_beginning_is_kept_and_the_cut_fades(frames, more, channels, fade_ms):
    stem = noise(frames + more, channels)
    made = fitted(stem, "truncate", frames, fade_ms=fade_ms)
    assert made.audio.shape == (frames, channels)
    kept = max(0, frames - round(fade_ms * RATE / 1000)) if more else frames
    assert np.array_equal(made.audio[:kept], stem[:kept].astype(np.float32))
    if more and kept < frames - 10:
        assert np.abs(made.audio[-1]).max() < 0.02


def test_a_shorter_stem_is_an_error_that_names_what_extends():
    with pytest.raises(AudioError, match=r"1.000 s are shorter than the target's 2.000 s.*zero_pad, loop, crossfade"):
        fitted(noise(RATE), "truncate", 2 * RATE)


def hits(places_s, seconds, level=0.5):
    """Return bursts of noise that die away within 100 ms, at times in seconds."""
    audio = np.zeros((round(seconds * RATE), 1))
    for number, place in enumerate(places_s):
        burst = noise(RATE // 4, seed=number, level=level) * np.exp(-np.arange(RATE // 4) / 1200.0)[:, None]
        start = round(place * RATE)
        audio[start : start + len(burst)] += burst[: len(audio) - start]
    return audio


@pytest.mark.parametrize("more_ms", [0, 5, 60, 300, 499])
def test_a_hit_on_a_bar_line_shortly_before_the_end_is_not_heard_and_silence_follows(more_ms):
    stem = hits([0.5 * beat for beat in range(12)], 6.0)
    made = fitted(stem, "truncate", 2 * RATE + more_ms * RATE // 1000, song_bpm=120.0)
    assert made.facts["cut_at"] == "bar"
    assert abs(made.facts["cut_at_frame"] - 2 * RATE) <= 48
    assert not made.audio[2 * RATE :].any()
    assert np.array_equal(made.audio[: round(1.9 * RATE)], stem[: round(1.9 * RATE)].astype(np.float32))


@pytest.mark.parametrize("more_ms", [520, 900])
def test_a_bar_line_that_is_not_near_cuts_nothing(more_ms):
    frames = 2 * RATE + more_ms * RATE // 1000
    made = fitted(hits([0.5 * beat for beat in range(12)], 6.0), "truncate", frames, song_bpm=120.0)
    assert made.facts["cut_at"] == "target"
    assert made.audio[2 * RATE : 2 * RATE + 2000].any()


def test_what_sustains_over_a_bar_line_goes_on_to_the_target_and_fades_longer():
    stem = sine(6 * RATE, 220.0)
    made = fitted(stem, "truncate", round(2.3 * RATE), song_bpm=120.0)
    assert (made.facts["cut_at"], made.facts["cut_at_frame"]) == ("target", round(2.3 * RATE))
    assert made.facts["fade_ms"] == 150.0
    kept = round(2.15 * RATE) - 1
    assert np.array_equal(made.audio[:kept, 0], stem[:kept].astype(np.float32))
    assert np.abs(made.audio[-10:]).max() < 0.001


@pytest.mark.parametrize("bpm", [120.0, None])
def test_a_hit_that_is_played_ahead_of_the_end_is_left_out(bpm):
    made = fitted(hits([0.0, 0.5, 1.0, 1.5, 1.985, 2.5], 4.0), "truncate", 2 * RATE, song_bpm=bpm)
    ahead = round(1.985 * RATE)
    assert ahead - 96 <= made.facts["cut_at_frame"] <= ahead
    assert not made.audio[ahead:].any()


@pytest.mark.parametrize("before_ms", [60, 90, 140])
def test_the_fade_begins_after_the_last_attack_before_it(before_ms):
    tone = sine(4 * RATE, 330.0, level=0.1)[:, None]
    place = 2 * RATE - before_ms * RATE // 1000
    loud = np.concatenate((tone[:place], 6 * tone[place:]))
    made = fitted(loud, "truncate", 2 * RATE, song_bpm=120.0)
    assert 0.0 < made.facts["fade_ms"] <= before_ms - 9
    assert np.array_equal(made.audio[: place + 400], loud[: place + 400].astype(np.float32))


def test_a_fade_that_was_asked_for_is_the_one_that_is_made():
    made = fitted(sine(4 * RATE, 220.0), "truncate", 2 * RATE, song_bpm=120.0, fade_ms=35.0)
    assert made.facts["fade_ms"] == 35.0
    faded = np.flatnonzero(made.audio[:, 0] != sine(2 * RATE, 220.0).astype(np.float32))
    assert 2 * RATE - faded[0] == pytest.approx(0.035 * RATE, abs=60)


def test_the_stems_own_tempo_has_the_bar_lines():
    stem = hits([0.6 * beat for beat in range(12)], 7.0)
    made = fitted(stem, "truncate", round(2.5 * RATE), song_bpm=120.0, bpm=100.0)
    assert made.facts["cut_at"] == "bar"
    assert abs(made.facts["cut_at_frame"] - 2.4 * RATE) <= 48


@pytest.mark.parametrize("name", DRUM_LOOPS)
@pytest.mark.parametrize("more_ms", [0, 60, 200])
def test_a_recorded_loop_is_cut_at_its_bar_without_a_stub_of_the_downbeat(recordings, tmp_path, name, more_ms):
    bpm, _ = DRUM_LOOPS[name]
    path, rate = as_wav(recordings / "loops" / name, tmp_path)
    with Source(path) as source:
        written(path, np.tile(source.read(0, source.frames), (3, 1)), rate)
    bar = 240.0 * rate / bpm
    made = fitted_file(path, "truncate", round(bar) + more_ms * rate // 1000, tmp_path, song_bpm=bpm)
    downbeat = made.audio[round(bar) + rate // 500 :]
    if name == "loop_perc1.flac":  # its first sound comes half a beat after the bar
        assert np.abs(downbeat).max(initial=0.0) < 0.05
    else:
        assert not downbeat.any()
    assert 2.0 <= made.facts["fade_ms"] <= 150.0
