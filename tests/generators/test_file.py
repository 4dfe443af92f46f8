"""A recording as a stem: against soxr in one piece, scipy's polyphase resampler and the samples themselves."""

from __future__ import annotations

import tracemalloc
from math import pi

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from stemtasks.audio.blocks import BLOCK_FRAMES, Stream, frames_at
from stemtasks.audio.wav import write_wav
from stemtasks.errors import AudioError, SpecError
from stemtasks.generators.file import file


def noise(frames, channels=2, seed=3):
    return np.random.default_rng(seed).uniform(-0.2, 0.2, (frames, channels)).astype(np.float32)


def recorded(tmp_path, samples, rate=48000, name="take.wav"):
    write_wav(tmp_path / name, iter([samples]), rate, samples.shape[1])
    return str(tmp_path / name)


def stem(tmp_path, path, rate=48000, channels=2, **arguments):
    blocks = list(file(Stream(rate, channels, 0, tmp_path), file=path, **arguments))
    assert all(block.dtype == np.float64 and block.shape[1] == channels and len(block) for block in blocks)
    assert max((len(block) for block in blocks), default=0) <= 2 * BLOCK_FRAMES
    return np.concatenate(blocks)


def test_the_same_rate_and_channels_pass_bit_for_bit(tmp_path):
    samples = noise(200_001)
    assert np.array_equal(stem(tmp_path, recorded(tmp_path, samples)), samples)


@pytest.mark.parametrize(("rate_in", "rate_out"), [(44100, 48000), (48000, 44100), (96000, 48000), (8000, 96000)])
def test_resampling_in_blocks_is_soxr_in_one_piece(tmp_path, rate_in, rate_out):
    samples = noise(150_001)
    path = recorded(tmp_path, samples, rate_in)
    out = stem(tmp_path, path, rate_out)
    whole = soxr.resample(samples.astype(np.float64), rate_in, rate_out, quality="VHQ")
    assert abs(len(out) - 150_001 * rate_out / rate_in) <= 0.5
    shared = min(len(out), len(whole))
    assert abs(len(whole) - len(out)) <= 1
    assert np.array_equal(out[:shared], whole[:shared])


@pytest.mark.parametrize(("rate_in", "rate_out"), [(44100, 48000), (96000, 48000), (22050, 48000)])
def test_a_tone_keeps_its_level_pitch_and_place(tmp_path, rate_in, rate_out):
    path = recorded(tmp_path, 0.5 * np.sin(2 * pi * 997 / rate_in * np.arange(2 * rate_in))[:, np.newaxis], rate_in)
    expected = 0.5 * np.sin(2 * pi * 997 / rate_out * np.arange(2 * rate_out))
    inside = slice(2000, -2000)
    assert np.max(np.abs(stem(tmp_path, path, rate_out)[inside, 0] - expected[inside])) < 1e-6


@given(
    frames=st.integers(1, 4000),
    rate_in=st.sampled_from([8000, 11025, 22050, 44100, 48000, 88200, 96000]),
    rate_out=st.sampled_from([44100, 48000, 96000]),
)
@settings(deadline=None, max_examples=60)
def test_the_length_is_the_nearest_frame(tmp_path_factory, frames, rate_in, rate_out):
    tmp_path = tmp_path_factory.mktemp("length")
    out = sum(
        len(block)
        for block in file(Stream(rate_out, 1, 0, tmp_path), file=recorded(tmp_path, noise(frames, 1), rate_in))
    )
    assert abs(out - frames * rate_out / rate_in) <= 0.5


def test_the_length_is_exact_where_floats_are_not():
    assert frames_at(10**17 + 1, 44100, 44100) == 10**17 + 1
    assert frames_at(147, 44100, 48000) == 160


def test_memory_does_not_grow_with_duration(tmp_path):
    peaks = []
    for frames in (BLOCK_FRAMES * 3, BLOCK_FRAMES * 30):
        path = recorded(tmp_path, noise(frames), 44100)
        tracemalloc.start()
        for _ in file(Stream(48000, 2, 0, tmp_path), file=path):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0] + 100_000


# channels


def test_mono_fills_both_channels_at_the_same_level(tmp_path):
    samples = noise(1000, 1)
    assert np.array_equal(stem(tmp_path, recorded(tmp_path, samples)), np.repeat(samples, 2, axis=1))


def test_stereo_to_mono_is_the_average(tmp_path):
    samples = noise(1000)
    out = stem(tmp_path, recorded(tmp_path, samples), channels=1)
    assert np.allclose(out[:, 0], samples.astype(np.float64).mean(axis=1), atol=1e-15)


def test_one_channel_can_be_taken_and_all_be_mixed_to_mono(tmp_path):
    samples = noise(1000, 12)
    out = stem(tmp_path, recorded(tmp_path, samples), only_channel=11)
    assert np.array_equal(out, samples[:, [10, 10]])
    samples = noise(1000, 2)
    out = stem(tmp_path, recorded(tmp_path, samples), mono=True)
    assert np.allclose(out, samples.astype(np.float64).mean(axis=1, keepdims=True), atol=1e-15)


def test_mapping_and_resampling_commute(tmp_path):
    samples = noise(30_000, 6)
    out = stem(tmp_path, recorded(tmp_path, samples, 44100), 48000)
    samples = samples.astype(np.float64)
    h = np.sqrt(0.5)
    stereo = np.stack([samples[:, c] + h * (samples[:, 2] + samples[:, c + 4]) for c in (0, 1)], axis=1)
    assert np.allclose(out, soxr.resample(stereo, 44100, 48000, quality="VHQ")[: len(out)], atol=1e-9)


def test_what_no_rule_covers_names_both_counts(tmp_path):
    path = recorded(tmp_path, noise(10, 9))
    with pytest.raises(AudioError, match=r"has 9 channels and the song 2: 1 to 8 can become .* only_channel"):
        stem(tmp_path, path)
    with pytest.raises(AudioError, match="has 9 channels, only_channel asks for number 10: choose 1 to 9"):
        stem(tmp_path, path, only_channel=10)
    with pytest.raises(AudioError, match="has 1 channel, only_channel asks for number 2: leave it out"):
        stem(tmp_path, recorded(tmp_path, noise(10, 1)), only_channel=2)
    with pytest.raises(AudioError, match="has 2 channels and the song 6"):
        stem(tmp_path, recorded(tmp_path, noise(10)), channels=6)


# parts


def test_a_part_is_those_frames_after_the_silence_asked_for(tmp_path):
    samples = noise(48000)
    path = recorded(tmp_path, samples)
    out = stem(tmp_path, path, start_seconds=0.25, duration_seconds=0.5, offset_seconds=2.0, fade_ms=0.0)
    assert len(out) == 96000 + 24000
    assert not out[:96000].any()
    assert np.array_equal(out[96000:], samples[12000:36000])


def test_only_edges_that_were_cut_are_faded(tmp_path):
    path = recorded(tmp_path, np.ones((48000, 1), np.float32))
    fade = 480
    for arguments, start, end in (
        ({}, 1, 1),
        ({"start_seconds": 0.0, "duration_seconds": 1.0}, 1, 1),
        ({"start_seconds": 0.5}, 0, 1),
        ({"duration_seconds": 0.5}, 1, 0),
        ({"start_seconds": 0.2, "duration_seconds": 0.5}, 0, 0),
    ):
        out = stem(tmp_path, path, channels=1, fade_ms=10.0, **arguments)[:, 0]
        for edge, level in ((out, start), (out[::-1], end)):
            assert abs(edge[0] - level) < 1e-4
            assert edge[fade] == 1.0
            assert np.all(np.diff(edge[: fade + 1]) >= 0)
            assert level == 1 or abs(edge[fade // 2] - 0.5) < 0.01


@pytest.mark.parametrize("before", [0.0, 0.01])
def test_a_part_that_starts_on_a_hit_keeps_its_attack(tmp_path, before):
    samples = np.concatenate((before * noise(24_000, 1), noise(24_000, 1)))
    path = recorded(tmp_path, samples)
    assert np.array_equal(stem(tmp_path, path, channels=1, start_seconds=0.5), samples[24_000:])
    inside = stem(tmp_path, path, channels=1, start_seconds=0.51)
    assert abs(inside[0, 0]) < 1e-4


def test_a_fade_does_not_depend_on_blocks(tmp_path):
    """The cut part spans several blocks, with its edges inside and at their ends."""
    path = recorded(tmp_path, np.ones((4 * BLOCK_FRAMES, 1), np.float32), 48000)
    start, stop, fade = 1000, 1000 + 2 * BLOCK_FRAMES + 3, 5000
    out = stem(
        tmp_path, path, channels=1, start_seconds=start / 48000, duration_seconds=(stop - start) / 48000,
        fade_ms=fade / 48.0,
    )  # fmt: skip
    assert len(out) == stop - start
    assert np.array_equal(out, out[::-1])
    assert np.count_nonzero(out != 1.0) == 2 * fade


def test_a_part_shorter_than_its_fades_stays_smooth(tmp_path):
    path = recorded(tmp_path, np.ones((48000, 1), np.float32))
    out = stem(tmp_path, path, channels=1, start_seconds=0.5, duration_seconds=0.004, fade_ms=5.0)
    assert len(out) == 192
    assert out[0] < 1e-4
    assert out[-1] < 1e-4
    assert np.max(np.abs(np.diff(out[:, 0]))) < 0.02


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"start_seconds": 1.5}, r"start_seconds is 1\.5, but .* lasts 1\.000 s"),
        ({"start_seconds": 1.0}, r"start_seconds is 1, but .* lasts 1\.000 s"),
        ({"start_seconds": 0.5, "duration_seconds": 0.75}, r"duration_seconds is 1\.25, but .* lasts 1\.000 s"),
        ({"duration_seconds": 0.0}, "duration_seconds is 0, less than a frame"),
    ],
)
def test_a_part_outside_the_recording_names_both_lengths(tmp_path, arguments, words):
    path = recorded(tmp_path, noise(48000))
    with pytest.raises(SpecError, match=words) as error:
        stem(tmp_path, path, **arguments)
    assert "\n" not in str(error.value)


# bad recordings


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("rate", [44100, 48000])
def test_an_invalid_sample_is_named_before_the_resampler_smears_it(tmp_path, bad, rate):
    samples = noise(200_000)
    samples[150_001, 1] = bad
    path = recorded(tmp_path, samples, rate)
    with pytest.raises(AudioError, match=rf"frame 150001 \({150001 / rate:.3f} s\) is NaN or infinite") as error:
        stem(tmp_path, path)
    assert "\n" not in str(error.value)
    assert len(stem(tmp_path, path, rate, duration_seconds=150_001 / rate)) == 150_001
    assert len(stem(tmp_path, path, rate, start_seconds=150_002 / rate)) == 49_998


def test_invalid_samples_that_cancel_are_found(tmp_path):
    samples = noise(100)
    samples[50], samples[60] = [np.inf, -np.inf], [-np.inf, np.inf]
    with pytest.raises(AudioError, match="frame 50 "):
        stem(tmp_path, recorded(tmp_path, samples))


def test_numbers_that_only_add_up_to_infinity_are_valid(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.full((10, 2), 1.7e308), 48000, subtype="DOUBLE")
    with np.errstate(over="ignore"):
        assert len(stem(tmp_path, str(path))) == 10


def test_a_recording_without_frames_is_an_error(tmp_path):
    for rate in (48000, 44100):
        with pytest.raises(AudioError, match="holds no audio"):
            stem(tmp_path, recorded(tmp_path, noise(0), rate))


@pytest.mark.parametrize("rate", [1, 999, 2_000_000])
def test_an_impossible_rate_is_an_error_and_not_hours_of_audio(tmp_path, rate):
    with pytest.raises(AudioError, match=f"its header says {rate} Hz, 1000 to 1536000 Hz is allowed"):
        stem(tmp_path, recorded(tmp_path, noise(1000), rate))
