"""What is heard in a recording: where sounds begin in its first half minute, and which tempo that goes with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemtasks.audio.source import Source
from stemtasks.dsp import rhythm

LOOK_SECONDS = 30.0
USUAL_BPM = 110.0
"""From half an octave below to half an octave above it lies every tempo, or its half or double."""
CLEAR_FIT, CLEAR_CONFIDENCE = 2.5, 0.45
OWN_FIT, OWN_CONFIDENCE = 2.0, 0.39
FEWEST = 4
"""Onsets of which a tempo can be told."""
ALSO_FITS, WHOLE_BEATS, WHOLE_COUNTS = 0.55, 0.1, 0.25
RELATED = (3 / 4, 4 / 3, 2 / 3, 3 / 2)
"""Ratios of tempos whose sixteenths fall together so often that onsets cannot tell them apart."""
RELATED_WITHIN = 0.015
ONSET_SHARE = 0.15


@dataclass(frozen=True, eq=False)
class Onsets:
    """The curve of onsets of what was listened to, every 5 ms."""

    curve: NDArray[np.float64]
    seconds: float

    def begins_in(self, start_s: float, stop_s: float) -> bool:
        """Return whether a sound begins in a stretch of it, next to the strongest that does."""
        low, high = (max(0, round(at / rhythm.HOP_SECONDS)) for at in (start_s, stop_s))
        part = self.curve[low:high]
        return bool(len(part) and part.max() > 0.0 and part.max() >= ONSET_SHARE * self.curve.max())

    def strong(self) -> NDArray[np.float64]:
        """Return the times in seconds of the strong onsets, each the highest within 50 ms."""
        curve = self.curve
        near = round(0.05 / rhythm.HOP_SECONDS)
        places = [
            at
            for at in np.flatnonzero(curve >= ONSET_SHARE * max(float(curve.max(initial=0.0)), 1e-12)).tolist()
            if curve[at] == curve[max(0, at - near) : at + near + 1].max()
        ]
        return np.array(places, dtype=np.float64) * rhythm.HOP_SECONDS


@lru_cache(maxsize=4)  # a stage asks more than once of the file that it fits
def onsets(source: Source, start: int = 0) -> Onsets:
    """Return the onsets of a recording from a frame on, all channels together."""
    stop = min(source.frames, start + round(LOOK_SECONDS * source.sample_rate))
    heard = rhythm.Novelty(source.sample_rate)
    for block in source.blocks(start, stop):
        heard.add(np.einsum("ij->i", block) / source.channels)
    return Onsets(heard.curve(), (stop - start) / source.sample_rate)


def own_tempo(found: Onsets) -> rhythm.Found | None:
    """Return the tempo that the onsets go by themselves, or None where they have no steady beat.

    Of tempos whose sixteenths mostly fall together it is the one after whose beats the onsets come again, and of which
    the recording holds a whole number.
    """
    best = rhythm.best_tempo(found.curve, USUAL_BPM)
    if len(found.strong()) < FEWEST or best.fit < OWN_FIT or best.confidence < OWN_CONFIDENCE:
        return None
    related = [replace(best, bpm=best.bpm * ratio) for ratio in (1.0, *RELATED)]
    fitting = [each for each in related if rhythm.fit(found.curve, each.bpm) >= ALSO_FITS * best.fit]

    def likely(each: rhythm.Found) -> float:
        beats = found.seconds * each.bpm / 60.0
        is_whole = abs(beats - round(beats)) < WHOLE_BEATS
        return round(rhythm.recurrence(found.curve, 60.0 / each.bpm) + is_whole * WHOLE_COUNTS, 3)

    chosen = max(fitting, key=likely)
    return replace(chosen, bpm=60.0 / rhythm.refined(found.curve, 60.0 / chosen.bpm))


def tempo_facts(found: Onsets, bpm: float) -> dict[str, Any]:
    """Return how well a tempo fits the onsets, against the tempo near it that fits best.

    ``fit`` and ``best_fit`` are multiples of chance; ``share`` is the one over the other. It is 1 where the onsets
    have no clear beat, or one whose sixteenths are those of the other tempo too: then nothing contradicts.
    """
    best = rhythm.best_tempo(found.curve, bpm)
    fit = rhythm.fit(found.curve, bpm)
    beats = found.seconds * best.bpm / 60.0
    exact = best.bpm
    if round(beats) and abs(beats - round(beats)) < 1 / 8 and found.seconds < LOOK_SECONDS:
        exact = round(beats) * 60.0 / found.seconds
    is_clear = best.fit >= CLEAR_FIT and best.confidence >= CLEAR_CONFIDENCE and len(found.strong()) >= FEWEST
    related = any(abs(best.bpm / bpm / ratio - 1.0) < RELATED_WITHIN for ratio in (1.0, *RELATED))
    return {
        "bpm": bpm,
        "fit": round(fit, 2),
        "best_bpm": round(exact, 2),
        "best_fit": round(best.fit, 2),
        "best_beats": round(beats, 2),
        "confidence": round(best.confidence, 2),
        "share": round(min(1.0, fit / best.fit), 2) if is_clear and not related else 1.0,
    }
