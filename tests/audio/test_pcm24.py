"""Samples of 24 bits that we read ourselves, against libsndfile."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from stemtasks.audio.pcm24 import Pcm24
from stemtasks.audio.source import Source
from stemtasks.errors import AudioError

RATE = 48_000
EXTREMES = np.array([0, 1, -1, 255, -256, 65_535, -65_536, 2**23 - 1, -(2**23)], dtype=np.int32)
FRAMES = st.integers(0, 40_000)


def written(path, frames, channels, seed=0, form="WAV", endian="FILE"):
    """Write steps of 24 bits, the extremes among them."""
    steps = np.random.default_rng(seed).integers(-(2**23), 2**23, frames * channels, dtype=np.int32)
    steps[: len(EXTREMES)] = EXTREMES[: len(steps)]
    soundfile.write(path, (steps << 8).reshape(-1, channels), RATE, "PCM_24", endian=endian, format=form)
    return path


def samples(path, start=0, frames=-1):
    return soundfile.read(path, frames, start, dtype="float32", always_2d=True)[0]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["WAV", "WAVEX", "RF64"]), st.integers(1, 7), FRAMES, FRAMES, FRAMES, st.integers(0, 99))
def test_every_stretch_is_what_libsndfile_reads(form, channels, length, start, frames, seed):
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder) / "a.wav", length, channels, seed, form)
        with Source(path) as source:
            assert isinstance(source._plain, Pcm24)
            found = source.read_narrow(start, frames)
            assert found.dtype == np.float32 or not len(found)
            expected = samples(path, min(start, length), min(frames, max(0, length - start)))
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("chunks", [b"", b"bext\x04\x00\x00\x00abcd", b"LIST\x04\x00\x00\x00INFO"])
def test_chunks_around_the_audio_are_no_audio(tmp_path, chunks):
    whole = written(tmp_path / "whole.wav", 3001, 1).read_bytes()
    at = whole.index(b"data")
    content = whole[:at] + chunks + whole[at:] + b"\0" + chunks
    path = tmp_path / "a.wav"
    path.write_bytes(content[:4] + (len(content) - 8).to_bytes(4, "little") + content[8:])
    with Source(path) as source:
        assert isinstance(source._plain, Pcm24)
        np.testing.assert_array_equal(source.read_narrow(0, 3001), samples(tmp_path / "whole.wav"))


def test_a_bw64_is_read_from_where_its_audio_is(tmp_path):
    path = written(tmp_path / "a.wav", 3000, 2, form="RF64")
    expected = samples(path)
    path.write_bytes(b"BW64" + path.read_bytes()[4:])
    with Source(path) as source:
        assert isinstance(source._plain, Pcm24)
        np.testing.assert_array_equal(np.concatenate(list(source.narrow_blocks())), expected)


@pytest.mark.parametrize(("name", "form", "endian"), [("a.wav", "WAV", "BIG"), ("a.aiff", "AIFF", "FILE")])
def test_big_endian_samples_are_left_to_libsndfile(tmp_path, name, form, endian):
    path = written(tmp_path / name, 3000, 2, form=form, endian=endian)
    with Source(path) as source:
        assert source._plain is None
        np.testing.assert_array_equal(source.read_narrow(0, 3000), samples(path))


def test_a_file_that_is_cut_short_while_it_is_read_is_one_line(tmp_path):
    path = written(tmp_path / "a.wav", 30_000, 2)
    with Source(path) as source:
        os.truncate(path, 60_001)
        with pytest.raises(AudioError, match=r"a\.wav: cut short: it claims 30000 frames .* \d+ could be decoded"):
            list(source.narrow_blocks())
        assert 9_900 < len(source.read_narrow(0, 30_000)) < 10_000


def test_a_disk_that_fails_is_one_line(tmp_path, monkeypatch):
    path = written(tmp_path / "a.wav", 3000, 2)

    def fails(*_):
        raise OSError(5, "Input/output error")

    with Source(path) as source:
        monkeypatch.setattr(source._plain, "_fill", fails)
        with pytest.raises(AudioError, match=r"a\.wav: cannot be decoded near frame 1000 .*: Input/output error; copy"):
            source.read_narrow(1000, 10)


def test_no_file_stays_open(tmp_path):
    path = written(tmp_path / "a.wav", 3000, 2)
    there = set(os.listdir("/proc/self/fd"))
    with Source(path):
        assert len(os.listdir("/proc/self/fd")) == len(there) + 1
    assert set(os.listdir("/proc/self/fd")) == there
