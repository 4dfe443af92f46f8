"""Gain: louder or softer by a fixed number of decibels."""

from __future__ import annotations

from stemtasks.audio.blocks import Blocks, Stream
from stemtasks.audio.curves import along
from stemtasks.dsp.level import amplitude
from stemtasks.units import GainDb

PER_CHANNEL = True
CURVES = ("gain_db",)


def gain(blocks: Blocks, stream: Stream, *, gain_db: GainDb) -> Blocks:  # noqa: ARG001 - one shape for all effects
    """Multiply by one number, or by what it is at each frame where it changes; no latency, no tail.

    Parameters
    ----------
    gain_db
        The gain; 0 leaves every sample as it is.
    """
    for block, (decibels,) in along(blocks, gain_db):
        yield block * amplitude(decibels)
