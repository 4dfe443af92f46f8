"""Where sounds begin, to the millisecond, and whether they keep their own beat from one stretch of audio to the next.

An attack is a rise of the logarithm of the energy within 4 ms, in the signal and in its differences, where high
frequencies are louder (A. Klapuri, 'Sound onset detection by applying psychoacoustic knowledge', ICASSP 1999, has
the logarithm). A pulse is found in attacks by their mean direction on a circle of its length, weighted by their
strength; the length of that mean says how well they keep to it (N. I. Fisher, 'Statistical analysis of circular
data', Cambridge 1993).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

HOP_SECONDS = 0.001
RISE_HOPS, SMOOTH_HOPS = 4, 4
FLOOR_POWER = 1e-4
DELAY_SECONDS = 0.0025
"""How much later than the first frame of a click its attack is found."""
STRONG, APART_STEPS, WIDE_HOPS = 0.25, 0.6, 12
STEPS_PER_BEAT = 4
TEMPO_SPAN, TEMPO_STEP = 0.08, 0.0005
FEWEST = 4
EARLY_SECONDS = 0.02
"""What comes so little before the seam is its downbeat, played ahead."""
STEADY, BY_CHANCE = 0.85, 1e-4
"""How well attacks keep to a pulse that is one: 1 is exactly; and how seldom as many at random would."""
DOUBTS = 2.0
RISE_SPAN_HOPS, RISE_BEFORE_HOPS, RISE_POWER, RISE_FLOOR = 10, 40, 4.0, 1e-3


@dataclass(frozen=True)
class Kept:
    """What the attacks around a seam say, in seconds.

    ``across`` is how much longer than whole beats of their own tempo the last piece was, for sure: less twice its
    standard error, down to 0. ``offset`` is how much later than the sixteenths from the seam on those after it lie.
    """

    across: float
    offset: float


def attacks(x: Array, sample_rate: int, apart_seconds: float, *, begins: bool) -> tuple[Array, Array]:
    """Return the times in seconds and the strengths of the attacks in ``x``, shape (frames,).

    Each is the strongest within ``apart_seconds`` on either side. ``begins`` says that silence comes before.
    """
    curve = np.zeros(int(len(x) / (HOP_SECONDS * sample_rate)))
    if len(curve) <= RISE_HOPS:
        return curve[:0], curve[:0]
    places = (np.arange(len(curve) + 1) * (HOP_SECONDS * sample_rate)).astype(int)
    for signal in (x, np.diff(x, prepend=x[:1])):
        energy = np.add.reduceat(signal[: places[-1]] ** 2, places[:-1]) / np.diff(places)
        energy = np.convolve(energy, np.full(SMOOTH_HOPS, 1.0 / SMOOTH_HOPS))[: len(curve)]
        loudest = float(energy.max())
        if loudest <= 0.0:
            continue
        level = np.log(energy / loudest + FLOOR_POWER)
        before = np.full(RISE_HOPS, np.log(FLOOR_POWER)) if begins else level[:RISE_HOPS]
        rise = level - np.concatenate((before, level[:-RISE_HOPS]))
        curve += np.maximum(rise, 0.0) * (energy / loudest) ** 0.25
    return _peaks(curve, max(1, round(apart_seconds / HOP_SECONDS)))


def _peaks(curve: Array, near: int) -> tuple[Array, Array]:
    """Return the times and heights of a curve's strong and narrow peaks, each the highest within ``near`` hops."""
    times, strengths, last = [], [], -near
    for at in np.flatnonzero(curve >= STRONG * max(float(curve.max()), 1e-12)).tolist():
        if at - last < near or curve[at] < curve[max(0, at - near) : at + near + 1].max():
            continue
        last = at
        around = [curve[side] for side in (at - WIDE_HOPS, at + WIDE_HOPS) if 0 <= side < len(curve)]
        if max(around, default=0.0) > 0.5 * curve[at]:
            continue  # it swells, and nobody can say to the millisecond when it begins
        left, top, right = (float(curve[min(max(0, at + step), len(curve) - 1)]) for step in (-1, 0, 1))
        bend = left - 2.0 * top + right
        times.append((at + (0.5 * (left - right) / bend if bend < 0.0 else 0.0)) * HOP_SECONDS - DELAY_SECONDS)
        strengths.append(top)
    return np.array(times), np.array(strengths)


def kept(x: Array, seam: int, sample_rate: int, beat: float, piece: float, *, begins: bool) -> Kept | None:
    """Return how the attacks before and after frame ``seam`` of ``x`` keep their beat; None where they have none.

    ``beat`` is the grid's, and ``piece`` how long what ends at the seam is, in frames. The attacks' own tempo is
    looked for within 8 % of the grid's. Where the piece is not heard whole before the seam, its whole beats are not
    counted, and ``across`` is what is left of a sixteenth.
    """
    step = beat / sample_rate / STEPS_PER_BEAT
    times, strengths = attacks(x, sample_rate, APART_STEPS * step, begins=begins)
    times = times - seam / sample_rate
    later = times >= -EARLY_SECONDS
    sides = [(times[chosen], strengths[chosen]) for chosen in (~later, later)]
    fewest = min(len(at) for at, _ in sides)
    if fewest < FEWEST:
        return None
    pulses = np.exp(np.arange(-TEMPO_SPAN, TEMPO_SPAN + TEMPO_STEP / 2.0, TEMPO_STEP)) / step
    before, after = (_directions(at, strength, pulses) for at, strength in sides)
    steadiness = np.abs(before) + np.abs(after)
    best = int(np.argmax(steadiness))
    steady = min(abs(before[best]), abs(after[best]))
    if not 0 < best < len(pulses) - 1 or not _is_steady(steady, fewest):
        return None
    own = 1.0 / float(pulses[best])
    across = float(np.angle(after[best] / before[best])) / (2.0 * np.pi) * own
    if seam >= piece - 1:
        heard = across + round((piece / sample_rate - across) / own) * own
        across = heard - round(heard / own / STEPS_PER_BEAT) * STEPS_PER_BEAT * own
    across = float(np.copysign(max(0.0, abs(across) - DOUBTS * _doubt(sides, float(steady), own)), across))
    return Kept(across, float(np.angle(after[best])) / (2.0 * np.pi) * own)


def _directions(times: Array, strengths: Array, pulses: Array) -> NDArray[np.complex128]:
    """Return the mean direction of attacks on the circle of each pulse, given in pulses a second."""
    turns: NDArray[np.complex128] = np.exp(2j * np.pi * pulses[:, None] * times)
    mean: NDArray[np.complex128] = np.einsum("ij,j->i", turns, strengths / strengths.sum())
    return mean


def _is_steady(steadiness: float, count: int) -> bool:
    """Return whether attacks keep to a pulse, and are more than what falls together by chance."""
    return steadiness >= STEADY and (1.0 - steadiness) ** ((count - 1) / 2.0) <= BY_CHANCE


def _doubt(sides: list[tuple[Array, Array]], steady: float, own: float) -> float:
    """Return the standard error in seconds of a pulse led on from one side's attacks to the other's.

    It is that of two lines of one slope, and of the slope by one side alone: both may be the same recording.
    """
    spread = own / (2.0 * np.pi) * np.sqrt(max(0.0, -2.0 * np.log(steady)))
    middles, counts, extents = [], [], []
    for times, strengths in sides:
        weights = strengths / strengths.sum()
        count = 1.0 / float(np.einsum("i,i->", weights, weights))
        middles.append(float(np.einsum("i,i->", weights, times)))
        counts.append(count)
        extents.append(count * float(np.einsum("i,i->", weights, (times - middles[-1]) ** 2)))
    apart, free = middles[1] - middles[0], min(len(times) for times, _ in sides) - 2
    spread *= np.sqrt((free + 2) / free)
    return float(spread * np.sqrt(2.0 / min(counts) + apart * apart / min(extents)))


def rises(x: Array, sample_rate: int) -> NDArray[np.int64]:
    """Return the frames where the level over 10 ms, in ``x`` or its differences, rises by 6 dB above the 40 ms before.

    What swells does not, nor does the beating of a tone. A frame is up to 1 ms before the sound.
    """
    hop = HOP_SECONDS * sample_rate
    count = int(len(x) / hop)
    span, before = RISE_SPAN_HOPS, RISE_BEFORE_HOPS
    if count <= before + span:
        return np.zeros(0, np.int64)
    places = (np.arange(count + 1) * hop).astype(int)
    found = np.zeros(count, dtype=bool)
    for signal in (x, np.diff(x, prepend=x[:1])):
        energy = np.add.reduceat(signal[: places[-1]] ** 2, places[:-1]) / np.diff(places)
        levels = np.convolve(energy, np.full(span, 1.0 / span), mode="valid")
        highest = np.lib.stride_tricks.sliding_window_view(levels, before - span + 1).max(axis=1)
        later = levels[before:]
        risen = later > RISE_POWER * highest[: len(later)] + RISE_FLOOR * max(float(levels.max()), 1e-8)
        for at in (before + np.flatnonzero(risen & ~np.concatenate(([False], risen[:-1])))).tolist():
            part = energy[at : at + span]
            found[at + int(np.argmax(part >= 0.1 * part.max()))] = True
    return places[:-1][found].astype(np.int64)
