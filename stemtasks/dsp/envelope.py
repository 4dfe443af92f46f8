"""The ADSR envelope of a note, computed for any range of its frames."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp

import numpy as np
from numpy.typing import NDArray

SHORTEST_RAMP_MS = 1.0
CURVE = 5.0


@dataclass(frozen=True)
class Adsr:
    """Attack, decay and release in frames, sustain as a gain."""

    attack: int
    decay: int
    sustain: float
    release: int

    @classmethod
    def of(cls, attack_ms: float, decay_ms: float, sustain: float, release_ms: float, sample_rate: int) -> Adsr:
        """Return the envelope for times in milliseconds; each is at least 1 ms, as a step clicks."""
        shortest = round(SHORTEST_RAMP_MS * sample_rate / 1000.0) + 1
        attack, decay, release = (round(time * sample_rate / 1000.0) for time in (attack_ms, decay_ms, release_ms))
        return cls(max(attack, shortest), max(decay, shortest), sustain, max(release, shortest))

    def frames(self, held: int) -> int:
        """Return how many frames a note sounds that is held for ``held`` frames; one without sustain may end sooner."""
        if self.sustain == 0.0 and held > self.attack + self.decay:
            return self.attack + max(self.decay, 1)
        return held + self.release

    def gains(self, start: int, stop: int, held: int) -> NDArray[np.float64]:
        """Return the gains of frames ``start`` to ``stop`` of a note held for ``held`` frames: shape (stop - start,).

        The attack is a raised cosine, decay and release fall exponentially and end at exactly their target.
        A note let go during attack or decay is released from the level it has reached.
        """
        gains = self._held(start, max(start, min(stop, held)))
        if stop <= held:
            return gains
        let_go = float(self._held(held, held + 1)[0])
        x = (np.arange(max(start, held), stop) - held) / self.release
        return np.concatenate([gains, let_go * _fall(x)])

    def _held(self, start: int, stop: int) -> NDArray[np.float64]:
        """Return the gains of a note that is never let go."""
        gains = np.full(stop - start, self.sustain)
        decay_end = self.attack + self.decay
        if start < self.attack:
            n = np.arange(start, min(stop, self.attack))
            gains[: len(n)] = 0.5 - 0.5 * np.cos(np.pi * n / self.attack)
        if stop > self.attack and start < decay_end:
            first, last = max(start, self.attack), min(stop, decay_end)
            fall = _fall((np.arange(first, last) - self.attack) / self.decay)
            gains[first - start : last - start] = self.sustain + (1.0 - self.sustain) * fall
        return gains


def _fall(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return an exponential fall from 1 at x = 0 to exactly 0 at x = 1 and after."""
    floor = exp(-CURVE)
    fall: NDArray[np.float64] = np.maximum((np.exp(-CURVE * x) - floor) / (1.0 - floor), 0.0)
    return fall
