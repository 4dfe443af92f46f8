"""Flanger: a comb of notches that sweeps up and down, by a short delay that swings."""

from __future__ import annotations

from typing import Annotated

from stemtasks.audio.blocks import Block, Blocks, Stream
from stemtasks.audio.modulation import CHUNK_FRAMES, offsets, periods_per_frame, ringing
from stemtasks.dsp.fractional import DelayLine
from stemtasks.dsp.lfo import Period, turns, wave
from stemtasks.timeline import Timeline
from stemtasks.units import Degrees, Feedback, Fraction, PeriodBeats, Range, RateHz

USUAL_HZ = 0.25


def flanger(
    blocks: Blocks,
    stream: Stream,
    *,
    timeline: Timeline,
    rate_hz: RateHz | None = None,
    rate_beats: PeriodBeats | None = None,
    delay_ms: Annotated[float, Range(0.2, 20.0, "ms")] = 1.0,
    depth_ms: Annotated[float, Range(0.0, 20.0, "ms")] = 3.0,
    feedback: Feedback = 0.4,
    mix: Fraction = 0.5,
    start_degrees: Degrees = 0.0,
    stereo_degrees: Degrees = 0.0,
) -> Blocks:
    """Add a copy whose delay swings: (1 - mix) of the input and mix of the copy, the feedback before the delay.

    At mix 0.5 without feedback the notches are at odd multiples of 1 / (2 * delay). Latency 0; the tail is the longest
    delay, and with feedback goes on to -90 dBFS.

    Parameters
    ----------
    rate_hz
        Swings a second; 0.25 if neither this nor ``rate_beats`` is given.
    rate_beats
        Length of a swing in quarter notes at the song's bpm, in place of ``rate_hz``.
    delay_ms
        The shortest delay, at least 8 frames. With feedback, the shorter the slower to compute.
    depth_ms
        How much longer the longest is.
    feedback
        What goes round again: resonances up to 1 / (1 - feedback); where it is negative, they lie where notches were.
    mix
        Share of the copy in the output; 0 is the input alone.
    start_degrees
        Phase at the song's start: 0 is the middle delay on the way to the longest, 270 the shortest.
    stereo_degrees
        How far the right channel's swing is ahead.

    Raises
    ------
    SpecError
        Where rate_hz and rate_beats are both given; rate_beats without a bpm, or faster than 40 Hz.
    """
    pace = periods_per_frame("flanger", stream, timeline, rate_hz, rate_beats, USUAL_HZ)
    phases = offsets(stream.channels, start_degrees, stereo_degrees)[None]
    shortest, depth = (ms * stream.sample_rate / 1000 for ms in (delay_ms, depth_ms))
    delays = Period(lambda phase: shortest + depth * (1.0 + wave(phase)) / 2.0)
    line = DelayLine(stream.channels, shortest + depth, CHUNK_FRAMES)

    def wet(start: int, block: Block) -> Block:
        return line(block.T, delays(turns(start, len(block), pace, phases)), feedback).T

    yield from ringing(blocks, stream, mix, wet, line.peak)


def check(*, stream: Stream, timeline: Timeline, rate_hz: float | None, rate_beats: float | None) -> None:
    """Refuse a rate that is given twice, or that no song has."""
    periods_per_frame("flanger", stream, timeline, rate_hz, rate_beats, USUAL_HZ)
