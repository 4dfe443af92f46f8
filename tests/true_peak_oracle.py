"""Meters of true peak that are not ours, by scipy and by soxr, and programme made to break a limiter."""

from __future__ import annotations

import numpy as np
import scipy.signal
import soxr

from tests import loudness_oracle

# 64 taps a phase
LONG = 8 * scipy.signal.firwin(8 * 64 + 1, 1 / 8, window=("kaiser", 9.0))


def long_dbtp(samples):
    return 20 * np.log10(np.abs(scipy.signal.upfirdn(LONG, samples, 8, axis=0)).max())


def soxr_dbtp(samples, rate):
    around = np.pad(samples, ((1000, 1000), (0, 0)))
    return 20 * np.log10(np.abs(soxr.resample(around, rate, 8 * rate, "VHQ")).max())


def highest_dbtp(samples, rate):
    """Return the highest that any of the three meters reads."""
    return max(long_dbtp(samples), soxr_dbtp(samples, rate), loudness_oracle.true_peak_dbtp(samples, rate))


def made_to_break(rate, frames):
    """Return programme by name, shape (frames, 1), 3 to 15 dB over full scale."""
    n = np.arange(frames)
    rng = np.random.default_rng(5)
    alternating = np.where(n % 2, 2.0, -2.0)
    impulses, worst, sparse = np.zeros(frames), np.zeros(frames), np.zeros(frames)
    for offset, (first, second) in enumerate([(4, 0), (4, 4), (4, -4), (3, 3.5)]):
        impulses[300 + offset * 700 :: 2800] = first
        impulses[301 + offset * 700 :: 2800] = second
    for centre in range(600, frames - 600, 2400):
        worst[centre - 30 : centre + 30] = 1.5 * np.sign(np.sinc(np.arange(-30, 30) + 0.5))
    sparse[rng.integers(0, frames, 20)] = rng.uniform(-6, 6, 20)
    made = {
        "fs/4 at 45 degrees": 2 * np.sin(np.pi / 2 * n + np.pi / 4),
        "alternating bursts": alternating * (n // 200 % 4 == 1),
        "alternating with flips": alternating * np.where(n // 100 % 2, 1, -1),
        "clipped square, low": np.clip(30 * np.sin(2 * np.pi * 0.001 * n), -2, 2),
        "clipped square, high": np.clip(30 * np.sin(2 * np.pi * 0.0631 * n), -2, 2),
        "impulses between samples": impulses,
        "sums of signs": worst,
        "noise": rng.standard_normal(frames),
        "noise of signs": np.sign(rng.standard_normal(frames)) * 1.5,
        "noise bursts": rng.standard_normal(frames) * (np.sin(2 * np.pi * n / 6000) > 0.8) * 2,
        "chirp to Nyquist": 2 * np.sin(np.pi * np.cumsum(np.linspace(0.3, 1, frames))),
        "sparse pulses": sparse,
    }
    return {name: samples[:, None].astype(np.float32).astype(np.float64) for name, samples in made.items()}
