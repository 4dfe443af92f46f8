"""Gain: louder or softer by a fixed number of decibels, and the other polarity where it is asked."""

from __future__ import annotations

from stemtasks.audio.blocks import Blocks, Stream
from stemtasks.audio.curves import along
from stemtasks.dsp.level import amplitude
from stemtasks.units import GainDb

PER_CHANNEL = True
CURVES = ("gain_db",)


def gain(
    blocks: Blocks,
    stream: Stream,  # noqa: ARG001 - one shape for all effects
    *,
    gain_db: GainDb,
    invert: bool = False,
) -> Blocks:
    """Multiply by one number, or by what it is at each frame where it changes; no latency, no tail.

    Parameters
    ----------
    gain_db
        The gain; 0 leaves every sample as it is.
    invert
        Whether the polarity is turned, as by the switch of a mixing desk.
    """
    sign = -1.0 if invert else 1.0
    for block, (decibels,) in along(blocks, gain_db):
        yield block * (sign * amplitude(decibels))
