"""Audio files for tests: noise in blocks of any lengths, written here and decoded elsewhere."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from hypothesis import strategies as st

from stemtasks.audio.blocks import BLOCK_FRAMES
from stemtasks.audio.wav import write_wav

RATE = 48000
FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
partitions = st.lists(st.integers(1, 40), min_size=1, max_size=8)
WIDTHS = {"FLOAT": 4, "PCM_24": 3, "PCM_16": 2}


def noise(frames, channels=2, seed=1, level=0.2):
    return np.random.default_rng(seed).uniform(-level, level, (frames, channels))


def split(samples, lengths):
    """Yield the samples in blocks of these lengths, over and over."""
    position, index = 0, 0
    while position < len(samples):
        step = lengths[index % len(lengths)]
        yield samples[position : position + step]
        position, index = position + step, index + 1


def digest(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def written(path, samples, subtype="FLOAT", lengths=(BLOCK_FRAMES,), rate=RATE, seed=0):
    frames = write_wav(path, split(samples, lengths), rate, samples.shape[1], subtype, seed)
    assert frames == len(samples)
    return path


def ffmpeg_decoded(path, channels, form="f32le"):
    run = subprocess.run(
        [FFMPEG, "-v", "warning", "-xerror", "-i", str(path), "-f", form, "pipe:1"], capture_output=True, check=True
    )
    assert run.stderr == b"" or b"Guessed Channel Layout" in run.stderr, run.stderr
    return np.frombuffer(run.stdout, {"f32le": "<f4", "s32le": "<i4"}[form]).reshape(-1, channels)


def one_line(error):
    text = str(error.value)
    assert "\n" not in text
    assert len(text) < 400
    return text
