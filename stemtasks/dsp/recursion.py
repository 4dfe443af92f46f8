"""The first-order recursion with coefficients that change on every frame, exact and without a loop over frames.

y[n] = m[n] y[n - 1] + b[n] is linear in what came before. So stretches of it run side by side, each from rest, and
what the stretch before had at its end, times the product of the multipliers since, is added afterwards (G. E. Blelloch,
'Prefix sums and their applications', 1990). The ends are such a recursion again, only shorter.

All arrays here are stretched: shape (STRETCH, channels, stretches), frame n being [n % STRETCH, :, n // STRETCH]. The
multiplier may have one channel for all.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Signal = TypeVar("Signal", NDArray[np.float64], NDArray[np.complex128])

STRETCH = 32


def stretched(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a copy of (frames, channels), whole stretches of them, in the shape of this module."""
    return signal.reshape(-1, STRETCH, signal.shape[1]).transpose(1, 2, 0).copy()


def joined(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (frames, channels) again."""
    return np.ascontiguousarray(signal.transpose(2, 0, 1)).reshape(-1, signal.shape[1])


def delayed(signal: NDArray[np.float64], before: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a signal one frame later, with the frame ``before`` it."""
    out = np.empty_like(signal)
    out[1:] = signal[:-1]
    out[0, :, 0] = before
    out[0, :, 1:] = signal[-1, :, :-1]
    return out


def products(multiplier: Signal) -> Signal:
    """Return the product of the multipliers from the start of each stretch up to each frame."""
    out = multiplier.copy()
    for n in range(1, STRETCH):
        out[n] *= out[n - 1]
    return out


def first_order(multiplier: Signal, gains: Signal, added: Signal, before: Signal) -> Signal:
    """Return y of y[n] = multiplier[n] y[n - 1] + added[n], y[-1] being ``before``, shape (channels,).

    ``gains`` are the multiplier's ``products``.
    """
    out = added.copy()
    product = np.empty_like(out[0])
    for n in range(1, STRETCH):
        np.multiply(multiplier[n], out[n - 1], out=product)
        out[n] += product
    carried = np.empty_like(out[0])
    # numbers of Python: an array of a few takes ten times as long
    all_shares = np.broadcast_to(gains[-1], carried.shape).tolist()
    for channel, (shares, ends) in enumerate(zip(all_shares, out[-1].tolist(), strict=True)):
        last = before[channel].item()
        for stretch, (share, end) in enumerate(zip(shares, ends, strict=True)):
            ends[stretch], last = last, share * last + end
        carried[channel] = ends
    out += gains * carried
    return out
