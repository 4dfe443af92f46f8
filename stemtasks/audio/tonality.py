"""What plays notes in recordings, and in which key all of them are (``dsp/notes.py``, ``music/tonality.py``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stemtasks.audio.source import Source
from stemtasks.dsp.notes import notes, window_frames
from stemtasks.music.tonality import Found, best_key

Array = NDArray[np.float64]

PIECES = 24
SPREAD = 0.618034
SILENT = 1e-3
TONAL = 0.4
"""Share of the energy in notes from which it is music of notes: drums have 0.1 to 0.26."""
FEWEST = 6
"""Windows with sound from which anything is said."""
LOW_HZ = 160.0
_LESS_UNEVEN = 0.5


@dataclass(frozen=True, eq=False)
class Tones:
    """What sounds in a few windows: pitch classes (C first, sum 1 or 0), the share of notes in the energy, and of lows.

    ``windows`` are those with sound, and ``sounding`` their share of all.
    """

    chroma: Array
    tonal: float
    low: float
    windows: int
    sounding: float


def tones_of(path: str, starts_s: float, ends_s: float) -> Tones:
    """Return what sounds in windows of a third of a second, spread over a stretch of a recording."""
    with Source(path) as source:
        rate = source.sample_rate
        frames = window_frames(rate)
        first, last = round(starts_s * rate), max(round(starts_s * rate), round(ends_s * rate) - frames)
        count = min(PIECES, 1 + (last - first) // max(1, frames))
        part = (last - first) / count
        starts = [first + int(place * part + place * SPREAD % 1.0 * max(0.0, part - frames)) for place in range(count)]
        pieces = [source.read(start, frames).mean(axis=1) for start in starts if start + frames <= source.frames]
    heard = [piece for piece in pieces if float(np.abs(piece).max()) > SILENT]
    if not heard:
        return Tones(np.zeros(12), 0.0, 0.0, 0, 0.0)
    stacked = np.stack(heard)
    found = notes(stacked, rate)
    return Tones(found.chroma(_LESS_UNEVEN), found.tonal, _low(stacked, rate), len(heard), len(heard) / len(pieces))


def _low(windows: Array, rate: int) -> float:
    """Return the share of the energy below ``LOW_HZ``."""
    power = (np.abs(np.fft.rfft(windows * np.hanning(windows.shape[1]))) ** 2).sum(axis=0)
    return float(power[: round(LOW_HZ * windows.shape[1] / rate)].sum() / max(float(power.sum()), 1e-30))


def key_of(each: Sequence[Tones]) -> Found | None:
    """Return the key of recordings that sound together, each counting alike; None where nothing plays notes."""
    tonal = [tones.chroma for tones in each if tones.tonal >= TONAL and tones.windows >= FEWEST]
    if not tonal:
        return None
    return best_key((np.sum(tonal, axis=0) / len(tonal)).tolist())
