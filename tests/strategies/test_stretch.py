"""Stretching: lengths to the frame, onsets in place, pitch, formants and level kept; and when ``auto`` does it."""

from __future__ import annotations

import sys
import tempfile
import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d

from stemtasks.audio import pieces, stretching
from stemtasks.audio import source as sources_of_audio
from stemtasks.audio.blocks import Stream
from stemtasks.audio.source import Source
from stemtasks.audio.stretching import stretched
from stemtasks.errors import AudioError
from stemtasks.spec.reading import read_song
from stemtasks.stages import align
from stemtasks.strategies.auto import auto
from stemtasks.strategies.stretch import stretch
from tests import starts
from tests.made_stems import RATE, as_wav, columns, noise, sine, timeline, written
from tests.project import Run
from tests.stages.test_align import aligned

FACTORS = (0.89, 0.95, 1.03, 1.12)
LOOPS = ("loop_amen_full", "loop_breakbeat", "loop_mehackit1", "loop_mika", "loop_tabla", "click-120bpm")


def through(audio, frames, rate=RATE):
    with tempfile.TemporaryDirectory() as folder, Source(written(Path(folder) / "x.wav", audio, rate)) as source:
        return np.concatenate(list(stretched(source, frames)))


def level_db(x, size):
    whole = x[: len(x) // size * size].reshape(-1, size)
    return 10 * np.log10(np.mean(whole**2, axis=1))


@settings(max_examples=25, deadline=None)
@given(st.integers(480, 30000), st.floats(0.5, 2.0), st.integers(1, 3), st.sampled_from([8000, 44100, 48000]))
def test_the_length_is_exact_to_the_frame(frames, factor, channels, rate):
    wanted = round(frames * factor)
    made = through(noise(frames, channels), wanted, rate)
    assert made.shape == (wanted, channels)
    assert np.isfinite(made).all()


@pytest.mark.parametrize("factor", [0.5, 1.0301, 2.0])
def test_the_length_is_exact_over_many_pieces(factor):
    wanted = round(8000 * 55 * factor) + 1
    assert len(through(noise(8000 * 55), wanted, 8000)) == wanted


@pytest.mark.parametrize("factor", FACTORS)
def test_clicks_lie_where_they_belong_to_half_a_millisecond(factor):
    places = [9600, 24011, 38402, 52803, 67204, 81605]
    audio = np.zeros((2 * RATE, 1))
    for at in places:
        audio[at : at + 48] = noise(48, seed=at, level=0.5)
    made = through(audio, round(len(audio) * factor))[:, 0]
    middle = np.arange(-480, 480)
    for at in places:
        was, now = (np.square(x[p - 480 : p + 480]) for x, p in ((audio[:, 0], at), (made, round(at * factor))))
        moved = np.sum(now * middle) / np.sum(now) - np.sum(was * middle) / np.sum(was)
        assert abs(moved) / RATE < 0.0005


def envelope(audio, rate):
    mono = np.diff(audio.mean(axis=1), prepend=0.0)
    return np.sqrt(gaussian_filter1d(mono**2, 0.0007 * rate))


def onset_places(curve, rate):
    logarithm, near = np.log(curve / curve.max() + 1e-3), round(0.003 * rate)
    rise = np.zeros_like(logarithm)
    rise[near:-near] = logarithm[2 * near :] - logarithm[: -2 * near]
    step = round(0.06 * rate)
    return [at for at in np.flatnonzero(rise > 1.5) if rise[at] == rise[max(0, at - step) : at + step].max()]


def onset_errors_ms(before, places, made, rate):
    """Return how late each onset is: where its attack's rise, at the new speed, goes best with what is there."""
    after = envelope(made, rate)
    factor, reach, look = len(made) / len(before), round(0.006 * rate), round(0.008 * rate)
    found = []
    for at in places:
        centre = round(at * factor)
        if at < reach or centre < reach + look or max(centre, centre / factor) + reach + look >= min(len(after), 1e12):
            continue
        place = at + (centre - at * factor + np.arange(-reach, reach)) / factor
        around = np.arange(max(0, at - 2 * reach), min(len(before), at + 2 * reach))
        attack = np.interp(place, around, before[around])
        there = after[centre - reach - look : centre + reach + look]
        rises = [np.maximum(np.diff(np.log(x / x.max() + 0.02)), 0.0) for x in (there, attack)]
        found.append((int(np.argmax(np.correlate(*rises, "valid"))) - look) / rate * 1000.0)
    return found


def test_onsets_of_drum_loops_stay_within_a_millisecond(recordings, tmp_path):
    errors = []
    for name in LOOPS:
        path, rate = as_wav(recordings / "loops" / f"{name}.flac", tmp_path)
        with Source(path) as source:
            audio = source.read(0, 6 * rate).mean(axis=1, keepdims=True)
        before = envelope(audio, rate)
        places = onset_places(before, rate)
        for factor in (0.89, 1.03, 1.12):
            errors += onset_errors_ms(before, places, through(audio, round(len(audio) * factor), rate), rate)
    errors = np.array(errors)
    assert len(errors) > 300
    assert abs(np.median(errors)) < 0.1
    assert np.percentile(np.abs(errors), 95) < 0.7
    assert np.mean(np.abs(errors) <= 1.0) > 0.98


def peak_hz(x, near_hz, rate):
    size = 4 * len(x)
    spectrum = np.log(np.abs(np.fft.rfft(x * np.hanning(len(x)), size)) + 1e-12)
    low = round(near_hz * 0.9 * size / rate)
    top = low + int(np.argmax(spectrum[low : round(near_hz * 1.1 * size / rate)]))
    before, peak, after = spectrum[top - 1 : top + 2]
    return (top + 0.5 * (before - after) / (before - 2 * peak + after)) * rate / size


@pytest.mark.parametrize(
    ("frequency_hz", "factor"),
    [
        (55.0, 0.89),
        (55.0, 1.12),
        (110.0, 0.95),
        (110.0, 1.03),
        (440.0, 0.95),
        (440.0, 1.12),
        (3000.0, 0.89),
        (3000.0, 1.03),
    ],
)
def test_pitch_stays_within_a_fifth_of_a_cent_and_the_level_within_a_tenth_of_a_decibel(frequency_hz, factor):
    tone = sine(3 * RATE, frequency_hz)
    made = through(columns(tone), round(len(tone) * factor))[RATE // 2 : -RATE // 2, 0]
    assert abs(1200 * np.log2(peak_hz(made, frequency_hz, RATE) / frequency_hz)) < 0.2
    assert np.abs(level_db(made, RATE // 5) - 10 * np.log10(0.125)).max() < 0.1


def band_levels(x, rate):
    """Return the long-term level in third octaves: where a voice's formants show."""
    size = 1 << 14
    frames = np.lib.stride_tricks.sliding_window_view(x, size)[:: size // 4]
    power = np.mean(np.abs(np.fft.rfft(frames * np.hanning(size))) ** 2, axis=0)
    bins = np.fft.rfftfreq(size, 1 / rate)
    edges = 200.0 * 2 ** (np.arange(0, 16) / 3)
    return np.array([10 * np.log10(power[(bins >= a) & (bins < b)].sum()) for a, b in pairwise(edges)])


@pytest.mark.parametrize("factor", [0.89, 1.12])
def test_a_voice_keeps_its_spectral_envelope(recordings, tmp_path, factor):
    path, rate = as_wav(recordings / "vocals/vocadito_10.wav", tmp_path)
    with Source(path) as source:
        was = source.read(0, source.frames).mean(axis=1)
        made = np.concatenate(list(stretched(source, round(source.frames * factor)))).mean(axis=1)
    difference = band_levels(made, rate) - band_levels(was, rate)
    assert np.abs(difference).max() < 1.5
    # a transposition by as much would move every formant by half a third octave
    moved = np.interp(np.arange(len(was)) * 1.12, np.arange(len(was)), was)[: int(len(was) / 1.12)]
    assert np.abs(band_levels(moved, rate) - band_levels(was, rate)).max() > 4.0


def test_pieces_join_without_a_dip_in_a_tone_and_a_chord():
    rate, seconds = 8000, 55
    tone = sine(rate * seconds, 440, rate)
    chord = sum(sine(rate * seconds, hz * k, rate, 0.1 / k) for hz in (261.6, 329.6, 392.0) for k in range(1, 6))
    for factor in (0.9, 1.03):
        made = through(columns(tone), round(len(tone) * factor), rate)[:, 0]
        assert np.abs(level_db(made, rate // 10)[2:-2] - 10 * np.log10(0.125)).max() < 0.1
        made = through(columns(chord), round(len(chord) * factor), rate)[:, 0]
        was, now = level_db(chord, rate // 20)[2:-2], level_db(made, rate // 20)[4:-4]
        assert was.min() - 1.0 < now.min() <= now.max() < was.max() + 1.0


def test_memory_does_not_grow_with_the_duration(tmp_path, monkeypatch):
    rate, longest, peaks = 8000, [], []

    real = stretching._processed

    def watched(heard, *rest):
        longest.append(len(heard))
        return real(heard, *rest)

    monkeypatch.setattr(stretching, "_processed", watched)
    for seconds in (55, 110):
        path = written(tmp_path / f"{seconds}.wav", noise(rate * seconds), rate)
        with Source(path) as source:
            tracemalloc.start()
            assert sum(map(len, stretched(source, round(source.frames * 1.05)))) == round(source.frames * 1.05)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    # what the library itself takes is some copies of what it is given
    assert max(longest) <= (stretching.PIECE_SECONDS + 1) * rate
    assert peaks[1] < peaks[0] + 0.5e6


def test_where_blocks_end_decides_nothing_and_twice_is_the_same(tmp_path, monkeypatch):
    stem = noise(2 * RATE, 2) * np.exp(-np.tile(np.arange(RATE // 4), 8) / 3000.0)[:, None]
    given = {"kind": "drums", "bpm": 116.0, "song_bpm": 120.0}
    for name in ("one", "two"):
        aligned(tmp_path, stem, 9.0, "stretch", name=name, **given)
    for module in (pieces, sources_of_audio):
        monkeypatch.setattr(module, "BLOCK_FRAMES", 1000)
    aligned(tmp_path, stem, 9.0, "stretch", name="short", **given)
    for suffix in ("wav", "json"):
        made = [(tmp_path / f"{name}.{suffix}").read_bytes() for name in ("one", "two", "short")]
        assert made[0] == made[1] == made[2]


HITS = np.concatenate([noise(RATE // 2, seed=k) * np.exp(-np.arange(RATE // 2) / 3000.0)[:, None] for k in range(8)])


def test_a_loop_is_stretched_to_the_songs_tempo_and_looped_on_its_grid(tmp_path):
    facts = aligned(tmp_path, HITS, 12.0, "stretch", 126.0, bpm=120.0, kind="drums")
    found = facts["align"]
    assert facts["frames"] == 12 * RATE
    assert found["strategy"] == "stretch"
    assert found["reason"] == "from 120 to 126 bpm, then loop: kind drums, tempo known, 2 bars"
    assert found["stretch"] == {"factor": 0.952380, "frames": 182857, "from_bpm": 120.0, "to_bpm": 126.0} | {
        "factor": pytest.approx(120 / 126, abs=1e-5)
    }
    assert (found["source_frames"], found["loop_bars"], found["bpm"]) == (4 * RATE, 2.0, 126.0)
    assert [seam["frame"] for seam in found["seam_list"]] == [round(k * 8 * 60 / 126 * RATE) for k in (1, 2, 3)]
    assert (
        align.verify(facts, {"seam_dip_db": 3.0, "seam_rise_db": 3.0, "seam_jump": 2.0, "seam_beat_error_ms": 0.1})
        == []
    )
    assert align.summary(facts).startswith("576000 frames, stretch, 3 seams (from 120 to 126 bpm, then loop: ")
    assert not list(tmp_path.glob("*changed*"))


@pytest.mark.parametrize("song_bpm", [138.0, 168.0])
def test_seams_of_a_stretched_recording_are_within_the_limits(recordings, tmp_path, song_bpm):
    with Source(recordings / "loops/loop_amen_full.flac") as source:
        audio, own_bpm = source.read(0, source.frames), 140.0 * RATE / source.sample_rate
    facts = aligned(tmp_path, audio, 16.0, "stretch", song_bpm, bpm=own_bpm, kind="drums")
    limits = {"seam_dip_db": 6.0, "seam_rise_db": 6.0, "seam_jump": 4.0, "seam_beat_error_ms": 1.0, "tempo_fit": 0.6}
    assert align.verify(facts, limits) == []
    assert facts["align"]["loop_bars"] == 4.0


def test_the_recording_is_held_against_its_own_tempo(tmp_path):
    stem = np.concatenate([noise(RATE // 4, seed=k) * np.exp(-np.arange(RATE // 4) / 2000)[:, None] for k in range(16)])
    right = aligned(tmp_path, stem, 12.0, "stretch", 104.0, bpm=120.0, kind="drums")
    assert right["align"]["tempo"]["bpm"] == 120.0
    assert align.verify(right, {"tempo_fit": 0.6}) == []
    wrong = aligned(tmp_path, stem, 12.0, "stretch", 120.0, bpm=104.0, kind="drums")
    (phrase,) = align.verify(wrong, {"tempo_fit": 0.6})
    assert phrase.startswith("its onsets do not go with 104 bpm but with 120 (8 beats): give the stem bpm = 120 (and ")
    assert 'align = "stretch"' in phrase


def test_without_a_tempo_a_take_becomes_exactly_as_long_as_the_target(tmp_path):
    take = noise(round(10.3 * RATE))
    facts = aligned(tmp_path, take, 10.0, "stretch")
    assert facts["frames"] == 10 * RATE
    assert facts["align"]["reason"] == "from 10.300 s to 10.000 s"
    assert facts["align"]["seams"] == 0
    with Source(tmp_path / "out.wav") as out:
        assert abs(level_db(out.read(0, out.frames)[:, 0], RATE)[:-1] + 20.0).max() < 1.0


def test_what_fits_the_stretched_stem_can_be_said(tmp_path):
    facts = aligned(tmp_path, HITS, 12.0, "stretch", 126.0, bpm=120.0, kind="drums", arguments={"then": "zero_pad"})
    assert facts["align"]["reason"] == "from 120 to 126 bpm, then zero_pad"
    assert facts["align"]["padding_frames"] == 12 * RATE - 182857


@pytest.mark.parametrize(
    ("target_s", "song_bpm", "bpm", "says"),
    [
        (10.0, None, None, r"4.000 s would become 10.000 s, 2.5 times as long, 0.5 to 2 is allowed: give the bpm"),
        (10.0, 120.0, 50.0, r"from 50 to 120 bpm it would become 0.417 times as long, 0.5 to 2 is allowed"),
    ],
)
def test_a_factor_outside_the_range_is_refused(tmp_path, target_s, song_bpm, bpm, says):
    with pytest.raises(AudioError, match=says):
        aligned(tmp_path, noise(4 * RATE), target_s, "stretch", song_bpm, bpm=bpm)


def choice_for(folder, audio, target_s, song_bpm, **given):
    with Source(written(folder / "stem.wav", audio)) as source:
        frames = round(target_s * RATE)
        stream = Stream(RATE, source.channels, source.frames, folder)
        return auto(source, frames, stream, timeline=timeline(frames, song_bpm), **given)


@pytest.mark.parametrize(
    ("bpm", "strategy", "near"),
    [
        (106.0, "stretch", 0.03),
        (117.0, "stretch", 0.79),
        (134.4, "stretch", 0.0),
        (134.5, "loop", None),
        (105.5, "loop", None),
        (120.0, "loop", None),
        (None, "loop", None),
    ],
)
def test_auto_stretches_a_stem_that_has_a_tempo_of_its_own_up_to_12_percent(tmp_path, bpm, strategy, near):
    choice = choice_for(tmp_path, HITS, 30.0, 120.0, bpm=bpm, kind="drums")
    assert (choice.strategy, choice.weighed.get("stretch")) == (strategy, near)


def test_auto_says_so_and_leaves_what_already_fits(tmp_path):
    found = aligned(tmp_path, HITS, 12.0, "auto", 126.0, bpm=120.0, kind="drums")["align"]
    assert found["reason"].startswith("it has a tempo of its own, from 120 to 126 bpm, then loop: kind drums")
    assert found["weighed"].keys() == {"stretch", "loop", "crossfade", "zero_pad"}
    assert choice_for(tmp_path, HITS, 4.0, 126.0, bpm=120.0).strategy == "none"


def test_the_strategy_refuses_before_it_makes_anything(tmp_path):
    with (
        Source(written(tmp_path / "stem.wav", noise(RATE))) as source,
        pytest.raises(AudioError, match="times as long"),
    ):
        stretch(source, 5 * RATE, Stream(RATE, 1, RATE, tmp_path), timeline=timeline(5 * RATE))


SPEC = """
[song]
bpm = 126
sample_rate = 16000
[reference]
duration = "4 bars"
[stems.drums]
generator = "tone"
note = "A2"
duration = 4.0
kind = "drums"
bpm = 120
verify = { tempo_fit = 0 }
[stems.bass]
generator = "tone"
note = "A2"
duration = 4.0
kind = "bass"
"""
HIDDEN = """
import runpy, sys
from importlib.metadata import Distribution, PackageNotFoundError
found = Distribution.from_name

def from_name(name):
    if name == "python_stretch":
        raise PackageNotFoundError(name)
    return found(name)

Distribution.from_name = from_name
sys.modules["python_stretch"] = None
sys.argv = ["doit", *{arguments}]
runpy.run_module("doit", None, "__main__", True)
"""


def without_extra(project, *arguments):
    """Run doit where the extra is not installed."""
    command = [sys.executable, "-c", HIDDEN.format(arguments=arguments)]
    done = starts.run(command, cwd=project.folder, capture_output=True)
    return Run(done.returncode, done.stdout.decode(), done.stderr.decode())


def test_whether_the_extra_is_there_is_in_the_key_of_the_stems_that_may_be_stretched_alone(project):
    project.spec(SPEC)
    first = without_extra(project, "align:song/*")
    assert (first.code, first.err) == (0, "")
    assert "loop" in first.lines("ran")["align:song/drums"]
    second = project.build("align:song/*")
    assert list(second.lines("ran")) == ["align:song/drums"]
    assert "stretch" in second.lines("ran")["align:song/drums"]
    third = without_extra(project, "align:song/*")
    assert (third.code, third.err) == (0, "")
    assert list(third.lines("restored")) == ["align:song/drums"]
    assert third.tasks("ran") == []


def test_the_strategies_that_may_be_called_are_in_the_job(project):
    song = read_song(project.spec(SPEC))
    parts = {stem.name: set(align.job(song, stem).parts) for stem in song.stems}
    others = {f"strategies/{name}" for name in ("auto", "crossfade", "loop", "none", "truncate", "zero_pad")}
    assert parts == {"drums": others | {"strategies/stretch"}, "bass": others}
    song = read_song(project.spec(SPEC.replace('kind = "bass"', 'align = { strategy = "stretch", then = "loop" }')))
    asked = {"strategies/stretch", "strategies/loop", "strategies/none"}
    assert set(align.job(song, song.stems[1]).parts) == asked


def test_without_the_extra_a_stem_that_asks_for_it_is_one_line_that_says_what_to_install(project):
    project.spec(SPEC.replace("bpm = 120", 'bpm = 120\nalign = "stretch"'))
    says = "stretch needs python-stretch; pip install 'stemtasks[stretch]'"
    run = without_extra(project, "align:song/drums")
    assert run.lines("FAILED")["align:song/drums"].endswith(says)
    run = without_extra(project, "check")
    assert run.code != 0
    assert f"spec/song.toml: stems.drums.align: {says}\n" in run.out + run.err
