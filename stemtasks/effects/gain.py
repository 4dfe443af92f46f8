"""Gain: louder or softer by a fixed number of decibels."""

from __future__ import annotations

from stemtasks.audio.blocks import Blocks, Stream
from stemtasks.dsp.level import amplitude
from stemtasks.units import GainDb

PER_CHANNEL = True


def gain(blocks: Blocks, stream: Stream, *, gain_db: GainDb) -> Blocks:  # noqa: ARG001 - one shape for all effects
    """Multiply by a constant; no latency, no tail.

    Parameters
    ----------
    gain_db
        The gain; 0 leaves every sample as it is.
    """
    factor = amplitude(gain_db)
    for block in blocks:
        yield block * factor
