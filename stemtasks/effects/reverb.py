"""Reverb: the stem in a room, by convolution with seeded, exponentially decaying noise."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from stemtasks.audio.blocks import Blocks, Stream, reblocked
from stemtasks.audio.tails import with_tail
from stemtasks.dsp.convolution import Convolution
from stemtasks.dsp.decay import decaying_noise
from stemtasks.dsp.pan import middle
from stemtasks.units import CutoffHz, Fraction, Range

CROSSFEED = 2 / 3


def reverb(
    blocks: Blocks,
    stream: Stream,
    *,
    seed: int,
    decay_seconds: Annotated[float, Range(0.05, 30.0, "s")] = 1.8,
    predelay_ms: Annotated[float, Range(0.0, 500.0, "ms")] = 15.0,
    damping_hz: CutoffHz = 6000.0,
    mix: Fraction = 0.2,
    width: Fraction = 1.0,
) -> Blocks:
    """Add reverberation: (1 - mix) of the input and mix of the room, whose response has energy 1.

    Every channel has its own noise, so that mono comes out wide, and hears the others through a
    crossfeed, so that what is hard left sounds on the right too, softer. Latency 0; the tail is the
    predelay and 1.1 decay times, -66 dB.

    Parameters
    ----------
    decay_seconds
        RT60: the time in which the room falls by 60 dB (ISO 3382-1), at low frequencies.
    predelay_ms
        Silence between the direct sound and the room.
    damping_hz
        Where the decay is 0.71 of ``decay_seconds``; it is shorter above, longer below.
    mix
        Share of the room in the output; 0 is the input alone.
    width
        1 keeps all of the difference between the room's channels; 0 is a mono room.
    """
    silent = round(predelay_ms * stream.sample_rate / 1000)
    response = decaying_noise(stream.channels, stream.sample_rate, decay_seconds, damping_hz, seed)
    room = Convolution(np.pad(response, ((0, 0), (silent, 0))))
    for block in reblocked(with_tail(blocks, room.response_frames - 1, stream.channels), room.frames):
        short = room.frames - len(block)
        sent = np.ascontiguousarray(block.T)
        if stream.channels > 1:
            sent = sent * (1.0 - CROSSFEED)
            sent += middle(block) * CROSSFEED
        wet = room(np.pad(sent, ((0, 0), (0, short))) if short else sent)[:, : len(block)]
        if width < 1.0:
            wet = wet * width + middle(wet.T) * (1.0 - width)
        wet *= mix
        out = block * (1.0 - mix)
        out += wet.T
        yield out
