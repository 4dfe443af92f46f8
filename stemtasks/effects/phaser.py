"""Phaser: a few notches that sweep up and down, by all-passes whose frequency swings."""

from __future__ import annotations

from math import pi
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from stemtasks.audio.blocks import Block, Blocks, Stream
from stemtasks.audio.modulation import offsets, periods_per_frame, ringing
from stemtasks.dsp.allpass import AllPasses
from stemtasks.dsp.lfo import Period, turns, wave
from stemtasks.errors import Mistakes
from stemtasks.timeline import Timeline
from stemtasks.units import CutoffHz, Degrees, Feedback, Fraction, PeriodBeats, Range, RateHz

USUAL_HZ = 0.4


def phaser(
    blocks: Blocks,
    stream: Stream,
    *,
    timeline: Timeline,
    rate_hz: RateHz | None = None,
    rate_beats: PeriodBeats | None = None,
    low_hz: CutoffHz = 300.0,
    high_hz: CutoffHz = 3000.0,
    stages: Annotated[int, Range(2, 24)] = 6,
    feedback: Feedback = 0.3,
    mix: Fraction = 0.5,
    start_degrees: Degrees = 0.0,
    stereo_degrees: Degrees = 0.0,
) -> Blocks:
    """Add a copy whose phase is turned: (1 - mix) of the input and mix of the copy; two stages make a notch.

    The feedback is around all stages, without a delay, as in the analogue circuit. At mix 0.5 without feedback the
    notches are where the stages turn the phase by odd multiples of 180 degrees. Latency 0; the tail goes on to -90
    dBFS.

    Parameters
    ----------
    rate_hz
        Sweeps a second; 0.4 if neither this nor ``rate_beats`` is given.
    rate_beats
        Length of a sweep in quarter notes at the song's bpm, in place of ``rate_hz``.
    low_hz
        The lower end of the sweep: where a stage turns the phase by 90 degrees.
    high_hz
        The upper end, likewise; the sweep is even in octaves.
    stages
        How many all-passes.
    feedback
        What goes round again: resonances up to 1 / (1 - feedback) where the phase is turned by whole periods, or, where
        it is negative, by half ones.
    mix
        Share of the copy in the output; 0 is the input alone.
    start_degrees
        Phase at the song's start: 0 is the middle on the way up, 270 the lower end.
    stereo_degrees
        How far the right channel's sweep is ahead.

    Raises
    ------
    SpecError
        Where low_hz is above high_hz; where rate_hz and rate_beats are both given; rate_beats without a bpm, or faster
        than 40 Hz.
    """
    check(stream=stream, timeline=timeline, rate_hz=rate_hz, rate_beats=rate_beats, low_hz=low_hz, high_hz=high_hz)
    pace = periods_per_frame("phaser", stream, timeline, rate_hz, rate_beats, USUAL_HZ)
    phases = offsets(stream.channels, start_degrees, stereo_degrees)

    def coefficient(phase: NDArray[np.float64]) -> NDArray[np.float64]:
        hertz = low_hz * (high_hz / low_hz) ** ((1.0 + wave(phase)) / 2.0)
        return np.tan(pi * hertz / stream.sample_rate - pi / 4.0)

    sweep = Period(coefficient)
    all_passes = AllPasses(stages, feedback, stream.channels)

    def wet(start: int, block: Block) -> Block:
        return all_passes(block, sweep(turns(start, len(block), pace, phases)).T)

    yield from ringing(blocks, stream, mix, wet)


def check(
    *,
    stream: Stream,
    timeline: Timeline,
    rate_hz: float | None,
    rate_beats: float | None,
    low_hz: float,
    high_hz: float,
) -> None:
    """Refuse a sweep that ends below its start, and a rate that is given twice or that no song has."""
    mistakes = Mistakes()
    if low_hz > high_hz:
        mistakes.append(f"phaser: low_hz {low_hz:g} is above high_hz {high_hz:g}: swap them")
    with mistakes:
        periods_per_frame("phaser", stream, timeline, rate_hz, rate_beats, USUAL_HZ)
    mistakes.settle()
