"""Meters of true peak that are not ours, by Fourier, scipy and soxr, and programme made to break a limiter."""

from __future__ import annotations

from functools import cache

import numpy as np
import scipy.fft
import scipy.signal
import soxr

from tests import loudness_oracle

# up to this share of the rate our 8x meter is an 8x sampling of the wave: there its filters are flat
FLAT_SHARE = 0.465
# ripple and images under their Kaiser window: no tone up to there is read further off, in shares of its amplitude
RIPPLE = 10 ** (-66 / 20)


def least_of(share, factor=8):
    """Return what such a meter reads at least of a wave of peak 1 that has nothing above a share of the rate.

    Near its peak such a wave falls no faster than a cosine of its highest frequency (Duffin and Schaeffer, 'Some
    properties of functions of exponential type', 1938), and the nearest instant is 1 / (2 factor) frames away.
    """
    return np.cos(np.pi * share / factor)


def exact_peak(samples, factor=8):
    """Return the highest value of the band-limited wave at ``factor`` times the rate: zeros added to its spectrum."""
    frames = 2 * scipy.fft.next_fast_len(len(samples) // 2 + 2048, real=True)
    spectra = np.fft.rfft(np.pad(samples, ((2048, frames - 2048 - len(samples)), (0, 0))).T)
    return factor * max(np.abs(np.fft.irfft(spectrum, frames * factor)).max() for spectrum in spectra)


def band_limited(samples, share=0.45):
    """Return the samples without what lies above a share of the rate, faded at both ends."""
    n = np.arange(len(samples))
    faded = samples * (np.sin(np.pi / 2 * np.clip(np.minimum(n, n[::-1]) / 2000, 0, 1)) ** 2)[:, None]
    frames = scipy.fft.next_fast_len(len(samples), real=True)
    spectrum = np.fft.rfft(faded, frames, axis=0)
    spectrum[round(share * frames) :] = 0
    return np.fft.irfft(spectrum, frames, axis=0)[: len(samples)].astype(np.float32).astype(np.float64)


@cache
def filters_of(taps):
    """Return the filters of a meter of so many taps a phase, one after the other."""
    return 8 * scipy.signal.firwin(8 * taps + 1, 1 / 8, window=("kaiser", 9.0))


def long_dbtp(samples, taps=64):
    """Return what a meter of so many taps a phase reads."""
    filters = filters_of(taps)
    phases = (scipy.signal.oaconvolve(samples, filters[phase::8, None], axes=0) for phase in range(8))
    return 20 * np.log10(max(np.abs(phase).max() for phase in phases))


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
