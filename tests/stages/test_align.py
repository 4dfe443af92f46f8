from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from stemtasks.audio.source import Source
from stemtasks.audio.wav import write_wav
from stemtasks.errors import AudioError
from stemtasks.spec import binding, schema
from stemtasks.stages import align
from tests.made_stems import RATE, noise, sine, timeline, written
from tests.parts import REFERENCES


def aligned(tmp_path, stem, target_s, strategy="auto", song_bpm=None, name="out", rate=RATE, tail_s=0.0, **given):
    path = stem if hasattr(stem, "exists") else written(tmp_path / "stem.wav", stem, rate)
    timing = tmp_path / "timing.json"
    song = replace(timeline(round(target_s * RATE), song_bpm), tail_frames=round(tail_s * RATE))
    timing.write_text(json.dumps(song.to_json()))
    outputs = {"audio": tmp_path / f"{name}.wav", "facts": tmp_path / f"{name}.json"}
    params = {"strategy": strategy, "arguments": {}, "kind": None, "bpm": None, "seed": 1, "parts": REFERENCES} | given
    align.run({"audio": path, "timing": timing}, outputs, params)
    return json.loads(outputs["facts"].read_text())


@pytest.mark.parametrize(
    ("strategy", "seconds", "song_bpm", "channels"),
    [
        ("none", 12.0, None, 2),
        ("zero_pad", 3.0, None, 1),
        ("truncate", 15.0, None, 2),
        ("loop", 3.0, 120.0, 1),
        ("loop", 3.0, 120.0, 2),
        ("loop", 3.0, None, 2),
        ("crossfade", 3.0, None, 1),
        ("crossfade", 3.0, None, 2),
        ("auto", 3.0, 120.0, 1),
    ],
)
def test_every_strategy_gives_the_targets_frames_and_the_same_bytes_twice(
    tmp_path, strategy, seconds, song_bpm, channels
):
    stem = noise(round(seconds * RATE), channels)
    for name in ("one", "two"):
        facts = aligned(tmp_path, stem, 12.0, strategy, song_bpm, name)
        assert facts["frames"] == 12 * RATE == facts["align"]["target_frames"]
        assert facts["channels"] == channels
        assert align.verify(facts, {"seam_dip_db": 1.5, "seam_jump": 1.5, "seam_beat_error_ms": 1.0}) == []
    for suffix in ("wav", "json"):
        assert (tmp_path / f"one.{suffix}").read_bytes() == (tmp_path / f"two.{suffix}").read_bytes()


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_a_stem_that_fits_is_the_same_file_under_another_name(tmp_path, channels):
    stem = written(tmp_path / "stem.wav", noise(2 * RATE, channels))
    for strategy in ("none", "auto"):
        aligned(tmp_path, stem, 2.0, strategy, name=strategy)
        made = tmp_path / f"{strategy}.wav"
        with Source(stem) as source:
            write_wav(tmp_path / "anew.wav", source.blocks(), RATE, channels)
        assert made.read_bytes() == (tmp_path / "anew.wav").read_bytes()
        assert made.samefile(stem)
        assert not made.stat().st_mode & 0o222


def test_what_is_cut_or_filled_or_written_in_another_form_is_a_file_of_its_own(tmp_path):
    for seconds, subtype in ((1.999, "FLOAT"), (2.001, "FLOAT"), (2.0, "PCM_24")):
        stem = tmp_path / "stem.wav"
        stem.unlink(missing_ok=True)
        write_wav(stem, iter([noise(round(seconds * RATE))]), RATE, 1, subtype)
        facts = aligned(tmp_path, stem, 2.0, "none", name=f"{seconds}{subtype}")
        assert (facts["frames"], facts["subtype"]) == (2 * RATE, "FLOAT")
        assert not (tmp_path / f"{seconds}{subtype}.wav").samefile(stem)


def test_the_record_says_which_strategy_and_why(tmp_path):
    facts = aligned(tmp_path, noise(4 * RATE), 12.0, song_bpm=120.0, kind="drums")["align"]
    assert facts["strategy"] == "loop"
    assert facts["reason"] == "kind drums, tempo known, 2 bars"
    assert (facts["source_frames"], facts["loop_beats"], facts["loop_bars"]) == (4 * RATE, 8.0, 2.0)
    assert facts["seams"] == len(facts["seam_list"]) == 2
    assert aligned(tmp_path, noise(4 * RATE), 12.0, "loop")["align"]["reason"] == "asked for in the spec"


def test_the_stems_own_tempo_and_arguments_reach_the_strategy(tmp_path):
    facts = aligned(tmp_path, noise(6 * RATE), 12.0, "loop", 120.0, bpm=90.0, arguments={"length_beats": 4.0})
    assert facts["align"]["bpm"] == 90.0
    assert facts["align"]["loop_beats"] == 4.0
    facts = aligned(tmp_path, noise(6 * RATE), 12.0, "auto", 120.0, kind="drums", arguments={"bpm": 60.0})
    assert facts["align"]["bpm"] == 60.0


@pytest.mark.parametrize("strategy", ["auto", "loop"])
def test_arguments_left_out_of_a_spec_do_not_hide_the_stems_own_tempo_and_kind(tmp_path, strategy):
    left_out = binding.bind(schema.of("strategies", strategy), {}, "align")
    assert left_out["bpm"] is None
    facts = aligned(tmp_path, sine(6 * RATE, 200), 24.0, strategy, 120.0, kind="bass", bpm=90.0, arguments=left_out)
    assert facts["align"]["strategy"] == "loop"
    assert facts["align"]["bpm"] == 90.0
    assert facts["align"]["loop_beats"] == 8.0
    if strategy == "auto":
        assert facts["align"]["reason"].startswith("kind bass, ")


def test_at_most_64_seams_are_listed_and_all_are_counted(tmp_path):
    facts = aligned(tmp_path, noise(RATE // 2), 60.0, "loop", 120.0)["align"]
    assert facts["seams"] == 119
    assert len(facts["seam_list"]) == 64


def test_a_seam_outside_the_limits_is_named_by_its_time_and_a_remedy(tmp_path):
    facts = aligned(tmp_path, sine(2 * RATE - 1100, 200), 9.0, "loop", 120.0, arguments={"length_beats": 4.0})
    (phrase,) = align.verify(facts, {"seam_dip_db": 6.0})
    assert phrase.startswith("at the seam at 2.000 s the level falls by")
    assert phrase.endswith(": give another loop region or another strategy")
    facts = aligned(tmp_path, noise(6 * RATE), 20.0, "loop", 120.0, arguments={"end_seconds": 3.13})
    (phrase,) = align.verify(facts, {"seam_beat_error_ms": 5.0})
    assert "off the beat" in phrase
    assert "own bpm" in phrase
    assert "jumps" in align.verify(facts, {"seam_jump": 0.01})[0]
    assert align.verify(facts, {}) == []


def test_limits_of_the_whole_file_hold_too(tmp_path):
    facts = aligned(tmp_path, noise(RATE), 2.0, "zero_pad")
    assert align.verify(facts, {"frames": 5}) == [f"frames is {2 * RATE}, expected 5"]


def test_another_sample_rate_is_an_error_with_both_rates(tmp_path):
    with pytest.raises(AudioError, match="44100 Hz, the song's is 48000 Hz"):
        aligned(tmp_path, noise(44100), 2.0, rate=44100)


def test_a_silent_stem_is_an_error(tmp_path):
    with pytest.raises(AudioError, match="silent"):
        aligned(tmp_path, np.zeros((RATE, 1)), 2.0)


@pytest.mark.parametrize(("strategy", "song_bpm"), [("loop", 120.0), ("loop", None), ("crossfade", None)])
def test_memory_does_not_grow_with_the_target(tmp_path, strategy, song_bpm):
    path = written(tmp_path / "stem.wav", noise(3 * RATE))
    aligned(tmp_path, path, 5.0, strategy, song_bpm)
    peaks = []
    for target_s in (97.0, 297.0):
        tracemalloc.start()
        aligned(tmp_path, path, target_s, strategy, song_bpm)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # a few blocks and cached fades more or less; 200 s more of this stem would be 38 MB
    assert peaks[1] < peaks[0] + 4e6
    with Source(tmp_path / "out.wav") as out:
        assert out.frames == 297 * RATE


def test_a_tempo_that_the_onsets_contradict_fails_with_both_and_the_ways_out(tmp_path):
    stem = np.concatenate([noise(RATE // 4, seed=k) * np.exp(-np.arange(RATE // 4) / 2000)[:, None] for k in range(16)])
    facts = aligned(tmp_path, stem, 12.0, "loop", 104.0)
    (phrase,) = align.verify(facts, {"tempo_fit": 0.6})
    assert phrase.startswith("its onsets do not go with 104 bpm but with 120 (8 beats): give the stem bpm = 120")
    assert "tempo_fit = 0" in phrase
    assert align.verify(facts, {"tempo_fit": 0.0}) == []
    assert align.verify(aligned(tmp_path, stem, 12.0, "loop", 104.0, bpm=120.0), {"tempo_fit": 0.6}) == []


@pytest.mark.parametrize(("strategy", "seconds", "kept"), [("auto", 2.5, 2.5), ("none", 2.5, 2.5), ("auto", 4.0, 3.5)])
def test_what_a_stem_holds_past_the_target_goes_on_into_the_songs_tail(tmp_path, strategy, seconds, kept):
    stem = sine(round(seconds * RATE), 220)
    facts = aligned(tmp_path, stem, 2.0, strategy, tail_s=1.5, tail="keep")
    assert facts["frames"] == round(kept * RATE)
    assert facts["align"]["tail_frames"] == round((kept - 2.0) * RATE)
    with Source(tmp_path / "out.wav") as out:
        made = out.read(0, out.frames)[:, 0]
    faded = 0 if kept == seconds else round(0.15 * RATE)
    assert np.allclose(made[: len(made) - faded], stem[: len(made) - faded], atol=1e-7)
    if strategy == "auto":
        assert "rings into the song's tail" in facts["align"]["reason"]


def test_a_stem_that_does_not_keep_its_tail_ends_at_the_target(tmp_path):
    assert aligned(tmp_path, sine(3 * RATE, 220), 2.0, tail_s=1.5)["frames"] == 2 * RATE
    assert aligned(tmp_path, sine(3 * RATE, 220), 2.0, "truncate", tail_s=1.5, tail="keep")["frames"] == 2 * RATE
