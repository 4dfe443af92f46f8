"""Auto-pan: a stem that wanders between left and right."""

from __future__ import annotations

from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stemtasks.audio.blocks import Block, Blocks, Stream
from stemtasks.audio.modulation import chunked, offsets, periods_per_frame
from stemtasks.dsp.lfo import Period, turns, wave
from stemtasks.errors import Mistakes
from stemtasks.timeline import Timeline
from stemtasks.units import Degrees, Fraction, PeriodBeats, RateHz

USUAL_HZ = 0.5


def auto_pan(
    blocks: Blocks,
    stream: Stream,
    *,
    timeline: Timeline,
    rate_hz: RateHz | None = None,
    rate_beats: PeriodBeats | None = None,
    depth: Fraction = 1.0,
    waveform: Literal["sine", "triangle"] = "sine",
    start_degrees: Degrees = 0.0,
) -> Blocks:
    """Balance left against right by constant power: the gains' squares always sum to 2; no latency, no tail.

    Parameters
    ----------
    rate_hz
        Periods a second; 0.5 if neither this nor ``rate_beats`` is given.
    rate_beats
        Length of a period in quarter notes at the song's bpm, in place of ``rate_hz``.
    depth
        How far to the sides: 1 is all the way, where one channel is silent and the other 3 dB louder.
    waveform
        sine: slower at the sides. triangle: as fast everywhere.
    start_degrees
        Phase at the song's start: 0 is the middle, on the way to the right; 90 right, 270 left.

    Raises
    ------
    SpecError
        In a song that is not stereo; where rate_hz and rate_beats are both given; rate_beats without a bpm, or faster
        than 40 Hz.
    """
    check(stream=stream, timeline=timeline, rate_hz=rate_hz, rate_beats=rate_beats)
    pace = periods_per_frame("auto_pan", stream, timeline, rate_hz, rate_beats, USUAL_HZ)
    phases = offsets(1, start_degrees, 0.0)

    def gain(sign: float, phase: NDArray[np.float64]) -> NDArray[np.float64]:
        # sqrt(2) cos(pi / 4 + angle), and sin, which are exactly 1 in the middle
        angle = depth * np.pi / 4.0 * wave(phase, waveform)
        return np.cos(angle) + sign * np.sin(angle)

    gains = [Period(partial(gain, sign)) for sign in (-1.0, 1.0)]

    def wandered(start: int, block: Block) -> Block:
        phase = turns(start, len(block), pace, phases)[0]
        return block * np.stack([gain(phase) for gain in gains], axis=1)

    yield from chunked(blocks, wandered)


def check(*, stream: Stream, timeline: Timeline, rate_hz: float | None, rate_beats: float | None) -> None:
    """Refuse a song that has no sides, and a rate that is given twice or that no song has."""
    mistakes = Mistakes()
    if stream.channels != 2:
        mistakes.append(f"auto_pan: needs 2 channels, found {stream.channels}: leave the effect out")
    with mistakes:
        periods_per_frame("auto_pan", stream, timeline, rate_hz, rate_beats, USUAL_HZ)
    mistakes.settle()
