"""Clips on a timeline against numpy, and what their joins measure on real recordings."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from stemtasks.audio.blocks import Stream
from stemtasks.audio.source import Source
from stemtasks.errors import AudioError, SpecError
from stemtasks.generators.clips import check, clips, joins, remarks
from stemtasks.spec import binding, schema
from stemtasks.spec.clip_tables import ClipTable
from stemtasks.timeline import Section, Timeline
from tests import examples
from tests.audio_files import RATE, noise, one_line, written

CUT = {"fade_in": 0.0, "fade_out": 0.0}
"""No fades at edges, and no overlaps at joins."""
BARS = Timeline(RATE, 384_000, 0, 120.0, 4.0, "4/4", None, (Section("verse", 0, 96_000, 0.0, 4.0),))


def clip(path, **keys):
    keys = {name.removesuffix("_"): value for name, value in keys.items() if value is not None}
    found = binding.bind(schema.of_table(ClipTable), {"file": str(path), **keys}, "clips[0]")
    assert ClipTable.problem(found) is None
    return found


def run(tmp_path, tables, overlap_ms=20.0, rate=RATE, channels=2, places=None, own_frames=None):
    given = {"clips": tables, "overlap_ms": overlap_ms, "places": places, "own_frames": own_frames}
    stream = Stream(rate, channels, 0, tmp_path)
    out = np.concatenate(list(clips(stream, **given)))
    assert check(stream=stream, **given) == len(out)
    return out


def measured(tmp_path, tables, out, overlap_ms=20.0, rate=RATE, places=None):
    path = written(tmp_path / "out.wav", out, rate=rate)
    with Source(path) as audio:
        stream = Stream(rate, out.shape[1], 0, tmp_path)
        return joins(output=audio, stream=stream, clips=tables, overlap_ms=overlap_ms, places=places)


def s(frame):
    return frame / RATE


@pytest.fixture(scope="module")
def takes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("takes")
    samples = [noise(frames, seed=seed).astype(np.float32) for frames, seed in ((4800, 1), (3000, 2))]
    return [(each.astype(np.float64), written(folder / f"{n}.wav", each)) for n, each in enumerate(samples)]


laid = st.tuples(
    st.integers(0, 1),  # which take
    st.integers(0, 6000),  # at
    st.integers(0, 2000),  # from
    st.integers(1, 900),  # length
    st.sampled_from([0.0, -6.0]),
    st.booleans(),  # reverse
    st.none() | st.integers(1, 5000),  # repeated for so long
)


@given(found=st.lists(laid, min_size=1, max_size=6))
@settings(deadline=None, max_examples=examples(40))
def test_without_overlaps_clips_are_painted_one_over_the_other(takes, tmp_path_factory, found):
    canvas = np.zeros((20_000, 2))
    end = 0
    for take, at, start, length, gain_db, is_reversed, lasts in sorted(found, key=lambda each: each[1]):
        part = takes[take][0][start : start + length] * 10 ** (gain_db / 20)
        part = part[::-1] if is_reversed else part
        frames = lasts or length
        canvas[at : at + frames] = np.resize(part, (frames, 2))
        end = max(end, at + frames)
    tables = [
        clip(
            takes[take][1],
            at=s(at),
            from_=s(start),
            length=s(length),
            gain_db=gain_db,
            reverse=is_reversed,
            repeat_until=None if lasts is None else s(at + lasts),
            **CUT,
        )
        for take, at, start, length, gain_db, is_reversed, lasts in found
    ]
    out = run(tmp_path_factory.getbasetemp(), tables, overlap_ms=0.0)
    assert len(out) == end
    np.testing.assert_allclose(out, canvas[:end], rtol=0, atol=1e-15)


def test_a_whole_recording_at_the_start_is_that_recording_bit_for_bit(takes, tmp_path):
    samples, path = takes[0]
    quiet = samples * np.clip((4500 - np.arange(4800)) / 2000, 0.0, 1.0)[:, None]
    path = written(tmp_path / "quiet.wav", quiet.astype(np.float32))
    assert np.array_equal(run(tmp_path, [clip(path)]), quiet.astype(np.float32))


def test_a_clip_without_a_place_begins_where_the_one_before_it_ends(takes, tmp_path):
    tables = [clip(takes[0][1], at=s(100), length=s(500), **CUT), clip(takes[1][1], length=s(300), **CUT)]
    out = run(tmp_path, tables, overlap_ms=0.0)
    assert len(out) == 900
    assert np.array_equal(out[600:], takes[1][0][:300])


def test_parts_that_follow_one_another_in_their_recording_are_no_join(takes, tmp_path):
    samples, path = takes[0]
    tables = [clip(path, length=s(1000)), clip(path, from_=s(1000), length=s(1000))]
    out = run(tmp_path, tables)
    assert np.array_equal(out[:1700], samples[:1700])
    assert measured(tmp_path, tables, out)["count"] == 0


def test_what_touches_overlaps_before_the_second_where_its_recording_began_earlier(takes, tmp_path):
    tables = [clip(takes[0][1], length=s(2000)), clip(takes[1][1], from_=s(1000), length=s(2000))]
    out = run(tmp_path, tables, overlap_ms=10.0)
    assert np.array_equal(out[:1520], takes[0][0][:1520])
    assert np.array_equal(out[2000:3700], takes[1][0][1000:2700])
    assert not np.array_equal(out[1520:2000], takes[0][0][1520:2000])


def test_what_touches_overlaps_behind_the_first_frame_of_a_recording(takes, tmp_path):
    tables = [clip(takes[0][1], length=s(2000)), clip(takes[1][1], length=s(2000))]
    out = run(tmp_path, tables, overlap_ms=10.0)
    assert np.array_equal(out[:2000], takes[0][0][:2000])
    assert np.array_equal(out[2480:3700], takes[1][0][480:1700])


def test_an_overlap_is_no_longer_than_the_clips_lie_over_each_other_nor_than_it_is_said(takes, tmp_path):
    first, second = takes[0][0], takes[1][0]
    short = [clip(takes[0][1], length=s(2000)), clip(takes[1][1], at=s(1900))]
    assert np.array_equal(run(tmp_path, short)[2000:4000], second[100:2100])
    long = [clip(takes[0][1], length=s(4000)), clip(takes[1][1], at=s(1900))]
    out = run(tmp_path, long, overlap_ms=10.0)
    assert np.array_equal(out[:1900], first[:1900])
    assert np.array_equal(out[2380:4500], second[480:2600])
    said = [clip(takes[0][1], length=s(4000)), clip(takes[1][1], at=s(1900), fade_in=s(960))]
    assert np.array_equal(run(tmp_path, said)[2860:4500], second[960:2600])


def test_a_clip_that_ends_over_another_gives_its_place_back(takes, tmp_path):
    tables = [clip(takes[0][1]), clip(takes[1][1], at=s(1000), length=s(1500))]
    out = run(tmp_path, tables, overlap_ms=5.0)
    assert np.array_equal(out[2500:4500], takes[0][0][2500:4500])
    assert measured(tmp_path, tables, out, overlap_ms=5.0)["count"] == 2


def test_equal_tones_join_without_a_dip_whatever_their_phase(tmp_path):
    t = np.arange(2 * RATE) / RATE
    path = written(tmp_path / "tone.wav", 0.4 * np.sin(2 * np.pi * 441 * t)[:, None].repeat(2, 1))
    for start in (0.5, 0.5 + 0.3 / 441, 0.5 + 0.8 / 441):
        tables = [clip(path, length=1.0), clip(path, from_=start, length=1.0)]
        worst = measured(tmp_path, tables, run(tmp_path, tables))["worst_seam"]
        assert worst["dip_db"] < 0.6
        assert worst["jump_ratio"] < 1.2


def test_edges_in_silence_are_faded_and_attacks_are_not(tmp_path):
    samples = np.zeros((RATE, 2))
    samples[24_000:] = 0.3 * np.sin(2 * np.pi * 100 * np.arange(24_000) / RATE + 1.0)[:, None]
    path = written(tmp_path / "take.wav", samples)
    cut = run(tmp_path, [clip(path, from_=0.7, length=0.1)])
    assert np.abs(cut[0]).max() < 1e-3
    assert np.abs(cut[-1]).max() < 1e-3
    assert np.allclose(cut[240:-240], samples[33_840:38_160], atol=1e-7)
    assert run(tmp_path, [clip(path, from_=0.5, length=0.1)])[0] == pytest.approx(samples[24_000], abs=1e-7)


@pytest.mark.parametrize(
    ("curve", "middle"), [("linear", 0.5), ("smooth", 0.5), ("equal_power", 0.5**0.5), ("exponential", 0.0307)]
)
def test_a_fade_has_its_curve(tmp_path, curve, middle):
    path = written(tmp_path / "ones.wav", np.full((4800, 1), 0.5))
    tables = [clip(path, fade_in=s(1001), fade_out=s(2001), curve=curve)]
    out = run(tmp_path, tables, channels=1)[:, 0] / 0.5
    assert out[500] == pytest.approx(middle, abs=1e-4)
    assert out[-1001] == pytest.approx(middle, abs=1e-4)
    assert np.all(np.diff(out[:1001]) > 0)
    assert np.all(out[1001:-2001] == 1.0)
    assert np.all(np.diff(out[-2001:]) < 0)


@pytest.mark.parametrize(("rate_in", "channels"), [(44100, 2), (96000, 1), (22050, 2)])
def test_pieces_of_another_rate_are_the_resampled_recording_to_the_sample(tmp_path, rate_in, channels):
    samples = noise(3 * rate_in, channels)
    path = written(tmp_path / "take.wav", samples, "PCM_24", rate=rate_in)
    with Source(path) as source:
        decoded = source.read(0, source.frames)
    whole = soxr.resample(decoded, rate_in, RATE, quality="VHQ")
    whole = whole if channels == 2 else whole.repeat(2, 1)
    start, length = 48_123, 40_001
    out = run(tmp_path, [clip(path, from_=s(start), length=s(length), **CUT)])
    assert np.max(np.abs(out - whole[start : start + length])) < 1e-9


def test_musical_lengths_are_repeated_on_the_beat_however_often(tmp_path):
    click = np.zeros((30_000, 1))
    click[0] = 0.5
    path = written(tmp_path / "click.wav", click)
    bpm = 126.0
    beat = 60.0 / bpm
    out = run(tmp_path, [clip(path, length=beat, repeat_until=200 * beat, **CUT)], channels=1)[:, 0]
    assert np.flatnonzero(out).tolist() == [round(each * beat * RATE) for each in range(200)]


def test_sections_are_places_and_lengths(takes, tmp_path):
    out = run(tmp_path, [clip(takes[1][1], at="verse.end", **CUT)], places=BARS)
    assert np.array_equal(out[96_000:], takes[1][0])
    assert not out[:96_000].any()


def test_a_stems_duration_fills_up_with_silence_and_cuts_nothing(takes, tmp_path):
    out = run(tmp_path, [clip(takes[1][1], **CUT)], own_frames=5000)
    assert len(out) == 5000
    assert not out[3000:].any()
    with pytest.raises(SpecError, match=r"clips\[0\]: it ends at 0:00.062, after the stem's duration, 0:00.042"):
        run(tmp_path, [clip(takes[1][1])], own_frames=2000)


def test_a_clip_under_others_is_said_to_be_not_heard(takes, tmp_path):
    tables = [clip(takes[1][1], at=s(100), length=s(500)), clip(takes[0][1], at=s(100))]
    said = list(remarks(stream=Stream(RATE, 2, 0, tmp_path), clips=tables, overlap_ms=20.0))
    assert said == [
        "clips[0] is not heard: others that begin later, or behind it in the list, lie over all of it",
    ]


def test_nan_and_what_is_no_audio_are_refused(tmp_path):
    samples = noise(4800).astype(np.float32)
    samples[700] = np.nan
    path = tmp_path / "nan.wav"
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"frame 700 \(0.015 s\) is NaN or infinite: export it again, or take another"):
        run(tmp_path, [clip(path)])
    with pytest.raises(AudioError, match="no such file"):
        run(tmp_path, [clip(tmp_path / "none.wav")])


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"from_": 1.0}, "clips[1].from: 0:01.000 is not in it: "),
        ({"from_": 0.05, "length": 0.1}, "clips[1].length: it would end at 0:00.150 of it, but "),
        ({"length": 0.0}, "clips[1].length: is less than a frame; leave it out to take all"),
        ({"at": 1.0, "repeat_until": 0.5}, "clips[1].repeat_until: 0:00.500 is not after its start, 0:01.000; give"),
        ({"fade_in": 0.2}, "clips[1].fade_in: is longer than the clip; give at most its length"),
    ],
)
def test_a_wrong_clip_is_named_with_its_key(takes, tmp_path, keys, said):
    with pytest.raises(SpecError) as error:
        run(tmp_path, [clip(takes[0][1]), clip(takes[0][1], **keys)])
    assert said in one_line(error)


def test_memory_grows_neither_with_duration_nor_with_clips(tmp_path):
    path = written(tmp_path / "long.wav", noise(60 * RATE, 2), "PCM_16")

    def peak(count, seconds):
        tables = [clip(path, from_=0.5 * (n % 7), length=seconds) for n in range(count)]
        tracemalloc.start()
        for _ in clips(Stream(RATE, 2, 0, tmp_path), clips=tables, overlap_ms=20.0):
            pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    few = peak(3, 4.0)
    assert peak(40, 4.0) < 1.2 * few + 500_000
    assert peak(3, 50.0) < 1.2 * few + 500_000


def test_real_takes_join_within_the_limits(recordings, tmp_path):
    found = sorted(path for path in recordings.rglob("*") if path.suffix in (".flac", ".ogg", ".mp3", ".wav"))[:12]
    stream = Stream(RATE, 2, 0, tmp_path)
    from stemtasks.audio.material import frames_of

    tables = []
    for path in found:
        lasts = frames_of(str(path), stream) / RATE
        tables.append(clip(path, from_=lasts / 4, length=min(2.0, lasts / 3)))
    out = run(tmp_path, tables)
    worst = measured(tmp_path, tables, out)["worst_seam"]
    assert worst["dip_db"] < 6.0
    assert worst["rise_db"] < 6.0
    assert worst["jump_ratio"] < 4.0
