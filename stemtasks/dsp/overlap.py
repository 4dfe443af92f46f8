"""The arithmetic of seams: gains of an overlap, points that match, and what a finished seam measures."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

RHO_RANGE = (-0.5, 1.0)
"""Below -0.5 the gains of the law would exceed 1 and add clicks of their own."""

LEVEL_HOP_SECONDS, LEVEL_HOPS = 0.005, 5
"""A window of 20 ms is four hops; five weights of it, the outer ones small."""

POWER_FLOOR = 1e-6
"""Mean square (-60 dBFS) below which a level is not heard and a dip in it is none."""

STEP_FLOOR = 1e-3
"""Step between samples (-60 dBFS) below which none is a click."""


@lru_cache(maxsize=8)
def gains(overlap: int, rho: float, start: int, stop: int) -> tuple[Array, Array]:
    """Return the gains (outgoing, incoming) of the frames ``start`` to ``stop`` of an overlap, each (frames, 1).

    They satisfy gi^2 + go^2 + 2 rho gi go = 1, so that two parts of equal level whose correlation is ``rho``
    keep that level: equal power for rho = 0, equal gain for rho = 1. The ratio follows a smooth step,
    whose slope is zero at both ends. M. Fink, M. Holters, U. Zölzer, 'Signal-matched power-complementary
    cross-fading and dry-wet mixing', DAFx-16, 2016.
    """
    place = (np.arange(start, stop, dtype=np.float64)[:, None] + 0.5) / overlap
    angle = 0.5 * np.pi * place * place * (3.0 - 2.0 * place)
    going, coming = np.cos(angle), np.sin(angle)
    norm = np.sqrt(1.0 + 2.0 * clipped_rho(rho) * going * coming)
    going /= norm
    coming /= norm
    going.flags.writeable = coming.flags.writeable = False
    return going, coming


def levelled(mixed: Array, going: Array, coming: Array, sample_rate: int) -> Array:
    """Return a whole overlap whose power follows the interpolated power of the two parts.

    All have the shape (frames, channels). One correlation for a whole overlap leaves dips and bumps where the phases
    of the parts wander against each other. In Hann windows of 20 ms, 5 ms apart, the sum's power is brought to
    the parts' own, which the law's squared sines weigh, by at most 6 dB either way.
    """
    frames = len(mixed)
    hop = round(LEVEL_HOP_SECONDS * sample_rate)
    if frames < 8 * hop:
        return mixed
    shape = np.hanning(LEVEL_HOPS + 2)[1:-1]
    shape /= shape.sum()
    edges = np.append(np.arange(0, frames - hop // 2, hop), frames)
    lengths = np.diff(edges) * mixed.shape[1]

    def power_around(x: Array) -> Array:
        powers = np.add.reduceat(np.einsum("ij,ij->i", x, x), edges[:-1]) / lengths
        reach = LEVEL_HOPS // 2
        smooth: Array = np.convolve(np.pad(powers, reach, mode="edge"), shape, mode="valid")
        return smooth

    middles = (edges[:-1] + edges[1:]) / 2.0
    place = middles / frames
    share = np.sin(0.5 * np.pi * place * place * (3.0 - 2.0 * place)) ** 2
    wanted = (1.0 - share) * power_around(going) + share * power_around(coming)
    found = np.maximum(power_around(mixed), 1e-15)
    steps = np.where(wanted > 1e-12, np.clip(np.sqrt(wanted / found), 0.5, 2.0), 1.0)
    gain = np.interp(np.arange(frames) + 0.5, np.concatenate(([0.0], middles, [frames])), [1.0, *steps, 1.0])
    result: Array = mixed * gain[:, None]
    return result


def clipped_rho(rho: float) -> float:
    """Return a correlation inside the range that the gains' law is used for."""
    return min(max(rho, RHO_RANGE[0]), RHO_RANGE[1])


def inner(a: Array, b: Array) -> float:
    """Return the sum of products over frames and channels, by einsum: BLAS starts threads that cost more."""
    return float(np.einsum("ij,ij->", a, b))


def correlation(a: Array, b: Array) -> float:
    """Return the correlation of two parts of one shape over all their channels, without removing the mean."""
    energy = inner(a, a) * inner(b, b)
    return inner(a, b) / energy**0.5 if energy > 0.0 else 0.0


def sliding_correlation(part: Array, within: Array) -> tuple[Array, Array]:
    """Return the correlation of ``part`` with each place in ``within``, and the energy at that place.

    Shapes (n, channels) and (m, channels), m >= n; both results have m - n + 1 values. The energies of
    all channels are added before dividing, so one shift serves all channels.
    """
    n, m = len(part), len(within)
    size = 1 << (m - 1).bit_length()
    spectrum = np.fft.rfft(within, size, axis=0) * np.conj(np.fft.rfft(part, size, axis=0))
    products = np.fft.irfft(spectrum.sum(axis=1), size)[: m - n + 1]
    running = np.concatenate(([0.0], np.cumsum(np.einsum("ij,ij->i", within, within))))
    energy = np.maximum(running[n:] - running[:-n], 0.0)
    scale = np.sqrt(energy * inner(part, part))
    # where the running sum has only rounding left there is silence, not a match
    heard = scale > 1e-9 * max(float(running[-1]), 1e-30)
    return np.where(heard, products / np.where(heard, scale, 1.0), 0.0), energy


def features(x: Array, factor: int) -> Array:
    """Return (frames // factor, 2): the loudest channel's block means, and its rectified block means as an envelope.

    The waveform finds the place of tones, the envelope that of noisy hits, whose waveforms never agree.
    """
    channel = x[:, int(np.argmax(np.einsum("ij,ij->j", x, x)))]
    blocks = channel[: len(channel) // factor * factor].reshape(-1, factor)
    envelope = np.abs(blocks).mean(axis=1)
    envelope -= envelope.mean() if len(envelope) else 0.0
    return np.stack((blocks.mean(axis=1), envelope), axis=1)


def match_scores(part: Array, within: Array, level_weight: float = 0.02) -> Array:
    """Return how well ``part`` goes with each place in ``within``: both are features; 1 is the same.

    It is the mean of the waveform's and the envelope's correlation, less ``level_weight`` for each dB
    of difference in level.
    """
    wave, energy = sliding_correlation(part[:, :1], within[:, :1])
    shape, _ = sliding_correlation(part[:, 1:], within[:, 1:])
    own = max(inner(part[:, :1], part[:, :1]), 1e-12)
    difference_db = np.abs(10.0 * np.log10(np.maximum(energy, 1e-12) / own))
    # rounded, so that the last bits of a logarithm cannot decide between equals
    return np.round(0.5 * (wave + shape) - level_weight * difference_db, 6)


def is_smooth(before: Array, after: Array) -> bool:
    """Return whether ``after`` continues ``before`` with no more of a corner than either has in itself.

    Shapes (frames, channels), a few ms of each. A step and a kink both show in the second difference.
    """
    if min(len(before), len(after)) < 4:
        return False
    across = np.abs(np.diff(np.concatenate((before[-2:], after[:2])), 2, axis=0)).max(axis=0)
    inside = np.maximum(np.abs(np.diff(before, 2, axis=0)).max(axis=0), np.abs(np.diff(after, 2, axis=0)).max(axis=0))
    return bool(np.all(across <= np.maximum(1.2 * inside, 1e-4)))


def power(x: Array) -> float:
    """Return the mean square over frames and channels, 0 for no frames."""
    return inner(x, x) / x.size if x.size else 0.0


def power_by_hop(x: Array, hop: int) -> Array:
    """Return the mean square of each whole ``hop`` frames, over all channels."""
    hops = len(x) // hop
    whole = np.ascontiguousarray(x[: hops * hop]).reshape(hops, hop * x.shape[1])
    powers: Array = np.einsum("ij,ij->i", whole, whole) / whole.shape[1]
    return powers


def level_change(sounding: Array, going: Array, coming: Array, window: int) -> tuple[float, float]:
    """Return (dip, rise) in dB of a finished seam against the two parts it was made of.

    All three have the shape (frames, channels) and the same place in time. In each window the level is
    held against the quieter of both parts for the dip and the louder for the rise: between them it is
    the music's own change. Windows where the quieter is below -60 dBFS do not count.
    """
    window = min(window, len(sounding))
    out, a, b = (_moving_power(x, window) for x in (sounding, going, coming))
    quiet, loud = np.minimum(a, b), np.maximum(a, b)
    heard = quiet > POWER_FLOOR
    if not heard.any():
        return 0.0, 0.0
    level = np.maximum(out[heard], 1e-12)
    dip = 10.0 * np.log10(np.max(quiet[heard] / level))
    rise = 10.0 * np.log10(np.max(level / loud[heard]))
    return float(dip), float(rise)


def _moving_power(x: Array, window: int) -> Array:
    """Return the mean square of windows a quarter of a window apart."""
    running = np.concatenate(([0.0], np.cumsum(np.einsum("ij,ij->i", x, x))))
    starts = np.arange(0, len(x) - window + 1, max(1, window // 4))
    powers: Array = np.maximum(running[starts + window] - running[starts], 0.0) / (window * x.shape[1])
    return powers


def jump_ratio(sounding: Array, *parts: Array) -> float:
    """Return the largest step between neighbouring samples over the largest in the parts, of the worst channel."""
    steps = np.abs(np.diff(sounding, axis=0)).max(axis=0)
    usual = np.max([np.abs(np.diff(part, axis=0)).max(axis=0) for part in parts], axis=0)
    return float(np.max(steps / np.maximum(usual, STEP_FLOOR)))


def onsets_per_second(powers: Array, hop_seconds: float, rise_db: float = 6.0) -> float:
    """Return how often the level jumps up, from powers about 10 ms apart; the first 80 ms are not counted.

    An onset is a rise by ``rise_db`` within three hops, after smoothing over three, to above -30 dB of the
    loudest, and 50 ms after the one before. Taken from the signal's difference (pre-emphasis) it hears
    hits in dense drums and none in a low note, whose periods are as long as the hops.
    """
    if len(powers) < 8 or powers.max() <= 0.0:
        return 0.0
    smooth = np.convolve(powers, np.full(3, 1.0 / 3.0), mode="same")
    level = 10.0 * np.log10(np.maximum(smooth, smooth.max() * 1e-5))
    rising = (level[3:] - level[:-3] > rise_db) & (level[3:] > level.max() - 30.0)
    starts = np.flatnonzero(rising[1:] & ~rising[:-1])
    starts = starts[starts * hop_seconds > 0.08]
    count = np.count_nonzero(np.diff(starts, prepend=-1000) * hop_seconds > 0.05)
    return float(count) / (len(powers) * hop_seconds)


def sustained_region(powers: Array, above_db: float = 6.0, below_db: float = 9.0) -> tuple[int, int]:
    """Return the hops [start, stop) after the attack and before the decay, about the level that prevails.

    The prevailing level is the median of the hops within 30 dB of the loudest. The region starts where the
    level has come to it (an attack above it is over, a slow rise has arrived) and ends where it falls for good.
    """
    heard = powers > powers.max() * 1e-3
    ordered = np.sort(powers[heard])  # np.median imports numpy.ma for it
    prevailing = float(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2 if len(ordered) else 0.0
    low, high = prevailing * 10 ** (-below_db / 10), prevailing * 10 ** (above_db / 10)
    alive = np.flatnonzero(powers >= low)
    if not len(alive):
        return 0, len(powers)
    stop = int(alive[-1]) + 1
    attack = int(alive[0])
    # loud hops only count as an attack in the first third: later they are the music
    loud = np.flatnonzero(powers[: attack + (stop - attack) // 3] > high)
    return (int(loud[-1]) + 1 if len(loud) else attack), stop


def rounded(value: float, digits: int = 3) -> float:
    """Return a figure for the record, without a negative zero."""
    return round(value, digits) + 0.0
