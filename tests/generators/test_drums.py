"""Onsets are found in the rendered audio and held against the timeline; between short hits there is digital silence."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemtasks.audio.blocks import Stream
from stemtasks.dsp.percussion import VOICES
from stemtasks.errors import SpecError
from stemtasks.generators import drums as module
from stemtasks.generators.drums import drums
from stemtasks.timeline import Section, Timeline, frames_of_beats

RATE = 48000


def song(*sections, bpm=120.0, rate=RATE, beats_per_bar=4.0, signature="4/4"):
    """Return the timeline of (name, bars) sections."""
    made, beat = [], 0.0
    for name, bars in sections or [("verse", 2)]:
        end = beat + bars * beats_per_bar
        frames = [frames_of_beats(at, bpm, rate) for at in (beat, end)]
        made.append(Section(name, *frames, beat, end - beat))
        beat = end
    return Timeline(rate, made[-1].end_frame, 0, bpm, beats_per_bar, signature, None, tuple(made))


def play(timeline, patterns, channels=1, seed=1, frames=None, **arguments):
    """Return the whole stem: shape (frames, channels)."""
    frames = timeline.frames if frames is None else frames
    stream = Stream(timeline.sample_rate, channels, frames, None)
    blocks = list(drums(stream, timeline=timeline, seed=seed, patterns=patterns, **arguments))
    return np.concatenate(blocks) if blocks else np.zeros((0, channels))


def onsets(x, rate=RATE):
    """Return the first frames of sound after at least 2 ms of digital silence."""
    loud = np.flatnonzero(np.any(x != 0, axis=1))
    return [int(n) for n in loud[np.diff(loud, prepend=-rate) > rate // 500]]


def levels(x, starts):
    return np.array([np.max(np.abs(x[start : start + 2000])) for start in starts])


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    ("bpm", "rate", "steps_per_beat"), [(120.0, 48000, 4), (97.3, 44100, 4), (133.33, 96000, 3), (71.0, 22050, 6)]
)
def test_onsets_are_exactly_on_the_timelines_frames(bpm, rate, steps_per_beat, channels):
    timeline = song(("a", 1), ("b", 3), bpm=bpm, rate=rate)
    x = play(timeline, {"default": {"closed_hat": "xo.X.xx"}}, channels, steps_per_beat=steps_per_beat)
    expected = [
        timeline.frame_at(section.start_beat + step / steps_per_beat)
        for section in timeline.sections
        for step in range(round(section.beats * steps_per_beat))
        if "xo.X.xx"[step % 7] != "."
    ]
    assert onsets(x, rate) == expected


@settings(max_examples=25, deadline=None)
@given(
    row=st.text("Xxo.- |", min_size=1, max_size=20).filter(lambda text: text.strip(" |")),
    bars=st.lists(st.integers(1, 3), min_size=1, max_size=3),
    beats_per_bar=st.sampled_from([2.0, 3.0, 3.5, 4.0]),
    steps_per_beat=st.sampled_from([1, 2, 4]),
    bpm=st.floats(60, 110),
)
def test_any_row_repeats_from_the_start_of_its_section_to_its_end(row, bars, beats_per_bar, steps_per_beat, bpm):
    timeline = song(
        *((f"s{n}", count) for n, count in enumerate(bars)), bpm=bpm, rate=8000, beats_per_bar=beats_per_bar
    )
    x = play(timeline, {"default": {"rimshot": row}}, steps_per_beat=steps_per_beat)
    marks = row.replace(" ", "").replace("|", "")
    expected = [
        timeline.frame_at(section.start_beat + step / steps_per_beat)
        for section in timeline.sections
        for step in range(1000)
        if step / steps_per_beat < section.beats and marks[step % len(marks)] in "Xxo"
    ]
    assert onsets(x, 8000) == expected


def test_swing_moves_the_second_step_of_each_pair():
    timeline = song(("verse", 1))
    for swing in (0.5, 0.6, 2 / 3, 0.75):
        x = play(timeline, {"default": {"rimshot": "x"}}, steps_per_beat=2, swing=swing)
        expected = [timeline.frame_at(beat + place) for beat in range(4) for place in (0.0, swing)]
        assert np.max(np.abs(np.subtract(onsets(x), expected))) <= 1


def test_humanized_hits_stay_within_their_limit_and_differ():
    timeline = song(("verse", 16))
    straight = onsets(play(timeline, {"default": {"rimshot": "x..."}}))
    loose = onsets(play(timeline, {"default": {"rimshot": "x..."}}, humanize_ms=10.0))
    late_ms = np.subtract(loose, straight)[1:] / 48
    assert len(loose) == len(straight) == 64
    assert np.max(np.abs(late_ms)) <= 10.0 + 1 / 48
    assert np.std(late_ms) > 2.0
    assert abs(np.mean(late_ms)) < 2.0
    assert loose[0] >= 0


def test_hits_humanized_beyond_their_distance_keep_their_order_and_their_count():
    timeline = song(("verse", 4), bpm=200.0)
    grid = module._Grid(timeline, 24, 0.5, 0.05 * RATE, 3)
    grooves = module._grooves({"verse": {"closed_hat": "x", "kick": "x", "open_hat": "..x"}}, grid)
    hits = list(module._hits(grooves, grid, timeline.frames + RATE))
    assert [hit.frame for hit in hits] == sorted(hit.frame for hit in hits)
    assert len(hits) == 2 * 16 * 24


def test_one_sections_rows_do_not_move_the_hits_of_another():
    timeline = song(("a", 2), ("b", 2))
    short = play(timeline, {"a": {"rimshot": "x..."}, "b": {"rimshot": "x..."}}, humanize_ms=8.0)
    more = play(timeline, {"a": {"rimshot": "x.x.x..."}, "b": {"rimshot": "x..."}}, humanize_ms=8.0)
    start = timeline.sections[1].start_frame - RATE // 100
    assert onsets(short[start:]) == onsets(more[start:])


@pytest.mark.parametrize("voice", VOICES)
def test_accents_are_louder_than_hits_and_hits_than_ghosts(voice):
    timeline = song(("verse", 4), bpm=60.0)
    x = play(timeline, {"default": {voice: "X... .... x... .... o... .... .... ...."}}, level_dbfs=0.0)
    accent, hit, ghost = levels(x, [timeline.frame_at(beat) for beat in (0, 2, 4)])
    assert accent > 1.2 * hit
    assert hit > 1.6 * ghost > 0


@pytest.mark.parametrize("voice", ["closed_hat", "snare", "kick", "ride"])
def test_no_hit_repeats_the_samples_of_the_one_before(voice):
    timeline = song(("verse", 2), bpm=60.0)
    x = play(timeline, {"default": {voice: "x"}}, steps_per_beat=1)[:, 0]
    hits = [x[timeline.frame_at(beat) :][:2000] for beat in range(8)]
    for one, following in pairwise(hits):
        assert np.max(np.abs(one - following)) > 0.02 * np.max(np.abs(one))


def test_a_closed_hat_chokes_an_open_one():
    timeline = song(("verse", 1))
    ringing = play(timeline, {"default": {"open_hat": "x..............."}})[:, 0]
    choked = play(timeline, {"default": {"open_hat": "x...............", "closed_hat": "....x..........."}})[:, 0]
    closed = timeline.frame_at(1)
    scale = np.max(np.abs(choked[:closed])) / np.max(np.abs(ringing[:closed]))
    assert np.allclose(choked[:closed], scale * ringing[:closed], atol=1e-12)
    assert np.any(ringing[closed + 7200 : closed + 9600] != 0)
    assert np.all(choked[closed + 7200 :] == 0)
    grid = module._Grid(timeline, 4, 0.5, 0.0, 1)
    grooves = module._grooves({"verse": {"open_hat": "x..x....", "closed_hat": "....x..."}}, grid)
    opened = [hit for hit in module._hits(grooves, grid, timeline.frames) if hit.sound.voice == "open_hat"]
    sixteenth, fade = RATE // 8, RATE // 200
    assert [hit.heard for hit in opened] == 2 * [3 * sixteenth + fade, sixteenth + fade]


def test_an_open_hat_takes_the_step_from_a_closed_one():
    timeline = song(("verse", 1))
    both = play(timeline, {"default": {"closed_hat": "x.......", "open_hat": "x......."}}, humanize_ms=5.0)
    opened = play(timeline, {"default": {"open_hat": "x......."}}, humanize_ms=5.0)
    assert np.array_equal(both, opened)


def test_sections_play_their_own_patterns_the_default_or_nothing():
    timeline = song(("intro", 1), ("verse", 1), ("intro", 1), ("outro", 1))
    bar = RATE * 2
    x = play(timeline, {"intro": {"rimshot": "x..............."}, "verse": {"rimshot": "..x............."}})
    assert onsets(x) == [0, bar + RATE // 4, 2 * bar]
    x = play(timeline, {"default": {"rimshot": "x..............."}, "verse": {}})
    assert onsets(x) == [0, 2 * bar, 3 * bar]


def test_a_fill_replaces_the_last_bar_of_each_group():
    timeline = song(("verse", 5))
    verse = {"rimshot": "x...............", "fill": {"rimshot": "..x.x"}, "fill_every_bars": 2}
    x = play(timeline, {"verse": verse})
    fill = [2, 4, 7, 9, 12, 14]  # five steps, repeated until the bar ends
    expected = [bar * 4 for bar in (0, 2, 4)] + [bar * 4 + step / 4 for bar in (1, 3) for step in fill]
    assert onsets(x) == sorted(timeline.frame_at(beat) for beat in expected)


def test_a_fill_without_a_number_of_bars_is_the_sections_last_bar():
    timeline = song(("a", 3), ("b", 1))
    patterns = {"default": {"rimshot": "x...............", "fill": {"cowbell": "........x......."}}}
    assert onsets(play(timeline, patterns)) == [timeline.frame_at(beat) for beat in (0, 4, 10, 14)]


def test_a_fill_after_more_bars_than_the_section_has_is_not_played():
    timeline = song(("verse", 3))
    plain = {"rimshot": "x..............."}
    filled = {**plain, "fill": {"rimshot": "xxxx"}, "fill_every_bars": 4}
    assert np.array_equal(play(timeline, {"verse": filled}), play(timeline, {"verse": plain}))


def test_a_row_longer_than_its_section_is_cut_with_it():
    timeline = song(("verse", 1), ("chorus", 1))
    x = play(timeline, {"verse": {"rimshot": "x" + 15 * "." + "xxxx"}, "chorus": {"rimshot": "........x......."}})
    assert onsets(x) == [0, timeline.frame_at(6)]


def test_a_crash_on_the_start_is_an_accent_on_each_sections_first_step_only():
    timeline = song(("verse", 2), ("verse", 2), bpm=60.0)
    x = play(timeline, {"default": {"crash_on_start": True}})
    assert onsets(x) == [0, timeline.frame_at(8)]
    written = play(timeline, {"default": {"crash": "X" + 31 * "."}})
    assert np.array_equal(x, written)
    assert np.array_equal(play(timeline, {"default": {"crash": "o" + 31 * ".", "crash_on_start": True}}), written)


def test_rows_of_different_lengths_run_against_each_other():
    timeline = song(("verse", 1))
    x = play(timeline, {"verse": {"rimshot": "x..", "cowbell": "...x...."}}, steps_per_beat=1, frames=timeline.frames)
    alone = onsets(play(timeline, {"verse": {"rimshot": "x.."}}, steps_per_beat=1))
    assert alone == [timeline.frame_at(beat) for beat in (0, 3)]
    grid = module._Grid(timeline, 4, 0.5, 0.0, 1)
    grooves = module._grooves({"verse": {"rimshot": "x..", "cowbell": "x...."}}, grid)
    hits = list(module._hits(grooves, grid, timeline.frames))
    beats = {voice: [hit.frame for hit in hits if hit.sound.voice == voice] for voice in ("rimshot", "cowbell")}
    assert beats["rimshot"] == [timeline.frame_at(step / 4) for step in range(0, 16, 3)]
    assert beats["cowbell"] == [timeline.frame_at(step / 4) for step in range(0, 16, 5)]
    assert len(x) == timeline.frames


@pytest.mark.parametrize(("signature", "beats_per_bar"), [("3/4", 3.0), ("6/8", 3.0), ("7/8", 3.5)])
def test_a_bar_has_the_beats_of_its_time_signature(signature, beats_per_bar):
    timeline = song(("verse", 4), beats_per_bar=beats_per_bar, signature=signature)
    steps = round(beats_per_bar * 2)
    row = "x" + (steps - 1) * "."
    x = play(timeline, {"verse": {"rimshot": row, "fill": {"rimshot": "." + row[:-1]}}}, steps_per_beat=2)
    assert onsets(x) == [timeline.frame_at(beat) for beat in (*np.arange(3) * beats_per_bar, 3 * beats_per_bar + 0.5)]


def test_a_fill_in_a_bar_that_is_no_whole_number_of_steps_starts_with_the_bar():
    timeline = song(("verse", 4), beats_per_bar=3.5, signature="7/8")
    verse = {"rimshot": "x", "fill": {"rimshot": "x..."}, "fill_every_bars": 2}
    x = play(timeline, {"verse": verse}, steps_per_beat=1)
    assert onsets(x) == [timeline.frame_at(beat) for beat in (0, 1, 2, 3, 3.5, 7, 8, 9, 10, 10.5)]


@pytest.mark.parametrize("error", [-1e-12, 0.0, 1e-12])
def test_the_rounding_of_a_sections_beats_adds_and_drops_no_hit(error):
    sections = (Section("a", 0, 4 * RATE, 0.0, 4.0 + error), Section("b", 4 * RATE, 8 * RATE, 4.0 + error, 4.0 - error))
    timeline = Timeline(RATE, 8 * RATE, 0, 60.0, 4.0, "4/4", None, sections)
    x = play(timeline, {"default": {"rimshot": "x", "fill": {"rimshot": "xx"}}}, steps_per_beat=1)
    assert onsets(x) == [RATE * beat for beat in range(8)]


PATTERNS = {
    "default": {
        **dict.fromkeys(VOICES, "x..o..X."),
        "closed_hat": "xoxox",
        "fill": {"tom_low": "xXo"},
        "fill_every_bars": 2,
        "crash_on_start": True,
    }
}


@pytest.mark.parametrize("kit", ["acoustic", "electronic"])
def test_the_same_seed_gives_the_same_bytes_and_another_does_not(kit):
    arguments = {"humanize_ms": 6.0, "swing": 0.6, "kit": kit, "channels": 2}
    first, again, other = (play(song(rate=16_000), PATTERNS, seed=seed, **arguments) for seed in (1, 1, 2))
    assert first.tobytes() == again.tobytes()
    assert np.max(np.abs(first - other)) > 0.01


@pytest.mark.parametrize("block_frames", [1, 777, 1 << 14])
def test_the_bytes_do_not_depend_on_where_blocks_end(block_frames, monkeypatch):
    frames = 500 if block_frames == 1 else None
    timeline = song(rate=16_000)
    whole = play(timeline, PATTERNS, 2, humanize_ms=6.0, frames=frames)
    monkeypatch.setattr(module, "BLOCK_FRAMES", block_frames)
    assert play(timeline, PATTERNS, 2, humanize_ms=6.0, frames=frames).tobytes() == whole.tobytes()


@pytest.mark.parametrize(("level_dbfs", "channels"), [(-20.0, 2), (-6.0, 1), (0.0, 2)])
def test_the_loudest_sample_is_at_the_level(level_dbfs, channels):
    x = play(song(("a", 2), ("b", 2), rate=16_000), PATTERNS, channels, level_dbfs=level_dbfs)
    assert 20 * np.log10(np.max(np.abs(x))) == pytest.approx(level_dbfs, abs=1e-9)


@pytest.mark.parametrize("frames", [0, 1, 100, 50_001, 300_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_the_stem_has_exactly_the_frames_and_channels_it_was_asked_for(frames, channels):
    x = play(song(("verse", 1), rate=16_000), PATTERNS, channels, frames=frames)
    assert x.shape == (frames, channels)
    assert x.dtype == np.float64
    assert np.all(x[:, 2:] == 0)


def test_a_hit_cut_by_the_end_is_faded_out_in_5_ms():
    timeline = song(("verse", 1))
    frames = timeline.frames - 12_345
    pattern = {"default": {"crash": "X...............", "tom_low": "............x..."}}
    cut = play(timeline, pattern, frames=frames)[:, 0]
    longer = play(timeline, pattern, frames=timeline.frames)[:frames, 0]
    assert np.array_equal(cut[:-240], longer[:-240])
    assert np.max(np.abs(longer[-240:])) > 0.01
    assert np.allclose(cut[-240:], longer[-240:] * np.linspace(1, 0, 240, endpoint=False))


def test_width_places_the_voices_between_the_loudspeakers():
    def left_over_right_db(voice, width, kit="acoustic"):
        x = play(song(), {"default": {voice: "x"}}, 2, width=width, kit=kit, steps_per_beat=1)
        return 10 * np.log10(np.sum(x[:, 0] ** 2) / np.sum(x[:, 1] ** 2))

    for kit in ("acoustic", "electronic"):
        for voice in VOICES:
            assert left_over_right_db(voice, 0.0, kit) == pytest.approx(0.0, abs=1e-9)
        assert left_over_right_db("kick", 1.0, kit) == pytest.approx(0.0, abs=1e-9)
        assert left_over_right_db("tom_high", 1.0, kit) > 3.0
        assert left_over_right_db("tom_low", 1.0, kit) < -6.0
    assert left_over_right_db("closed_hat", 1.0) > left_over_right_db("closed_hat", 0.5) > 2.0


def test_a_voice_keeps_its_power_wherever_it_is_placed():
    timeline = song(("verse", 1), bpm=60.0)

    def power(width):
        grid_stream = Stream(RATE, 2, timeline.frames, None)
        stroke = module._Kit("acoustic", width, 1, grid_stream)[module._Sound("ride", "x", 0)]
        return np.sum(stroke**2)

    assert power(0.0) == pytest.approx(power(1.0), rel=1e-12)


def test_rests_alone_are_silence():
    assert not np.any(play(song(), {"verse": {"kick": "..-- |....", "snare": "."}}, 2))


def test_a_song_without_a_tempo_has_no_steps():
    timeline = Timeline(RATE, RATE, 0, None, 4.0, "4/4", None, (Section("song", 0, RATE, 0.0, 0.0),))
    with pytest.raises(SpecError, match=r"^drums need song\.bpm"):
        play(timeline, {"default": {"kick": "x"}})


@pytest.mark.parametrize(
    ("patterns", "said"),
    [
        ({}, "patterns: empty; write a table of rows for at least one of: default, verse, chorus"),
        (
            {"verse": {"kick": "x..| .q.."}},
            "patterns.verse.kick: character 'q' at step 5; allowed: X x o . -",
        ),
        ({"verse": {"kik": "x"}}, "patterns.verse.kik: unknown voice 'kik'; known: kick, snare, "),
        ({"verse": {"kik": "x"}}, "; did you mean 'kick'?"),
        ({"verse": {"crash_on_strat": True}}, "did you mean 'crash_on_start'?"),
        ({"chrous": {"kick": "x"}}, "patterns.chrous: the song has no section 'chrous'; known: default, verse, chorus"),
        ({"chrous": {"kick": "x"}}, "; did you mean 'chorus'?"),
        ({"verse": "x..."}, "patterns.verse: 'x...' is not a table of rows; write for example {kick = "),
        ({"verse": {"kick": 4}}, "patterns.verse.kick: 4 is not a row of steps; write for example "),
        ({"verse": {"kick": " | "}}, "patterns.verse.kick: a row without steps; write "),
        ({"verse": {"fill": "x"}}, "patterns.verse.fill: 'x' is not a table of rows"),
        ({"verse": {"fill": {"snore": "x"}}}, "patterns.verse.fill.snore: unknown voice 'snore'"),
        ({"verse": {"fill": {"snare": "x!"}}}, "patterns.verse.fill.snare: character '!' at step 2"),
        (
            {"verse": {"fill": {"snare": 17 * "x"}}},
            "patterns.verse.fill.snare: 17 steps; a fill is one bar, at most 16 steps",
        ),
        ({"verse": {"fill_every_bars": 2}}, "patterns.verse.fill_every_bars: there is no fill to play"),
        ({"verse": {"fill": {"snare": "x"}, "fill_every_bars": 0}}, "patterns.verse.fill_every_bars: 0; allowed: "),
        ({"verse": {"fill": {"snare": "x"}, "fill_every_bars": True}}, "patterns.verse.fill_every_bars: True; allowed"),
        ({"verse": {"crash_on_start": 1}}, "patterns.verse.crash_on_start: 1; allowed: true or false"),
    ],
)
def test_a_mistake_in_the_patterns_is_one_line_that_says_where(patterns, said):
    with pytest.raises(SpecError, match=re.escape(said)) as raised:
        play(song(("verse", 1), ("chorus", 1)), patterns)
    assert "\n" not in str(raised.value)


def test_swing_needs_pairs_of_steps():
    with pytest.raises(SpecError, match=r"^swing: 0\.6 moves .* steps_per_beat = 3 has no pairs; use an even"):
        play(song(), {"default": {"kick": "x"}}, steps_per_beat=3, swing=0.6)
