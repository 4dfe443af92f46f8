"""A chain of first-order all-passes whose frequency changes on every frame, with feedback around it: a phaser.

One stage is y[n] = a[n] (x[n] - y[n - 1]) + x[n - 1], with a = tan(pi f / rate - pi / 4), so that it turns the phase
by 90 degrees at f (J. O. Smith, 'Physical Audio Signal Processing', 2010, 'Phasing with first-order allpass filters').

The feedback g has no delay, as in the analogue circuit, and needs no loop over frames. All N stages are the same
linear operation A, so the whole, A^N / (1 - g A^N), is a sum of partial fractions also while A changes: with r the N
roots of g, the sum of r A / (1 - r A) over N g. Each is a first-order recursion (``recursion.py``), v = A (x + r v):

    v[n] = (a x[n] + x[n - 1] + (r - a) v[n - 1]) / (1 - a r)

Roots come in conjugate pairs, of which one is enough.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stemtasks.dsp.recursion import delayed, first_order, joined, products, stretched

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
        roots = abs(feedback) ** (1.0 / stages) * np.exp(1j * angles[angles < np.pi + 1e-9])
        # 1 and -1 are their own conjugates
        self.roots = [complex(root.real, root.imag if abs(root.imag) > 1e-9 * abs(root) else 0.0) for root in roots]
        self.fractions = np.zeros((len(self.roots), channels), dtype=np.complex128)

    def __call__(self, x: Samples, a: Samples) -> Samples:
        """Return what comes out: shape (frames, channels), whole stretches of frames, the input untouched.

        ``a`` has as many channels, or one for all.
        """
        x, a = stretched(x), stretched(a)
        return joined(self._with_feedback(x, a) if self.feedback else self._chain(x, a))

    def _chain(self, x: Samples, a: Samples) -> Samples:
        multiplier = -a
        gains = products(multiplier)
        for stage in range(self.stages):
            added = a * x
            added += delayed(x, self.last[stage])
            out = first_order(multiplier, gains, added, self.last[stage + 1])
            self.last[stage] = x[-1, :, -1]
            x = out
        self.last[-1] = x[-1, :, -1]
        return x

    def _with_feedback(self, x: Samples, a: Samples) -> Samples:
        added = a * x
        added += delayed(x, self.last[0])
        self.last[0] = x[-1, :, -1]
        squared = a * a
        total = np.zeros_like(x)
        for index, root in enumerate(self.roots):
            # (r - a) / (1 - a r), and added / (1 - a r), by the square of what divides
            over = 1.0 / (1.0 - 2.0 * root.real * a + abs(root) ** 2 * squared)
            turned = (root.real * (1.0 + squared) - (1.0 + abs(root) ** 2) * a) * over
            share = added * over
            into = share * (1.0 - root.real * a)
            if root.imag == 0.0:
                v = first_order(turned, products(turned), into, self.fractions[index].real)
                total += root.real * v
                self.fractions[index] = v[-1, :, -1]
            else:
                multiplier = _complex(turned, root.imag * (1.0 - squared) * over)
                w = first_order(
                    multiplier, products(multiplier), _complex(into, share * (root.imag * a)), self.fractions[index]
                )
                total += 2.0 * (root.real * w.real - root.imag * w.imag)
                self.fractions[index] = w[-1, :, -1]
        total /= self.stages * self.feedback
        return total


def _complex(real: Samples, imaginary: Samples) -> NDArray[np.complex128]:
    out = np.empty(real.shape, np.complex128)
    out.real, out.imag = real, imaginary
    return out
