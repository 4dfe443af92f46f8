"""Low shelf: gain below a corner frequency."""

from __future__ import annotations

from typing import Literal

from stemtasks.audio.blocks import Blocks, Stream
from stemtasks.audio.filtering import filtered
from stemtasks.dsp.matched import shelf
from stemtasks.units import CutoffHz, GainDb, Q

PER_CHANNEL = True


def low_shelf(
    blocks: Blocks,
    stream: Stream,
    *,
    corner_hz: CutoffHz,
    gain_db: GainDb,
    q: Q = 0.7071,
    phase: Literal["minimum", "zero"] = "minimum",
) -> Blocks:
    """Boost or cut the lows of each channel as the analogue filter does; latency 0, tail to -90 dBFS.

    The gain is that of the analogue shelf (Audio EQ Cookbook) within 0.06 dB up to 20 kHz at 44.1 kHz, and as far at
    other rates: it does not cramp below half the sample rate. (0.2 dB where the corner of a resonant one is there.)

    Parameters
    ----------
    corner_hz
        Where the gain is half of ``gain_db``.
    gain_db
        The gain far below the corner, in both phases.
    q
        Steepness; above 0.7071 the shelf overshoots at its corner.
    phase
        minimum: causal. zero: half the gain forward and half backward, so that nothing moves in time.
    """
    passes = 2 if phase == "zero" else 1
    yield from filtered(blocks, stream, shelf("low", corner_hz, gain_db / passes, q, stream.sample_rate), phase)
