"""The tempo of recordings that sound together, by where sounds begin in them (``dsp/rhythm.py``)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stemtasks.audio.blocks import frames_at
from stemtasks.audio.listening import CLEAR_CONFIDENCE, CLEAR_FIT, LOOK_SECONDS, Onsets, own_tempo
from stemtasks.audio.source import Source
from stemtasks.dsp import rhythm

Array = NDArray[np.float64]

LONGEST_SECONDS = 120.0
"""Of what is listened to for the exact tempo: sixteenths that are 12 ms wide tell 0.01 % from there."""
NEAR = 0.012
STEP_SECONDS = 0.006
"""Between two tempos that are tried, at the end of what is listened to."""
AS_GOOD = 0.97
LEAST_STEADY = 0.6
"""How well one tempo must fit all that is listened to, next to half a minute of it: less is played without a click."""
BLOCK_SECONDS = 2.0


@dataclass(frozen=True)
class Tempo:
    """A tempo, whether it is clear, and why not where it is not."""

    bpm: float
    doubt: str = ""


def tempo_of(paths: Sequence[str], seconds: float) -> Tempo | None:
    """Return the tempo of recordings that begin at one time, of their sum from 0 on; None where no beat is heard.

    It is between 78 and 156: half and double tempos have the same sixteenths.
    """
    curve = _curve(paths, min(seconds, LONGEST_SECONDS))
    look = round(LOOK_SECONDS / rhythm.HOP_SECONDS)
    found = []
    for start in range(0, max(1, len(curve) - look // 2), look):
        part = curve[start : start + look]
        tempo = own_tempo(Onsets(part, len(part) * rhythm.HOP_SECONDS)) if len(part) > 1 else None
        if tempo is not None:
            found.append(tempo)
    if not found:
        return None
    # one that the others are near to, and of those the clearest
    best = max(found, key=lambda each: (sum(_are_near(each.bpm, other.bpm) for other in found), each.fit))
    agreeing = sum(_are_near(best.bpm, other.bpm) for other in found)
    exact, fit = _exact(curve, best.bpm)
    if best.fit < CLEAR_FIT or best.confidence < CLEAR_CONFIDENCE:
        return Tempo(exact, "its beat is not clear")
    if 2 * agreeing <= len(found) and len(found) > 1:
        return Tempo(exact, "other parts of it have another tempo")
    if fit < LEAST_STEADY * best.fit:
        return Tempo(exact, "it is not steady, as of what is played without a click")
    return Tempo(exact)


def _are_near(one: float, other: float) -> bool:
    return abs(one / other - 1.0) < NEAR


def _exact(curve: Array, near_bpm: float) -> tuple[float, float]:
    """Return the tempo near one that fits a whole curve best, a round one if that fits as well, and how well."""
    seconds = max(1.0, len(curve) * rhythm.HOP_SECONDS)
    step = STEP_SECONDS / seconds
    count = int(np.ceil(NEAR / step))
    tempos = near_bpm * (1.0 + step * np.arange(-count, count + 1))
    fits = [rhythm.fit(curve, bpm) for bpm in tempos.tolist()]
    best = max(fits)
    top = np.flatnonzero(np.array(fits) >= best - 1e-9)
    bpm = float(tempos[top[len(top) // 2]])
    for digits in (1, 2, 10, 100):
        rounded = round(bpm * digits) / digits
        # whole numbers are what songs are made at; half ones and tenths must be what fits
        if abs(rounded / bpm - 1.0) <= NEAR and rhythm.fit(curve, rounded) >= AS_GOOD * best:
            return rounded, best
    return round(bpm, 3), best


def _curve(paths: Sequence[str], seconds: float) -> Array:
    """Return the curve of onsets of the sum, at the rate of the first; others are read at theirs, frame by frame."""
    with ExitStack() as files:
        sources = [files.enter_context(Source(path)) for path in paths]
        rate = sources[0].sample_rate
        heard = rhythm.Novelty(rate)
        alike = [source for source in sources if source.sample_rate == rate]
        stop = min(frames_at(round(1000 * seconds), 1000, rate), max(source.frames for source in alike))
        step = round(BLOCK_SECONDS * rate)
        for start in range(0, stop, step):
            total = np.zeros(min(step, stop - start))
            for source in alike:
                block = source.read(start, len(total))
                total[: len(block)] += block.mean(axis=1) if len(block) else 0.0
            heard.add(total)
        return heard.curve()
