"""Repeats a stem: on its beat grid where a tempo is known, else between the points that match best."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from stemtasks.audio.blocks import Block, Stream
from stemtasks.audio.matching import aligned, matches, powers, reach_frames
from stemtasks.audio.pieces import END_FADE_MS, SILENCE_PEAK, Extent, Fit, Piece, ending, fit, read, seconds
from stemtasks.audio.source import Source
from stemtasks.dsp import overlap as dsp
from stemtasks.errors import AudioError, Mistakes
from stemtasks.timeline import Timeline
from stemtasks.units import Beats, Bpm, OverlapMs, Seconds

MISSING_SECONDS = 0.025
SNAP_SECONDS = 0.01
GRID_OVERLAP_MS, FREE_OVERLAP_MS = 20.0, 50.0
MATCH_WINDOW_SECONDS = 0.4
FOLD_SECONDS = 0.005
SHORTEST_SECONDS = 0.01
AT_LEAST = f"a loop lasts at least {SHORTEST_SECONDS:g} s, shorter ones are a tone"
ATTACK_POWER = 10.0


def loop(
    source: Source,
    frames: int,
    stream: Stream,
    *,
    timeline: Timeline,
    bpm: Bpm | None = None,
    start_seconds: Seconds | None = None,
    end_seconds: Seconds | None = None,
    start_beats: Beats | None = None,
    length_beats: Beats | None = None,
    overlap_ms: OverlapMs | None = None,
) -> Fit:
    """Repeat the stem, or a region of it, until the target's length.

    With a tempo every repetition starts on the whole frame nearest to its exact beat, so that nothing drifts.
    Without one the loop runs between two points of the recording that agree.

    Parameters
    ----------
    bpm
        The stem's own tempo; the song's if it is not given. It decides the grid that the loop keeps to.
    start_seconds
        Where the repeated region starts in the stem; what lies before is not played.
    end_seconds
        Where the region ends; by default after the largest number of whole bars, else beats, that fits.
    start_beats
        The region's start in beats of the stem, in place of start_seconds.
    length_beats
        The region's length in beats, in place of end_seconds. If it is more than the stem holds, silence fills it.
    overlap_ms
        How long both parts sound together at a seam; by default 20 ms with a tempo and 50 ms without.
    """
    tempo = bpm if bpm is not None else timeline.bpm
    region = {"start_seconds": start_seconds, "end_seconds": end_seconds}
    region |= {"start_beats": start_beats, "length_beats": length_beats}
    check(source, frames, stream, timeline=timeline, bpm=bpm, **region)
    rate = stream.sample_rate
    start = round(_region_start(tempo, start_seconds, start_beats) * rate)
    whole = start_seconds is end_seconds is start_beats is length_beats is None
    end = None if end_seconds is None else min(round(end_seconds * rate), source.frames)
    if tempo is None:
        overlap = round((FREE_OVERLAP_MS if overlap_ms is None else overlap_ms) * rate / 1000.0)
        return _free(source, frames, start, end, overlap, region=not whole)
    beat = 60.0 * rate / tempo
    period = _period(source, start, end, length_beats, beat, timeline.beats_per_bar, tempo)
    overlap = round((GRID_OVERLAP_MS if overlap_ms is None else overlap_ms) * rate / 1000.0)
    plan = partial(_grid, source, frames, start, period, min(overlap, int(period) // 2))
    beats = period / beat
    facts: dict[str, Any] = {
        "loop_start_frame": start,
        "loop_frames": round(period, 6),
        "loop_beats": round(beats, 6),
        "loop_bars": round(beats / timeline.beats_per_bar, 6),
        "bpm": tempo,
    }
    if timeline.bpm is not None and abs(tempo - timeline.bpm) > 1e-6:
        facts["note"] = f"kept on the stem's own grid of {tempo:g} bpm; the song has {timeline.bpm:g}"
    return fit(source, frames, plan, facts, beat, start)


def check(
    source: Extent,
    frames: int,
    stream: Stream,
    *,
    timeline: Timeline,
    bpm: float | None,
    start_seconds: float | None,
    end_seconds: float | None,
    start_beats: float | None,
    length_beats: float | None,
) -> None:
    """Refuse a region that is given twice, in beats without a tempo, empty or outside the stem; and a stem too long."""
    tempo, rate = bpm if bpm is not None else timeline.bpm, stream.sample_rate
    mistakes = Mistakes()
    if start_seconds is not None and start_beats is not None:
        mistakes.append("loop: start_seconds and start_beats are both given: keep one of them")
    if end_seconds is not None and length_beats is not None:
        mistakes.append("loop: end_seconds and length_beats are both given: keep one of them")
    if tempo is None and (start_beats is not None or length_beats is not None):
        mistakes.append("loop: start_beats and length_beats need a tempo: give the stem's bpm, or use seconds")
    if length_beats == 0.0:
        mistakes.append("loop: length_beats is 0: a loop has at least a part of a beat")
    mistakes.settle()
    start_s = _region_start(tempo, start_seconds, start_beats)
    if end_seconds is not None and end_seconds <= start_s:
        mistakes.append(f"loop: end_seconds is {end_seconds:g}, which is not after the start: give a later end")
    elif end_seconds is not None and end_seconds - start_s < SHORTEST_SECONDS:
        mistakes.append(f"loop: from its start to end_seconds there are {end_seconds - start_s:g} s: {AT_LEAST}")
    elif length_beats is not None and tempo is not None and length_beats * 60.0 / tempo < SHORTEST_SECONDS:
        mistakes.append(f"loop: length_beats is {length_beats:g}, {length_beats * 60 / tempo:g} s: {AT_LEAST}")
    start = round(start_s * rate)
    if start >= source.frames:
        mistakes.append(
            f"{source.path}: the loop starts at {seconds(start, rate)}, the stem has {seconds(source.frames, rate)}:"
            " give an earlier start_seconds or start_beats"
        )
    mistakes.settle()
    if start_seconds is end_seconds is start_beats is length_beats is None and source.frames > frames:
        raise AudioError(
            f"{source.path}: {seconds(source.frames, rate)} are longer than the target's {seconds(frames, rate)}:"
            " use the strategy truncate, or give the loop a region (start_seconds, end_seconds)"
        )


def _region_start(tempo: float | None, start_seconds: float | None, start_beats: float | None) -> float:
    """Return the region's start in seconds."""
    if start_beats is not None and tempo is not None:
        return start_beats * 60.0 / tempo
    return start_seconds or 0.0


def _period(
    source: Source,
    start: int,
    end: int | None,
    length_beats: float | None,
    beat: float,
    beats_per_bar: float,
    tempo: float,
) -> float:
    """Return the loop's exact length in frames: as asked for, else the most whole bars, else beats, that fit.

    A recording cut up to 25 ms (an eighth of a beat at most) before the bar still counts as whole.
    """
    rate = source.sample_rate
    if length_beats is not None:
        return max(length_beats * beat, 1.0)
    if end is not None:
        nearest = round((end - start) / beat) * beat
        return nearest if nearest and abs(nearest - (end - start)) <= SNAP_SECONDS * rate else float(end - start)
    held = source.frames - start + min(MISSING_SECONDS * rate, beat / 8.0)
    bar = beats_per_bar * beat
    if held >= bar:
        return float(held // bar * bar)
    if held >= beat:
        return float(held // beat * beat)
    raise AudioError(
        f"{source.path}: {seconds(source.frames - start, rate)} are less than one beat at {tempo:g} bpm"
        f" ({seconds(round(beat), rate)}): give length_beats = 1 to repeat it on every beat,"
        " or use the strategy crossfade or zero_pad"
    )


def _grid(source: Source, frames: int, start: int, period: float, overlap: int) -> Iterator[Piece]:
    """Yield the pieces of a loop whose k-th repetition starts at the frame nearest to k periods."""
    last = Piece(0, start)
    yield last
    joints: dict[int, Piece] = {}
    fade = min(round(FOLD_SECONDS * source.sample_rate), (source.frames - start) // 4)
    repetition = 0
    while True:
        begun, repetition = round(repetition * period), repetition + 1
        at = round(repetition * period)
        if at >= frames:
            break
        joint = joints.get(at - begun)
        if joint is None:
            joint = joints[at - begun] = _joint(source, start, at - begun, overlap)
        if at + joint.frame + joint.overlap >= frames:
            break  # too close to the end for its overlap: the piece before rings out instead
        recorded = begun + source.frames - start
        if joint.start is None:
            yield Piece(recorded - fade, None, fade)
            last = Piece(at, start)
        else:
            last = Piece(at + joint.frame, joint.start, joint.overlap, joint.rho, joint.ring)
        yield last
    yield from ending(source, last, frames, END_FADE_MS)


def _joint(source: Source, start: int, length: int, overlap: int) -> Piece:
    """Return how a repetition begins, its frame counted from the beat; a start of None asks for a pause before it.

    What lies around the region decides. Audio before it: both parts overlap before the beat, so that the downbeat
    stays whole. A recording that ends before the beat: a pause. A region that meets its own start smoothly: nothing.
    Else both overlap after the beat, with the audio after the region, or with the recording's last 5 ms mirrored.
    """
    fold = round(FOLD_SECONDS * source.sample_rate)
    end = start + length
    after = source.frames - end
    if overlap and start >= overlap:
        return _before_the_beat(source, start, end, overlap, fold)
    if after < -(fold // 2):
        return Piece(0, None)
    if after < fold and _meets_smoothly(source, start, end, min(fold, length)):
        return Piece(0, start)
    shared = min(overlap, after) if after >= fold else fold + min(after, 0)
    return _after_the_beat(source, start, end, max(1, min(shared, length // 2)), fold)


def _before_the_beat(source: Source, start: int, end: int, overlap: int, fold: int) -> Piece:
    going, coming = read(source, end - overlap, overlap), read(source, start - overlap, overlap)
    shared, rho = _short_where_opposed(going, coming, fold, from_end=True)
    return Piece(-shared, start - shared, shared, rho)


def _meets_smoothly(source: Source, start: int, end: int, near: int) -> bool:
    return dsp.is_smooth(read(source, end - near, near), read(source, start, near))


def _after_the_beat(source: Source, start: int, end: int, shared: int, fold: int) -> Piece:
    """Return an overlap from the beat on; an attack keeps its full level while what was before rings out."""
    going, coming = read(source, end, shared), read(source, start, shared)
    if dsp.power(coming) >= ATTACK_POWER * dsp.power(going):
        incoming = read(source, start, min(fold, end - start))
        steps = np.abs(np.diff(incoming, axis=0)).max(initial=0.0)
        if np.abs(incoming[0] - going[0]).max() <= 2.0 * max(steps, dsp.STEP_FLOOR):
            return Piece(0, start, shared, ring=True)
        shared = max(1, min(shared, fold // 5))
        going, coming = going[:shared], coming[:shared]
    shared, rho = _short_where_opposed(going, coming, fold)
    return Piece(0, start, shared, rho)


def _short_where_opposed(going: Block, coming: Block, fold: int, *, from_end: bool = False) -> tuple[int, float]:
    """Return (overlap, rho); parts of opposite phase, which a grid forbids to shift, overlap for 5 ms only.

    They cancel while they overlap, and gains that made up for it would raise all that does not cancel.
    """
    shared, rho = len(going), dsp.correlation(going, coming)
    if rho < dsp.RHO_RANGE[0] and shared > fold:
        part = slice(shared - fold, None) if from_end else slice(0, fold)
        shared, rho = fold, dsp.correlation(going[part], coming[part])
    return shared, rho


def _free(source: Source, frames: int, start: int, end: int | None, overlap: int, *, region: bool) -> Fit:
    """Return a loop without a grid: between the points asked for, or those that match best."""
    rate = source.sample_rate
    if region:
        stop = source.frames if end is None else end
        overlap = min(overlap, (stop - start) // 5)
        going = min(stop, source.frames - overlap)
        reach = reach_frames(rate, going - start)
        shift, rho = aligned(source, going, start, overlap, (-min(reach, start), reach)) if overlap else (0, 0.0)
        first, coming = start, start + shift
        facts: dict[str, Any] = {"match": "the region asked for"}
    else:
        low, high = _heard(source)
        overlap = max(1, min(overlap, (high - low) // 5))
        best = matches(source, low, high, overlap, round(MATCH_WINDOW_SECONDS * rate), 1)[0]
        first, going, coming, shift, rho = 0, best.going, best.coming, best.shift, best.rho
        facts = {"match": round(best.score, 3)}
    facts |= {"loop_start_frame": coming, "loop_frames": going - coming}
    plan = partial(_repeated, source, frames, first, Piece(going, coming, overlap, rho, shift=shift))
    return fit(source, frames, plan, facts)


def _repeated(source: Source, frames: int, first: int, joint: Piece) -> Iterator[Piece]:
    """Yield the source from ``first``, then again and again what lies between the joint's start and its frame."""
    assert joint.start is not None
    last = Piece(0, first)
    yield last
    frame = joint.frame - first
    while frame + joint.overlap < frames:
        last = Piece(frame, joint.start, joint.overlap, joint.rho, shift=joint.shift)
        yield last
        frame += joint.frame - joint.start
    yield from ending(source, last, frames, END_FADE_MS)


def _heard(source: Source) -> tuple[int, int]:
    """Return the frames between the silences before and after the music, 40 dB below its loudest 10 ms.

    Looked for from both ends, 10 s at a time, so that a long recording is not read for its first and last note.
    """
    hop, look = max(1, source.sample_rate // 100), 10 * source.sample_rate
    loudest = 0.0
    low, high = 0, source.frames
    for start in range(0, source.frames, look):
        level = powers(source, start, min(start + look, source.frames), hop)
        loudest = float(level.max(initial=0.0))
        if loudest > SILENCE_PEAK**2 / 2:
            low = start + int(np.argmax(level > loudest * 1e-4)) * hop
            break
    for stop in range(source.frames, low, -look):
        start = max(low, stop - look)
        heard = np.flatnonzero(powers(source, start, stop, hop) > loudest * 1e-4)
        if len(heard):
            # what is left of the last hop belongs to the music too
            high = min(source.frames, start + (int(heard[-1]) + 2) * hop)
            break
    return low, high
