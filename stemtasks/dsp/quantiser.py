"""Rounding to whole steps of PCM, with dither where something is rounded and nowhere else.

A sample that is a whole step already needs no rounding, so dither would only add noise to it. A computed signal has
such samples by chance; without dither there its noise would flicker. So dither pauses where a channel has nothing
but whole steps for at least ``UNTOUCHED_MS``: audio that no stage has changed, and digital silence. Before a file
begins and after it ends is silence too.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stemtasks.dsp import noise_shaping

Samples = NDArray[np.float64]
Mask = NDArray[np.bool_]
Dither = Literal["off", "tpdf", "shaped"]

UNTOUCHED_MS = 20
# gains that cancel, and filters that have died away, leave a whole step but for float64's own rounding
_WHOLE = 2.0**-20


class Quantiser:
    """Samples in blocks of any length, shape (frames, channels), full scale 1.0, to whole steps of ``bits`` bits.

    What comes back is float64 within the format's range, the same wherever blocks end; it may be up to
    ``UNTOUCHED_MS`` late, and ``finish`` returns the rest. ``dither`` 'tpdf' adds triangular noise of +-1 step drawn
    from ``seed``: an error without mean, of 1/4 step^2 at any input (Lipshitz, Wannamaker and Vanderkooy,
    'Quantization and dither', JAES 40 (5), 1992). 'shaped' feeds its error back (``noise_shaping``), 'off' rounds.
    """

    def __init__(self, bits: int, sample_rate: int, channels: int, dither: Dither = "tpdf", seed: int = 0) -> None:
        self._full_scale = float(1 << (bits - 1))
        self._rng = None if dither == "off" else np.random.Generator(np.random.PCG64(seed))
        self._taps = noise_shaping.taps(sample_rate) if dither == "shaped" else None
        self._errors = [noise_shaping.SETTLED] * channels
        self._least = max(1, sample_rate * UNTOUCHED_MS // 1000)
        self._runs = [self._least] * channels  # whole steps right before what is held, a channel
        self._held = np.empty((0, channels))

    def __call__(self, block: NDArray[np.floating]) -> Samples:
        """Return what is decided with the next block; raise FloatingPointError for what is no number."""
        steps = np.multiply(block, self._full_scale, order="C", dtype=np.float64)
        if not np.isfinite(steps).all():
            raise FloatingPointError
        if self._rng is None:
            return self._limited(np.rint(steps))
        return self._decided(np.concatenate((self._held, steps)) if len(self._held) else steps, 0)

    def finish(self) -> Samples:
        """Return what was held."""
        return self._decided(self._held, self._least)

    def _decided(self, steps: Samples, silence_after: int) -> Samples:
        """Round all frames whose runs of whole steps are known to be long or short, and hold the others."""
        if not len(steps):
            return steps
        rounds = np.abs(steps - np.rint(steps)) > _WHOLE
        untouched = np.zeros(steps.shape, dtype=bool)
        decided = len(steps)
        if not rounds.all():
            edges = [
                np.concatenate(([-1 - run], np.flatnonzero(channel), [len(steps) + silence_after]))
                for run, channel in zip(self._runs, rounds.T, strict=True)
            ]
            for channel, at in enumerate(edges):
                for gap in np.flatnonzero(np.diff(at) > self._least):
                    untouched[max(0, at[gap] + 1) : at[gap + 1], channel] = True
                if at[-1] - at[-2] <= self._least:
                    decided = min(decided, max(0, int(at[-2]) + 1))
            last = [int(at[np.searchsorted(at, decided) - 1]) for at in edges]
        else:
            last = [len(steps) - 1] * len(self._runs)
        self._runs = [min(self._least, decided - 1 - at) for at in last]
        self._held = steps[decided:].copy()
        return self._rounded(steps[:decided], untouched[:decided])

    def _rounded(self, steps: Samples, untouched: Mask) -> Samples:
        noise = self._noise(steps.shape)
        if untouched.any():
            noise[untouched] = 0.0
        if self._taps is None:
            noise += steps
            return self._limited(np.rint(noise, out=noise))
        rounded = np.rint(steps)
        for channel, still in enumerate(untouched.T):
            self._shape(channel, steps, noise, still, rounded)
        return self._limited(rounded)

    def _noise(self, shape: tuple[int, ...]) -> Samples:
        """Return triangular noise of +-1, one draw a sample: its halves are two uniform numbers."""
        assert self._rng is not None
        drawn = self._rng.integers(0, 1 << 32, shape, dtype=np.uint32)
        noise = (drawn >> 16).view(np.int32)
        drawn &= 0xFFFF
        noise -= drawn.view(np.int32)
        return np.multiply(noise, 1.0 / (1 << 16), dtype=np.float64)

    def _shape(self, channel: int, steps: Samples, noise: Samples, still: Mask, rounded: Samples) -> None:
        """Round the parts of a channel that need it, with feedback that begins anew behind each untouched part."""
        assert self._taps is not None
        edges = np.flatnonzero(np.diff(~still, prepend=False, append=False))
        for start, stop in edges.reshape(-1, 2):
            errors = self._errors[channel] if start == 0 else noise_shaping.SETTLED
            rounded[start:stop, channel], self._errors[channel] = noise_shaping.shaped(
                steps[start:stop, channel].tolist(), noise[start:stop, channel].tolist(), self._taps, errors
            )
        if len(still) and still[-1]:
            self._errors[channel] = noise_shaping.SETTLED

    def _limited(self, rounded: Samples) -> Samples:
        return np.clip(rounded, -self._full_scale, self._full_scale - 1.0, out=rounded)
