"""Channel mapping against ITU-R BS.775's equations and ffmpeg's downmix."""

from __future__ import annotations

import subprocess

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from stemtasks.dsp.channels import mixed, mixing


def noise(frames, channels):
    return np.random.default_rng(channels).uniform(-0.1, 0.1, (frames, channels))


def test_five_one_to_stereo_is_bs775_without_the_lfe():
    left, right, centre, _, ls, rs = x = noise(9, 6).T
    expected = np.stack([left + 0.70710678 * (centre + ls), right + 0.70710678 * (centre + rs)], axis=1)
    assert np.allclose(mixed(x.T, mixing(6, 2)), expected, atol=1e-9)


@pytest.mark.parametrize(
    ("channels", "layout"), [(3, "3.0"), (4, "quad"), (5, "5.0"), (6, "5.1"), (7, "6.1"), (8, "7.1")]
)
def test_every_surround_layout_is_mixed_as_ffmpeg_does(tmp_path, channels, layout):
    x = noise(500, channels)
    soundfile.write(tmp_path / "a.wav", x, 48000, format="WAVEX", subtype="FLOAT")
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-channel_layout", layout, "-i", tmp_path / "a.wav"]
    resample = f"aresample=in_chlayout={layout}:out_chlayout=stereo:rematrix_maxval=100:osf=flt"
    out = subprocess.run([*ffmpeg, "-af", resample, "-f", "f32le", "pipe:1"], capture_output=True, check=True).stdout
    assert np.allclose(mixed(x, mixing(channels, 2)), np.frombuffer(out, "<f4").reshape(-1, 2), atol=1e-6)


@given(st.integers(1, 8), st.integers(1, 2))
def test_the_input_is_untouched_and_the_order_of_frames_kept(channels_in, channels_out):
    x = noise(20, channels_in)
    before = x.copy()
    y = mixed(x, mixing(channels_in, channels_out))
    assert y.shape == (20, channels_out)
    assert np.array_equal(x, before)
    assert np.array_equal(y[::-1], mixed(x[::-1], mixing(channels_in, channels_out)))


def test_mono_keeps_its_level_in_every_channel():
    x = noise(20, 1)
    for channels in (2, 6):
        assert np.array_equal(mixed(x, mixing(1, channels)), np.repeat(x, channels, axis=1))


def test_stereo_to_mono_is_the_average():
    x = noise(20, 2)
    assert np.allclose(mixed(x, mixing(2, 1)), x.mean(axis=1, keepdims=True), atol=1e-15)


def test_equal_counts_pass_unchanged():
    x = noise(20, 11)
    assert mixed(x, mixing(11, 11)) is x


def test_there_is_no_rule_from_more_than_eight_nor_to_more_than_two():
    assert mixing(9, 2) is None
    assert mixing(2, 6) is None
