"""Where a recording can be joined to itself: points that match, by correlation, in a short look at its parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stemtasks.audio.blocks import BLOCK_FRAMES, Block
from stemtasks.audio.pieces import read
from stemtasks.audio.source import Source
from stemtasks.dsp import overlap as dsp

ALIGN_MS = 12.0
COARSE_HZ = 2000
HEAD_SECONDS, TAIL_SECONDS = 3.0, 6.0
ANCHORS = 8


@dataclass(frozen=True, slots=True)
class Match:
    """Source frame ``going`` continues at ``coming``; ``score`` is how well (1: the same)."""

    going: int
    coming: int
    shift: int
    rho: float
    score: float

    @property
    def jump(self) -> int:
        """Frames that joining here adds to the recording."""
        return self.going - self.coming


def reach_frames(sample_rate: int, span: int) -> int:
    """Return how far an alignment may shift a part: 12 ms, less in a short span."""
    return min(round(ALIGN_MS * sample_rate / 1000.0), span // 32)


def matches(
    source: Source,
    start: int,
    stop: int,
    overlap: int,
    window: int,
    count: int,
    level_weight: float = 0.02,
    length_weight: float = 0.1,
) -> list[Match]:
    """Return up to ``count`` matches, best first: anchors early in ``[start, stop)`` and where its later part agrees.

    Coarse at about 2 kHz over at most the first 3 and last 6 seconds, then within +-12 ms at the full rate over
    the ``overlap`` that will sound. Longer jumps win among near equals. ``window`` is what the coarse look compares.
    Each ``coming + overlap`` lies before each ``going``, and ``going + overlap`` before ``stop``.
    """
    span, rate = stop - start, source.sample_rate
    factor = max(1, min(rate // COARSE_HZ, span // 256))
    reach = reach_frames(rate, span)
    window = max(4 * factor, min(window, span // 5))
    head_stop = min(start + span // 4, start + round(HEAD_SECONDS * rate))
    tail_start = max(start + span // 2, stop - round(TAIL_SECONDS * rate))
    tail = dsp.features(read(source, tail_start, stop - tail_start), factor)
    found = []
    for anchor in np.linspace(start + reach, max(start + reach, head_stop - reach), ANCHORS).astype(int).tolist():
        part = dsp.features(read(source, anchor, window), factor)
        scores = dsp.match_scores(part, tail, level_weight)
        places = tail_start + np.arange(len(scores)) * factor
        scores = scores + np.round(length_weight * (places - anchor) / span, 6)
        scores[places + max(overlap, window) > stop] = -np.inf
        best = int(np.argmax(scores))
        found.append((-float(scores[best]), anchor, int(places[best])))
    result = []
    for score, anchor, going in sorted(set(found))[:count]:
        shift, rho = aligned(source, going, anchor, overlap, (-reach, reach))
        result.append(Match(going, anchor + shift, shift, rho, -score))
    return result


def aligned(source: Source, going: int, coming: int, overlap: int, reach: tuple[int, int]) -> tuple[int, float]:
    """Return (shift, rho): the shift of ``coming`` within ``reach`` that correlates best with ``going``, and how well.

    One shift for all channels; both from the ``overlap`` frames that will sound together.
    """
    part = read(source, going, overlap)
    low, high = reach
    within = read(source, coming + low, overlap + high - low)
    scores, _ = dsp.sliding_correlation(part, within)
    # rounded, and the smallest shift among equals, so that silence and periods are not decided by noise
    scores = np.round(scores, 9)
    best = np.flatnonzero(scores == scores.max())
    shift = int(best[np.argmin(np.abs(best + low))]) + low
    return shift, dsp.correlation(part, read(source, coming + shift, overlap))


def powers(source: Source, start: int, stop: int, hop: int, *, emphasis: bool = False) -> Block:
    """Return the mean square of each ``hop`` frames from ``start`` to ``stop``, read in blocks.

    ``emphasis`` takes the differences between frames in place of the frames.
    """
    per_block = max(1, BLOCK_FRAMES // hop) * hop
    parts = []
    for at in range(start, stop, per_block):
        block = source.read(at, min(per_block, stop - at))
        parts.append(dsp.power_by_hop(np.diff(block, axis=0, prepend=block[:1]) if emphasis else block, hop))
    return np.concatenate(parts) if parts else np.zeros(0)
