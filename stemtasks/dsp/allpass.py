"""A chain of first-order all-passes whose frequency changes on every frame, with feedback around it: a phaser.

One stage is y[n] = a[n] (x[n] - y[n - 1]) + x[n - 1], with a = tan(pi f / rate - pi / 4), so that it turns the phase
by 90 degrees at f (J. O. Smith, 'Physical Audio Signal Processing', 2010, 'Phasing with first-order allpass filters').

The feedback has no delay, as in the analogue circuit, and needs no loop over frames. All N stages are the same linear
operation A, so the whole, A^N / (1 - g A^N), is a sum of partial fractions also while A changes: with r the N roots of
g, the sum of r A / (1 - r A) over N g. Each of these is a first-order recursion (``recursion.py``): v = A (x + r v), thus

    v[n] = (a x[n] + x[n - 1] + (r - a) v[n - 1]) / (1 - a r)

Roots come in conjugate pairs, of which one is enough.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stemtasks.dsp.recursion import Signal, delayed, first_order, joined, products, stretched

Samples = NDArray[np.float64]

NO_FEEDBACK = 1e-9
"""Rounding is divided by the feedback: less than this is none."""


class AllPasses:
    """``stages`` all-passes of each channel, block by block."""

    def __init__(self, stages: int, feedback: float, channels: int) -> None:
        self.stages, self.feedback = stages, feedback if abs(feedback) > NO_FEEDBACK else 0.0
        # what went into each stage last, and at the end what came out
        self.last = np.zeros((stages + 1, channels))
        angles = 2.0 * np.pi * (np.arange(stages) + (0.0 if feedback > 0.0 else 0.5)) / stages
        radius = abs(feedback) ** (1.0 / stages)
        self.roots = [complex(radius * np.exp(1j * angle)) for angle in angles if angle < np.pi + 1e-9]
        self.weights = [root if abs(root.imag) < 1e-9 * radius else 2.0 * root for root in self.roots]
        self.fractions = np.zeros((len(self.roots), channels), dtype=np.complex128)

    def __call__(self, x: Samples, a: Samples) -> Samples:
        """Return what comes out: shape (frames, channels) all, whole stretches of frames, the input untouched."""
        x, a = stretched(x), stretched(a)
        return joined(self._with_feedback(x, a) if self.feedback else self._chain(x, a))

    def _chain(self, x: Samples, a: Samples) -> Samples:
        multiplier = -a
        gains = products(multiplier)
        for stage in range(self.stages):
            added = a * x
            added += delayed(x, self.last[stage])
            out = first_order(multiplier, gains, added, self.last[stage + 1])
            self.last[stage] = x[-1, -1]
            x = out
        self.last[-1] = x[-1, -1]
        return x

    def _with_feedback(self, x: Samples, a: Samples) -> Samples:
        added = a * x
        added += delayed(x, self.last[0])
        self.last[0] = x[-1, -1]
        total = np.zeros_like(x)
        for index, (root, weight) in enumerate(zip(self.roots, self.weights, strict=True)):
            v = self._fraction(root, a, added, index)
            total += weight.real * v.real
            if np.iscomplexobj(v):
                total -= weight.imag * v.imag
        total /= self.stages * self.feedback
        return total

    def _fraction(self, root: complex, a: Samples, added: Samples, index: int) -> Signal:
        """Return v of the module's equation for one root."""
        # 1 / (1 - a r), with the division of real numbers
        over: Signal = 1.0 / (1.0 - 2.0 * root.real * a + abs(root) ** 2 * a * a)
        over = over * (1.0 - a * root.conjugate())
        multiplier = (root - a) * over
        v = first_order(multiplier, products(multiplier), added * over, self.fractions[index])
        self.fractions[index] = v[-1, -1]
        return v
