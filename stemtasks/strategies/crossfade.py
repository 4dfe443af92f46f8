"""Extends sustained material: repeats what lies between attack and decay, with long overlaps and its own ending."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial

import numpy as np

from stemtasks.audio.blocks import Stream
from stemtasks.audio.matching import ANCHORS, Match, aligned, matches, powers, reach_frames
from stemtasks.audio.pieces import Extent, Fit, Piece, ending, fit, read, seconds
from stemtasks.audio.source import Source
from stemtasks.dsp import overlap as dsp
from stemtasks.errors import AudioError
from stemtasks.units import OverlapMs

CUT_FADE_MS = 20.0
REGION_SECONDS = 20.0
MIN_REGION_SECONDS = 0.25
ATTACK_SECONDS = 0.25
VARIED, NEAR_BEST, SECOND_BEST = 4, 0.1, 0.3
DIFFERENT = (0.1, 0.01)
"""By how much of each other jumps differ, best first."""
LEVEL_WEIGHT, LENGTH_WEIGHT = 0.03, 0.2
LAST_ANCHORS = 12
HEARD_POWER, WIDE_SHARE, WIDE_POWER = 1e-4, 0.6, 1e-2


def crossfade(source: Source, frames: int, stream: Stream, *, overlap_ms: OverlapMs = 500.0) -> Fit:
    """Repeat regions of the recording with long overlaps until the target's length; it keeps its own ending.

    The regions leave out the attack and the final decay, and alternate where several join equally well.

    Parameters
    ----------
    overlap_ms
        How long both parts sound together at a seam, at most a fifth of the material that sustains.
    """
    rate = stream.sample_rate
    check(source, frames, stream)
    start, stop = _region(source)
    overlap = max(1, min(round(overlap_ms * rate / 1000.0), (stop - start) // 5))
    found = matches(source, start, stop, overlap, overlap, ANCHORS, LEVEL_WEIGHT, LENGTH_WEIGHT)
    near = _varied(found)
    # a plan is gone through more than once, and its last joint is searched for
    plan = partial(_pieces, source, frames, (start, stop), overlap, near, cache(partial(_last, source)))
    facts = {
        "region_start_frame": start,
        "region_end_frame": stop,
        "overlap_frames": overlap,
        "match": round(found[0].score, 3),
    }
    return fit(source, frames, plan, facts)


def check(source: Extent, frames: int, stream: Stream) -> None:
    """Refuse a stem that is longer than the target."""
    rate = stream.sample_rate
    if source.frames > frames:
        raise AudioError(
            f"{source.path}: {seconds(source.frames, rate)} are longer than the target's"
            f" {seconds(frames, rate)}: use the strategy truncate"
        )


def _varied(found: list[Match]) -> list[Match]:
    """Return the good matches to take in turn, those first whose jumps differ: no swell or note comes again and again.

    Where only jumps of one length are good, others from other places are, so that no region comes twice running.
    """
    chosen = found[:1]
    for differing in DIFFERENT:
        for match in found[1:]:
            less = SECOND_BEST if len(chosen) == 1 else NEAR_BEST
            is_good = match.score >= found[0].score - less and match not in chosen
            if is_good and all(abs(match.jump - each.jump) >= differing * each.jump for each in chosen):
                chosen = [*chosen, match][:VARIED]
    if len(chosen) == 1:
        chosen += [match for match in found[1:2] if match.score >= found[0].score - SECOND_BEST]
    return chosen


def _region(source: Source) -> tuple[int, int]:
    """Return the frames that sustain, of the last 20 s; nearly all of them where too little does."""
    rate = source.sample_rate
    low = max(0, source.frames - round(REGION_SECONDS * rate))
    hop = max(1, rate // 100)
    # the level over 50 ms, so that the beats of a low tone are not taken for its attack and decay
    level = np.convolve(powers(source, low, source.frames, hop), np.full(5, 0.2), mode="same")
    first, last = dsp.sustained_region(level)
    heard = np.flatnonzero(level > HEARD_POWER * level.max(initial=0.0))
    if len(heard) and last - first < WIDE_SHARE * (heard[-1] - heard[0]):
        # what swells and falls is all there is: the joints are where it is equally loud
        alive = np.flatnonzero(level > WIDE_POWER * level.max())
        first, last = int(alive[0]), int(alive[-1]) + 1
    start, stop = low + first * hop, min(source.frames, low + last * hop)
    enough = max(MIN_REGION_SECONDS * rate, source.frames / 8)
    if stop - start >= min(enough, source.frames - low):
        # a note that is no louder at first may still be brighter
        return start + min(round(ATTACK_SECONDS * rate), (stop - start) // 8), stop
    margin = (source.frames - low) // 16
    return low + margin, source.frames - margin


def _pieces(
    source: Source,
    frames: int,
    region: tuple[int, int],
    overlap: int,
    found: list[Match],
    joined_last: Callable[[int, int, int, int, int], Match],
) -> Iterator[Piece]:
    """Yield pieces whose jumps back add up to what is missing, or a little more, which the end then loses.

    Each jump moves the rest of the recording later. The last one is chosen for its length and then for its match.
    """
    start, stop = region
    missing, moved, turn = frames - source.frames, 0, 0
    slack = 2 * reach_frames(source.sample_rate, stop - start)
    longest = stop - overlap - start - slack
    last = Piece(0, 0)
    yield last
    # the last jump is no longer than those that match, lest it reach back from the decay to the attack
    comfortable = min(longest, max(match.jump for match in found))
    while missing > comfortable:
        match = found[turn % len(found)]
        last = Piece(match.going + moved, match.coming, overlap, match.rho, shift=match.shift)
        yield last
        moved, missing, turn = moved + match.jump, missing - match.jump, turn + 1
    if missing > 0:
        earliest = start if last.overlap == 0 else (last.start or 0) + overlap
        match = joined_last(max(earliest, start + missing + slack), stop - overlap, missing, slack, overlap)
        last = Piece(match.going + moved, match.coming, overlap, match.rho, shift=match.shift)
        yield last
    yield from ending(source, last, frames, CUT_FADE_MS)


def _last(source: Source, low: int, high: int, missing: int, slack: int, overlap: int) -> Match:
    """Return the best of some joints in ``[low, high]`` that jump back by ``missing`` to ``missing + slack`` frames."""
    factor = max(1, min(source.sample_rate // 4000, overlap // 64))
    best, best_score = high, -np.inf
    for going in dict.fromkeys(np.linspace(min(low, high), high, LAST_ANCHORS).astype(int).tolist()):
        part = dsp.features(read(source, going, overlap), factor)
        within = dsp.features(read(source, going - missing - slack, overlap + slack), factor)
        score = float(dsp.match_scores(part, within, LEVEL_WEIGHT).max())
        if score > best_score:
            best, best_score = going, score
    shift, rho = aligned(source, best, best - missing, overlap, (-slack, 0))
    return Match(best, best - missing + shift, shift, rho, best_score)
