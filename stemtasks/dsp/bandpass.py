"""Design of Butterworth band-pass filters as second-order sections.

S. Butterworth 1930; low-pass to band-pass (s^2 + w0^2) / (B s), then the bilinear transform, prewarped.
"""

from __future__ import annotations

from cmath import exp, sqrt
from math import pi, tan

import numpy as np

from stemtasks.dsp.sections import Sections


def bandpass(order: int, low_hz: float, high_hz: float, sample_rate: int) -> Sections:
    """Return a band-pass, -3.01 dB at both edges, 6 dB per octave and order outside: shape (order, 6)."""
    low, high = tan(pi * low_hz / sample_rate), tan(pi * high_hz / sample_rate)
    centre = (low * high) ** 0.5
    rows = []
    # poles of the prototype on the upper half of the unit circle; an odd order adds the real one at -1
    for index in range((order + 1) // 2):
        pole = exp(1j * pi * (2 * index + 1 + order) / (2 * order))
        half = pole * (high - low) / 2
        root = sqrt(half * half - centre * centre)
        first, second = _digital(half + root), _digital(half - root)
        if 2 * index + 1 == order:
            rows.append(_section(first, second, centre))
        else:
            rows += [_section(z, z.conjugate(), centre) for z in (first, second)]
    return np.array(rows)


def _digital(pole: complex) -> complex:
    return (1 + pole) / (1 - pole)


def _section(first: complex, second: complex, centre: float) -> list[float]:
    """Return zeros at 0 Hz and Nyquist and a pair of poles, at gain 1 at the centre."""
    a1, a2 = -(first + second).real, (first * second).real
    z = _digital(1j * centre)
    gain = abs((z * z + a1 * z + a2) / (z * z - 1))
    return [gain, 0.0, -gain, 1.0, a1, a2]
