"""Writing is judged by other readers: libsndfile, ffmpeg, scipy."""

from __future__ import annotations

import os
import struct
from io import BytesIO

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import wavfile

from stemtasks.audio import wav
from stemtasks.audio.source import Source
from stemtasks.audio.wav import write_wav
from stemtasks.errors import AudioError
from stemtasks.progress import on_frames
from tests.audio_files import RATE, WIDTHS, digest, ffmpeg_decoded, noise, one_line, split, written


@pytest.mark.parametrize("channels", [1, 2, 3, 6])
def test_float_is_bit_exact_in_libsndfile_ffmpeg_and_scipy(tmp_path, channels):
    samples = noise(7001, channels, level=2.0)
    samples[0], samples[1], samples[2] = 0.0, -1.0, 1e-40
    path = written(tmp_path / "a.wav", samples)
    expected = samples.astype(np.float32)
    read, rate = soundfile.read(path, dtype="float32", always_2d=True)
    assert rate == RATE
    assert soundfile.info(path).subtype == "FLOAT"
    assert np.array_equal(read, expected)
    assert np.array_equal(ffmpeg_decoded(path, channels), expected)
    assert np.array_equal(wavfile.read(path)[1].reshape(-1, channels), expected)


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize(("subtype", "bits"), [("PCM_16", 16), ("PCM_24", 24)])
def test_pcm_is_the_same_left_justified_integers_in_libsndfile_and_ffmpeg(tmp_path, channels, subtype, bits):
    samples = noise(5001, channels, level=0.9)
    path = written(tmp_path / "a.wav", samples, subtype)
    read, _ = soundfile.read(path, dtype="int32", always_2d=True)
    assert soundfile.info(path).subtype == subtype
    assert not np.any(read & ((1 << (32 - bits)) - 1))
    assert np.array_equal(ffmpeg_decoded(path, channels, "s32le"), read)
    steps = (read >> (32 - bits)) - samples * (1 << (bits - 1))
    assert np.max(np.abs(steps)) <= 1.5  # dither of under one step and rounding of half a step
    assert np.max(np.abs(steps)) > 1.0


def test_libsndfile_finds_nothing_to_remark_in_a_header(tmp_path):
    for subtype in WIDTHS:
        with soundfile.SoundFile(written(tmp_path / f"{subtype}.wav", noise(1000, 1), subtype)) as file:
            assert "***" not in file.extra_info
            assert "should be" not in file.extra_info


def test_full_scale_is_clipped_not_wrapped(tmp_path):
    samples = np.array([[1.0], [-1.0], [1.7], [-1.7]] * 50)
    for subtype in ("PCM_16", "PCM_24"):
        read, _ = soundfile.read(written(tmp_path / "a.wav", samples, subtype), always_2d=True)
        assert np.max(np.abs(read - np.clip(samples, -1, 1))) < 3 / 32768


def test_an_odd_number_of_data_bytes_is_padded(tmp_path):
    path = written(tmp_path / "a.wav", noise(5, 3), "PCM_24")
    content = path.read_bytes()
    assert len(content) % 2 == 0
    assert struct.unpack("<I", content[4:8])[0] == len(content) - 8
    at = content.index(b"data")
    assert struct.unpack("<I", content[at + 4 : at + 8])[0] == 45
    assert len(content) == at + 8 + 46
    assert content[-1] == 0


@given(
    frames=st.integers(0, 300),
    channels=st.integers(1, 4),
    lengths=st.lists(st.integers(1, 90), min_size=1, max_size=6),
    subtype=st.sampled_from(sorted(WIDTHS)),
    seed=st.integers(0, 2**40),
)
@settings(deadline=None, max_examples=60)
def test_bytes_depend_on_samples_and_seed_only(tmp_path_factory, frames, channels, lengths, subtype, seed):
    folder = tmp_path_factory.mktemp("partition")
    samples = noise(frames, channels)
    one = written(folder / "one.wav", samples, subtype, seed=seed)
    parts = written(folder / "parts.wav", samples, subtype, lengths, seed=seed)
    assert one.read_bytes() == parts.read_bytes()


@pytest.mark.parametrize("subtype", ["FLOAT", "PCM_24", "PCM_16"])
def test_how_a_block_lies_in_memory_changes_no_byte(tmp_path, subtype):
    rows = noise(1000, 2)
    by_frame = written(tmp_path / "a.wav", rows, subtype).read_bytes()
    by_channel = written(tmp_path / "b.wav", np.asfortranarray(rows), subtype).read_bytes()
    assert by_channel == by_frame


def test_another_seed_is_another_dither(tmp_path):
    samples = noise(1000)
    assert digest(written(tmp_path / "a.wav", samples, "PCM_16", seed=1)) != digest(
        written(tmp_path / "b.wav", samples, "PCM_16", seed=2)
    )


@pytest.mark.parametrize("subtype", ["PCM_24", "PCM_16"])
def test_pcm_that_is_written_again_is_the_same_file(tmp_path, subtype):
    first = written(tmp_path / "a.wav", noise(40_000), subtype)
    with Source(first) as source:
        write_wav(tmp_path / "b.wav", source.blocks(), RATE, 2, subtype, seed=5)
    assert digest(tmp_path / "b.wav") == digest(first)


@pytest.mark.parametrize("dither", ["off", "tpdf", "shaped"])
def test_what_is_silent_is_silent_in_pcm(tmp_path, dither):
    samples = noise(30_000)
    samples[10_000:20_000] = 0.0
    write_wav(tmp_path / "a.wav", split(samples, (700,)), RATE, 2, "PCM_16", dither=dither)
    read, _ = soundfile.read(tmp_path / "a.wav", dtype="int16")
    assert not read[10_000:20_000].any()


def test_strided_and_empty_blocks_are_written_like_others(tmp_path):
    samples = noise(900, 4)
    blocks = [samples[:0, 1:3], samples[:400, 1:3], samples[:0, 1:3], samples[400:, 1:3]]
    for subtype in WIDTHS:
        write_wav(tmp_path / "a.wav", iter(blocks), RATE, 2, subtype)
        assert digest(tmp_path / "a.wav") == digest(
            written(tmp_path / "b.wav", np.ascontiguousarray(samples[:, 1:3]), subtype)
        )


def test_dither_is_triangular_white_and_independent_of_the_signal(tmp_path):
    """TPDF of +-1 LSB: with rounding, a mean error of 0 and a variance of 1/4 LSB^2 at any input (Lipshitz et al.)."""
    for offset, shares in ((1e-4, {-1: 1 / 8, 0: 3 / 4, 1: 1 / 8}), (0.3, None), (0.5, {0: 1 / 2, 1: 1 / 2})):
        samples = np.full((200_000, 2), offset / 32768)
        read, _ = soundfile.read(written(tmp_path / "a.wav", samples, "PCM_16"), dtype="int16")
        error = read - offset
        assert np.abs(error.mean(axis=0)).max() < 0.006
        assert np.abs(error.var(axis=0) - 0.25).max() < 0.005
        assert abs(np.corrcoef(error.T)[0, 1]) < 0.01
        assert abs(np.corrcoef(error[1:, 0], error[:-1, 0])[0, 1]) < 0.01
        assert np.abs(error).max() <= 1.5
        values, counts = np.unique(read, return_counts=True)
        if shares is not None:
            assert list(values) == list(shares)
            assert np.allclose(counts / read.size, list(shares.values()), atol=0.005)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_pcm_refuses_what_it_cannot_hold_and_names_the_frame(tmp_path, bad):
    samples = noise(3000)
    samples[2222, 1] = bad
    with pytest.raises(AudioError, match=r"frame 2222 \(0\.046 s\) is NaN or infinite, which PCM_24 cannot hold") as e:
        written(tmp_path / "a.wav", samples, "PCM_24", (700,))
    one_line(e)


def test_float_keeps_invalid_samples_for_the_measurement(tmp_path):
    samples = noise(10)
    samples[3, 0], samples[4, 1] = np.nan, 1e300
    read, _ = soundfile.read(written(tmp_path / "a.wav", samples))
    assert np.isnan(read[3, 0])
    assert np.isinf(read[4, 1])


def header(frames, channels=2, subtype="FLOAT"):
    file = BytesIO()
    wav._write_header(file, RATE, channels, subtype, frames)
    return file.getvalue()


def test_the_header_turns_into_rf64_exactly_where_riff_ends():
    size = len(header(0, 1, "PCM_16"))
    most = (0xFFFFFFFF - (size - 8)) // 2
    assert header(most, 1, "PCM_16").startswith(b"RIFF")
    large = header(most + 1, 1, "PCM_16")
    assert large.startswith(b"RF64\xff\xff\xff\xffWAVEds64")
    assert len(large) == size
    form, data, frames, table = struct.unpack("<QQQI", large[20:48])
    assert (form, data, frames, table) == (size - 8 + 2 * (most + 1), 2 * (most + 1), most + 1, 0)


@pytest.mark.parametrize(("subtype", "channels"), [("FLOAT", 2), ("PCM_24", 1), ("FLOAT", 6)])
def test_a_file_past_4_gib_has_all_its_frames(tmp_path, subtype, channels):
    width = WIDTHS[subtype] * channels
    frames = (5 << 30) // width
    path = tmp_path / "large.wav"
    start = header(frames, channels, subtype)
    with open(path, "wb") as file:  # a hole: no 4 GiB are written
        file.write(start)
        file.seek(len(start) + (frames - 1) * width)
        file.write(b"\x00\x00\x40" if subtype == "PCM_24" else struct.pack("<f", 0.5) * channels)
        file.write(b"\0" * (frames * width % 2))
    assert os.stat(path).st_blocks < 1000
    info = soundfile.info(path)
    assert (info.format, info.frames, info.channels) == ("RF64", frames, channels)
    with Source(path) as source:
        assert source.frames == frames
        assert np.array_equal(source.read(frames - 2, 5), [[0.0] * channels, [0.5] * channels])


def test_the_hook_hears_every_block_and_may_stop_the_job(tmp_path):
    heard = []

    def tick(frames):
        heard.append(frames)
        if frames >= 300:
            raise KeyboardInterrupt

    token = on_frames.set(tick)
    try:
        with pytest.raises(KeyboardInterrupt):
            write_wav(tmp_path / "a.wav", split(noise(1000), (100,)), RATE, 2)
    finally:
        on_frames.reset(token)
    assert heard == [100, 200, 300]


def test_blocks_of_other_channels_are_a_bug(tmp_path):
    with pytest.raises(ValueError, match="block of 1 channels in a file of 2"):
        write_wav(tmp_path / "a.wav", iter([noise(5, 1)]), RATE, 2)
