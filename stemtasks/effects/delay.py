"""Delay: echoes at a musical interval or a fixed time, straight or from side to side."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from stemtasks.audio.blocks import Block, Blocks, Stream
from stemtasks.dsp.level import TAIL_FLOOR, peak
from stemtasks.dsp.pan import middle
from stemtasks.dsp.sections import Filter, butterworth
from stemtasks.errors import Mistakes, SpecError
from stemtasks.timeline import Timeline, frames_of_beats
from stemtasks.units import Beats, CutoffHz, Fraction, Range

LONGEST_SECONDS = 30
"""Between echoes: what lies between two is kept in memory."""


def delay(
    blocks: Blocks,
    stream: Stream,
    *,
    timeline: Timeline,
    beats: Beats | None = None,
    time_ms: Annotated[float, Range(1.0, 30_000.0, "ms")] | None = None,
    feedback: Annotated[float, Range(0.0, 0.98)] = 0.35,
    mix: Fraction = 0.3,
    ping_pong: bool = False,
    damping_hz: CutoffHz | None = None,
) -> Blocks:
    """Add echoes: (1 - mix) of the input and mix of the echoes, the k-th of which has the gain feedback^(k-1).

    The interval is a whole number of frames. Latency 0; the tail ends where the echoes are below -90 dBFS.

    Parameters
    ----------
    beats
        The interval in quarter notes at the song's bpm: 0.75 is a dotted eighth.
    time_ms
        The interval in milliseconds, in place of ``beats``.
    feedback
        What each echo keeps of the one before.
    mix
        Share of the echoes in the output; 0 is the input alone.
    ping_pong
        The channels' average echoes left, right, left ...; stereo songs only.
    damping_hz
        Cutoff of a 6 dB per octave low-pass that every echo passes once more than the one before.

    Raises
    ------
    SpecError
        Where not exactly one of ``beats`` and ``time_ms`` is given, or it is under 1 ms or over 30 s; beats without
        a bpm; ping_pong in a song that is not stereo.
    """
    check(stream=stream, timeline=timeline, beats=beats, time_ms=time_ms, ping_pong=ping_pong)
    frames = _interval(stream.sample_rate, timeline, beats, time_ms)
    line = _Line(frames, stream, feedback, ping_pong, damping_hz)
    for block in blocks:
        out = block * (1.0 - mix)
        for start in range(0, len(block), frames):
            out[start : start + frames] += mix * line(block[start : start + frames])
        yield out
    silence = np.zeros((min(frames, stream.sample_rate), stream.channels))
    while TAIL_FLOOR < mix * line.peak() < np.inf:
        yield mix * line(silence)


def check(*, stream: Stream, timeline: Timeline, beats: float | None, time_ms: float | None, ping_pong: bool) -> None:
    """Refuse an interval that is given twice or not at all, or that no echo has; and sides in a song that has none."""
    mistakes = Mistakes()
    with mistakes:
        if (beats is None) == (time_ms is None):
            found = "neither" if beats is None else "both"
            raise SpecError(f"delay: give either beats or time_ms, found {found}")
        _interval(stream.sample_rate, timeline, beats, time_ms)
    if ping_pong and stream.channels != 2:
        mistakes.append(f"delay: ping_pong needs 2 channels, found {stream.channels}: leave ping_pong out")
    mistakes.settle()


def _interval(sample_rate: int, timeline: Timeline, beats: float | None, time_ms: float | None) -> int:
    """Return the whole frames between echoes."""
    if beats is None:
        assert time_ms is not None
        return round(time_ms * sample_rate / 1000)
    if timeline.bpm is None:
        raise SpecError("delay: beats needs the song's bpm: set it, or give time_ms")
    frames = frames_of_beats(beats, timeline.bpm, sample_rate)
    if frames * 1000 < sample_rate:
        raise SpecError(f"delay: {beats:g} beats at {timeline.bpm:g} bpm are less than 1 ms: raise beats")
    if frames > LONGEST_SECONDS * sample_rate:
        raise SpecError(
            f"delay: {beats:g} beats at {timeline.bpm:g} bpm are {frames / sample_rate:.1f} s, at most "
            f"{LONGEST_SECONDS} s between echoes can be kept in memory: lower beats"
        )
    return frames


class _Line:
    """A delay line with feedback: the last ``frames`` frames that went in, as a ring."""

    def __init__(self, frames: int, stream: Stream, feedback: float, ping_pong: bool, damping_hz: float | None) -> None:
        self.ring = np.zeros((frames, stream.channels))
        self.position = 0
        self.feedback = feedback
        self.ping_pong = ping_pong
        self.damping: Filter | None = None
        if damping_hz is not None:
            self.damping = Filter(butterworth("lowpass", 1, damping_hz, stream.sample_rate), stream.channels)

    def peak(self) -> float:
        """Return the largest sample that is still to come out, before damping."""
        return peak(self.ring)

    def __call__(self, block: Block) -> Block:
        """Return the echoes of a block of at most ``frames`` frames."""
        first = min(len(block), len(self.ring) - self.position)
        if first == len(block):
            return self._pass(block)
        return np.concatenate([self._pass(block[:first]), self._pass(block[first:])])

    def _pass(self, block: Block) -> Block:
        """Read and replace frames that lie in one piece of the ring."""
        place = self.ring[self.position : self.position + len(block)]
        echoes = place.copy() if self.damping is None else self.damping(place)
        np.multiply(echoes[:, ::-1] if self.ping_pong else echoes, self.feedback, out=place)
        if self.ping_pong:
            place[:, 0] += middle(block)
        else:
            place += block
        self.position = (self.position + len(block)) % len(self.ring)
        return echoes
