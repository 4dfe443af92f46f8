"""Repeats a stem: on its beat grid where a tempo is known, else between the points that match best."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from stemtasks.audio.blocks import Stream
from stemtasks.audio.listening import onsets, own_tempo, tempo_facts
from stemtasks.audio.matching import aligned, matches, powers, reach_frames
from stemtasks.audio.pieces import END_FADE_MS, SILENCE_PEAK, Extent, Fit, Piece, ending, fit, read, seconds
from stemtasks.audio.repeating import Grid
from stemtasks.audio.source import Source
from stemtasks.audio.times import length_seconds
from stemtasks.dsp import overlap as dsp
from stemtasks.errors import AudioError, Mistakes
from stemtasks.timeline import Timeline
from stemtasks.units import Beats, Bpm, Length, OverlapMs

NEAR_BEATS = 1 / 8
"""A recording that is so much shorter or longer than whole beats holds them."""
SNAP_SECONDS, WHOLE_SHARE = 0.01, 0.015
GRID_OVERLAP_MS, FREE_OVERLAP_MS = 20.0, 50.0
MATCH_WINDOW_SECONDS, RETURNS_RHO = 0.4, 0.8
WHOLE_WINDOW_SECONDS, WHOLE_STEP_DB = 0.01, 3.0
SHORTEST_SECONDS = 0.01
AT_LEAST = f"a loop lasts at least {SHORTEST_SECONDS:g} s, shorter ones are a tone"


def loop(
    source: Source,
    frames: int,
    stream: Stream,
    *,
    timeline: Timeline,
    bpm: Bpm | None = None,
    start_seconds: Length | None = None,
    end_seconds: Length | None = None,
    start_beats: Beats | None = None,
    length_beats: Beats | None = None,
    overlap_ms: OverlapMs | None = None,
) -> Fit:
    """Repeat the stem, or a region of it, until the target's length.

    With a tempo every repetition starts on the whole frame nearest to its exact beat, so that nothing drifts. A
    recording that is a little shorter is continued by its own tail, one that lacks more by itself a bar before.
    Without a tempo the recording's own beats count, if it has steady ones; else the loop runs between two points of
    the recording that agree.

    Parameters
    ----------
    bpm
        The stem's own tempo; the song's if it is not given. It decides the grid that the loop keeps to.
    start_seconds
        Where the repeated region starts in the stem; what lies before is not played. Bars and beats are the song's.
    end_seconds
        Where the region ends; by default after the whole bars, else beats, nearest to what was recorded.
    start_beats
        The region's start in beats of the stem, in place of start_seconds.
    length_beats
        The region's length in beats, in place of end_seconds. If it is more than the stem holds, silence fills it.
    overlap_ms
        How long both parts sound together at a seam; by default 20 ms with a tempo and 50 ms without.
    """
    tempo = bpm if bpm is not None else timeline.bpm
    start_seconds, end_seconds = (_in_seconds(each, timeline) for each in (start_seconds, end_seconds))
    region: dict[str, float | None] = {"start_seconds": start_seconds, "end_seconds": end_seconds}
    region |= {"start_beats": start_beats, "length_beats": length_beats}
    check(source, frames, stream, timeline=timeline, bpm=bpm, **region)
    rate = stream.sample_rate
    start = round(_region_start(tempo, start_seconds, start_beats) * rate)
    whole = start_seconds is end_seconds is start_beats is length_beats is None
    end = None if end_seconds is None else min(round(end_seconds * rate), source.frames)
    judged: dict[str, Any] = {}
    if tempo is None:
        overlap = round((FREE_OVERLAP_MS if overlap_ms is None else overlap_ms) * rate / 1000.0)
        if not whole:
            return _region(source, frames, start, end, overlap)
        own = _own_beats(source)
        if own is None:
            return _free(source, frames, overlap)
        beat = own
        judged["tempo_from"] = "its own onsets"
    else:
        beat = 60.0 * rate / tempo
    overlap = round((GRID_OVERLAP_MS if overlap_ms is None else overlap_ms) * rate / 1000.0)
    asked = end is not None or length_beats is not None
    period = _asked(source, start, end, length_beats, beat) if asked else _period(source, start, beat, timeline)
    if tempo is None:
        period = _again(source, period)
    if end is None and tempo is not None:
        judged["tempo"] = tempo_facts(onsets(source, start), tempo)
    lag = None if asked else _fill_lag(source.frames - start, period, beat, timeline.beats_per_bar)
    grid = Grid(source, start, period, min(overlap, int(period) // 2), lag)
    beats = period / beat
    facts: dict[str, Any] = {
        "loop_start_frame": start,
        "loop_frames": round(period, 6),
        "loop_beats": round(beats, 6),
        "loop_bars": round(beats / timeline.beats_per_bar, 6),
        "bpm": round(60.0 * rate / beat, 6),
        **judged,
    }
    if tempo is not None and timeline.bpm is not None and abs(tempo - timeline.bpm) > 1e-6:
        facts["note"] = f"kept on the stem's own grid of {tempo:g} bpm; the song has {timeline.bpm:g}"
    return fit(source, frames, partial(grid.pieces, frames), facts, beat, start)


def check(
    source: Extent,
    frames: int,
    stream: Stream,
    *,
    timeline: Timeline,
    bpm: float | None,
    start_seconds: float | str | None,
    end_seconds: float | str | None,
    start_beats: float | None,
    length_beats: float | None,
) -> None:
    """Refuse a region that is given twice, in beats without a tempo, empty or outside the stem; and a stem too long."""
    start_seconds, end_seconds = (_in_seconds(each, timeline) for each in (start_seconds, end_seconds))
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


def _in_seconds(length: float | str | None, timeline: Timeline) -> float | None:
    return None if length is None else length_seconds(length, timeline)


def _region_start(tempo: float | None, start_seconds: float | None, start_beats: float | None) -> float:
    """Return the region's start in seconds."""
    if start_beats is not None and tempo is not None:
        return start_beats * 60.0 / tempo
    return start_seconds or 0.0


def _asked(source: Source, start: int, end: int | None, length_beats: float | None, beat: float) -> float:
    """Return the loop's exact length in frames as it was asked for; seconds near whole beats are those."""
    if length_beats is not None:
        return max(length_beats * beat, 1.0)
    assert end is not None
    nearest, length = round((end - start) / beat) * beat, float(end - start)
    return nearest if nearest and abs(nearest - length) <= SNAP_SECONDS * source.sample_rate else length


def _period(source: Source, start: int, beat: float, timeline: Timeline) -> float:
    """Return the loop's exact length in frames: the whole bars, else beats, nearest to what was recorded.

    What lies behind the last whole one is part of the music where something begins in it; else it is a tail, which
    rings into the seam.
    """
    held = source.frames - start
    for unit in (timeline.beats_per_bar * beat, beat):
        nearest = round(held / unit)
        if nearest and abs(held - nearest * unit) <= NEAR_BEATS * beat:
            return nearest * unit
        whole = int(held // unit)
        if whole:
            rate = source.sample_rate
            behind = (whole * unit + NEAR_BEATS / 2 * beat) / rate, held / rate
            goes_on = nearest > whole and onsets(source, start).begins_in(*behind)
            return (nearest if goes_on else whole) * unit
    raise AudioError(
        f"{source.path}: {seconds(held, source.sample_rate)} are less than one beat at"
        f" {60.0 * source.sample_rate / beat:g} bpm ({seconds(round(beat), source.sample_rate)}): give length_beats = 1"
        " to repeat it on every beat, or use the strategy crossfade or zero_pad"
    )


def _fill_lag(held: int, period: float, beat: float, beats_per_bar: float) -> int:
    """Return from how many frames before a recording is continued up to the period; 0 asks for what suits its end."""
    if period - held <= NEAR_BEATS * beat:
        return 0
    bar = beats_per_bar * beat
    return round(bar if held >= 1.1 * bar else beat)


def _own_beats(source: Source) -> float | None:
    """Return the frames of a beat by the recording's own onsets, None where they have no steady one.

    Whole beats that fill the recording but for what that cannot tell are taken to fill it: the whole file is the loop.
    """
    found = own_tempo(onsets(source))
    if found is None:
        return None
    beat = 60.0 * source.sample_rate / found.bpm
    count = round(source.frames / beat)
    if not count:
        return None
    is_whole = abs(source.frames - count * beat) <= max(SNAP_SECONDS * source.sample_rate, WHOLE_SHARE * source.frames)
    return source.frames / count if is_whole else beat


def _region(source: Source, frames: int, start: int, end: int | None, overlap: int) -> Fit:
    """Return a loop without a grid, between the points asked for."""
    stop = source.frames if end is None else end
    overlap = min(overlap, (stop - start) // 5)
    going = min(stop, source.frames - overlap)
    reach = reach_frames(source.sample_rate, going - start)
    shift, rho = aligned(source, going, start, overlap, (-min(reach, start), reach)) if overlap else (0, 0.0)
    joint = Piece(going, start + shift, overlap, rho, shift=shift)
    return _between(source, frames, start, joint, "the region asked for")


def _again(source: Source, period: float) -> float:
    """Return a period by the waveform's own return, where a recording without a tempo goes on after it."""
    rate, going = source.sample_rate, round(period)
    reach, window = reach_frames(rate, going), round(MATCH_WINDOW_SECONDS * rate)
    if going + reach + window > source.frames:
        return period
    shift, rho = aligned(source, 0, going, window, (-reach, reach))
    return float(going + shift) if rho >= RETURNS_RHO else period


def _free(source: Source, frames: int, overlap: int) -> Fit:
    """Return a loop without a beat: the whole file where its end meets its start, else the points that match best."""
    near = round(WHOLE_WINDOW_SECONDS * source.sample_rate)
    if source.frames >= 4 * near:
        last, first = read(source, source.frames - near, near), read(source, 0, near)
        level_db = 10.0 * np.log10(max(dsp.power(last), 1e-12) / max(dsp.power(first), 1e-12))
        if abs(level_db) <= WHOLE_STEP_DB and dsp.power(last) > dsp.POWER_FLOOR and dsp.is_smooth(last, first):
            return _between(source, frames, 0, Piece(source.frames, 0), "the whole file, whose end meets its start")
    low, high = _heard(source)
    overlap = max(1, min(overlap, (high - low) // 5))
    best = matches(source, low, high, overlap, round(MATCH_WINDOW_SECONDS * source.sample_rate), 1)[0]
    joint = Piece(best.going, best.coming, overlap, best.rho, shift=best.shift)
    return _between(source, frames, 0, joint, round(best.score, 3))


def _between(source: Source, frames: int, first: int, joint: Piece, match: str | float) -> Fit:
    """Return the fit of a loop that goes from the joint's frame back to its start."""
    assert joint.start is not None
    facts = {"match": match, "loop_start_frame": joint.start, "loop_frames": joint.frame - joint.start}
    return fit(source, frames, partial(_repeated, source, frames, first, joint), facts)


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
