"""A room as noise: impulse responses that decay exponentially, faster at high frequencies.

J. A. Moorer, 'About This Reverberation Business', Computer Music Journal 3 (2), 1979: the response of a good
hall is close to white noise under an exponential envelope. The time of decay over frequency follows
J.-M. Jot and A. Chaigne, 'Digital delay networks for designing artificial reverberators', AES 90, 1991.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WINDOW_FRAMES = 1 << 10
ONSET_SECONDS = 0.004
LENGTH = 1.1  # of the decay time: -66 dB


def decaying_noise(
    channels: int, sample_rate: int, decay_seconds: float, damping_hz: float, seed: int
) -> NDArray[np.float64]:
    """Return independent responses, shape (channels, frames), of energy 1 each.

    ``decay_seconds`` is RT60, the time in which the level falls by 60 dB (ISO 3382-1), at 0 Hz; at a
    frequency f it is 1 / sqrt(1 + (f / damping_hz)^2) of that.
    """
    frames = max(1, round(LENGTH * decay_seconds * sample_rate))
    noise = np.random.Generator(np.random.PCG64(seed)).standard_normal((frames, channels)).T
    seconds = np.arange(frames) / sample_rate
    rate = np.log(1000.0) / decay_seconds
    response = _damped(noise, sample_rate, rate, damping_hz)
    response *= np.minimum(1.0, (seconds + 1 / sample_rate) / ONSET_SECONDS)
    release = frames // 10
    response[:, frames - release :] *= np.linspace(1.0, 0.0, release, endpoint=False)
    response /= np.sqrt(np.sum(response**2, axis=1, keepdims=True))
    return response


def _damped(noise: NDArray[np.float64], sample_rate: int, rate: float, damping_hz: float) -> NDArray[np.float64]:
    """Return noise of which each frequency decays at its own rate, shaped in windows that overlap by half."""
    hop = WINDOW_FRAMES // 2
    # the square root of a periodic Hann window, before and after: their products sum to 1
    window = np.sin(np.pi * np.arange(WINDOW_FRAMES) / WINDOW_FRAMES)
    frequencies = np.fft.rfftfreq(WINDOW_FRAMES, 1 / sample_rate)
    rates = rate * np.sqrt(1.0 + (frequencies / damping_hz) ** 2)
    padded = np.pad(noise, ((0, 0), (hop, 2 * WINDOW_FRAMES)))
    shaped = np.zeros_like(padded)
    for start in range(0, noise.shape[1] + hop, hop):
        place = slice(start, start + WINDOW_FRAMES)
        # the window's middle stands at frame ``start`` of the response
        spectrum = np.fft.rfft(padded[:, place] * window) * np.exp(-rates * start / sample_rate)
        shaped[:, place] += np.fft.irfft(spectrum) * window
    return shaped[:, hop : hop + noise.shape[1]]
