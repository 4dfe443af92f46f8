"""Peaking: a bell of gain around a centre frequency."""

from __future__ import annotations

from typing import Literal

from stemtasks.audio.blocks import Blocks, Stream
from stemtasks.audio.filtering import filtered
from stemtasks.dsp.matched import peaking as bell
from stemtasks.units import CutoffHz, GainDb, Q

PER_CHANNEL = True


def peaking(
    blocks: Blocks,
    stream: Stream,
    *,
    centre_hz: CutoffHz,
    gain_db: GainDb,
    q: Q = 1.0,
    phase: Literal["minimum", "zero"] = "minimum",
) -> Blocks:
    """Boost or cut a band of each channel as the analogue filter does; latency 0, tail to -90 dBFS.

    The gain is that of the analogue bell (Audio EQ Cookbook) within 0.06 dB up to 20 kHz at 44.1 kHz, and as far at
    other rates: it does not cramp below half the sample rate.

    Parameters
    ----------
    centre_hz
        Where the gain is ``gain_db``.
    gain_db
        The gain at the centre, in both phases.
    q
        Centre frequency over bandwidth, the band ending where the gain is half of ``gain_db``.
    phase
        minimum: causal. zero: half the gain forward and half backward, so that nothing moves in time.
    """
    passes = 2 if phase == "zero" else 1
    yield from filtered(blocks, stream, bell(centre_hz, gain_db / passes, q, stream.sample_rate), phase)
