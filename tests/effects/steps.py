"""Steps of level, and what an effect made of them: what dynamics are measured with."""

from __future__ import annotations

import subprocess
from math import exp

import numpy as np

from tests.audio_files import FFMPEG, RATE

MS = RATE // 1000


def steady(level_db, ms, channels=1):
    """Return samples that all have one level: what a detector sees without the ripple of a wave."""
    return np.full((ms * MS, channels), 10 ** (level_db / 20))


def steps(*parts):
    """Return levels in dBFS one after another, each ``(level_db, ms)``."""
    return np.concatenate([steady(level_db, ms) for level_db, ms in parts])


def sine(frequency_hz, level_db, ms):
    return 10 ** (level_db / 20) * np.sin(2 * np.pi * frequency_hz / RATE * np.arange(ms * MS))[:, None]


def gain_db(y, x):
    """Return the gain of each frame of one channel."""
    return 20 * np.log10(np.abs(y[: len(x), 0]) / np.abs(x[:, 0]))


def ms_to_63_percent(gains_db, start_ms, end_db):
    """Return how long after ``start_ms`` 63 % of the way to ``end_db`` is done."""
    gains = gains_db[start_ms * MS :]
    begin = gains_db[start_ms * MS - 1]
    far = np.abs(gains - end_db) <= abs(begin - end_db) * exp(-1.0)
    return (np.flatnonzero(far)[0] + 1) / MS


def by_ffmpeg(x, filters):
    """Return audio through filters of ffmpeg."""
    raw = ["-f", "f64le", "-ar", str(RATE), "-ac", str(x.shape[1])]
    command = [FFMPEG, "-v", "error", *raw, "-i", "pipe:0", "-af", filters, *raw, "pipe:1"]
    done = subprocess.run(command, input=x.astype("<f8").tobytes(), capture_output=True, check=True)
    return np.frombuffer(done.stdout, "<f8").reshape(-1, x.shape[1])
