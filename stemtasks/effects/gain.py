"""Gain: louder or softer by a fixed number of decibels, and the other polarity where it is asked."""

from __future__ import annotations

from stemtasks.audio.blocks import Blocks, Stream
from stemtasks.dsp.level import amplitude
from stemtasks.units import GainDb

PER_CHANNEL = True


def gain(blocks: Blocks, stream: Stream, *, gain_db: GainDb, invert: bool = False) -> Blocks:  # noqa: ARG001 - one shape for all effects
    """Multiply by a constant; no latency, no tail.

    Parameters
    ----------
    gain_db
        The gain; 0 leaves every sample as it is.
    invert
        Whether the polarity is turned, as by the switch of a mixing desk.
    """
    factor = amplitude(gain_db) * (-1.0 if invert else 1.0)
    for block in blocks:
        yield block * factor
