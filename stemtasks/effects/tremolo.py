"""Tremolo: a level that swells and falls back in time."""

from __future__ import annotations

from typing import Literal

from stemtasks.audio.blocks import Block, Blocks, Stream
from stemtasks.audio.modulation import chunked, offsets, periods_per_frame
from stemtasks.dsp.lfo import Period, turns, wave
from stemtasks.timeline import Timeline
from stemtasks.units import Degrees, Fraction, PeriodBeats, RateHz

USUAL_HZ = 5.0


def tremolo(
    blocks: Blocks,
    stream: Stream,
    *,
    timeline: Timeline,
    rate_hz: RateHz | None = None,
    rate_beats: PeriodBeats | None = None,
    depth: Fraction = 0.5,
    waveform: Literal["sine", "triangle"] = "sine",
    start_degrees: Degrees = 0.0,
    stereo_degrees: Degrees = 0.0,
) -> Blocks:
    """Multiply by a gain that goes from 1 to 1 - depth and back; no latency, no tail.

    Parameters
    ----------
    rate_hz
        Periods a second; 5 if neither this nor ``rate_beats`` is given.
    rate_beats
        Length of a period in quarter notes at the song's bpm, in place of ``rate_hz``.
    depth
        How far the level falls: 0.5 is -6 dB, 1 is silence.
    waveform
        sine: smooth. triangle: even steps, with a corner at each end.
    start_degrees
        Phase at the song's start: 0 is loudest, 180 softest.
    stereo_degrees
        How far the right channel is ahead: 180 is louder on one side while softer on the other.

    Raises
    ------
    SpecError
        Where rate_hz and rate_beats are both given; rate_beats without a bpm, or faster than 40 Hz.
    """
    pace = periods_per_frame("tremolo", stream, timeline, rate_hz, rate_beats, USUAL_HZ)
    phases = offsets(stream.channels, start_degrees, stereo_degrees)
    gain = Period(lambda phase: 1.0 - depth * (1.0 - wave((phase + 0.25) % 1.0, waveform)) / 2.0)

    def swelled(start: int, block: Block) -> Block:
        return block * gain(turns(start, len(block), pace, phases)).T

    yield from chunked(blocks, swelled)


def check(*, stream: Stream, timeline: Timeline, rate_hz: float | None, rate_beats: float | None) -> None:
    """Refuse a rate that is given twice, or that no song has."""
    periods_per_frame("tremolo", stream, timeline, rate_hz, rate_beats, USUAL_HZ)
