"""Convolution with a long impulse response, block by block, by partitions in the frequency domain.

Uniformly partitioned overlap-save: W. G. Gardner, 'Efficient Convolution without Input-Output Delay',
JAES 43, 1995; F. Wefers, 'Partitioned convolution algorithms for real-time auralization', 2015, ch. 5.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]

PARTITION_FRAMES = 1 << 15


class Convolution:
    """A filter bank of one impulse response a channel: shape (channels, frames)."""

    def __init__(self, response: Samples, partition_frames: int = PARTITION_FRAMES) -> None:
        self.frames = partition_frames
        self.channels, self.response_frames = response.shape
        starts = range(0, response.shape[1], self.frames)
        self.parts = [np.fft.rfft(response[:, start : start + self.frames], 2 * self.frames) for start in starts]
        self.spectra = [np.zeros_like(self.parts[0]) for _ in starts]
        self.history = np.zeros((self.channels, 2 * self.frames))
        self.total, self.product = np.empty_like(self.parts[0][0]), np.empty_like(self.parts[0][0])
        self.period = np.empty(2 * self.frames)

    def __call__(self, block: Samples) -> Samples:
        """Return as many frames as go in, exactly ``partition_frames``: shapes (channels, frames), no latency."""
        self.history[:, : self.frames] = self.history[:, self.frames :]
        self.history[:, self.frames :] = block
        newest = self.spectra.pop()
        # channels that hold the same, as of a mono stem made stereo, need one transform
        for channel, samples in enumerate(self.history):
            if channel and np.array_equal(samples, self.history[0]):
                newest[channel] = newest[0]
            else:
                np.fft.rfft(samples, out=newest[channel])
        self.spectra.insert(0, newest)
        out = np.empty((self.channels, self.frames))
        for channel in range(self.channels):
            np.multiply(self.spectra[0][channel], self.parts[0][channel], out=self.total)
            for spectrum, part in zip(self.spectra[1:], self.parts[1:], strict=True):
                np.multiply(spectrum[channel], part[channel], out=self.product)
                self.total += self.product
            out[channel] = np.fft.irfft(self.total, out=self.period)[self.frames :]
        return out
