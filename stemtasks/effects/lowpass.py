"""Low-pass: a Butterworth filter that keeps what is below the cutoff."""

from __future__ import annotations

from typing import Literal

from stemtasks.audio.blocks import Blocks, Stream
from stemtasks.audio.filtering import filtered
from stemtasks.dsp.sections import butterworth
from stemtasks.units import CutoffHz, FilterOrder

PER_CHANNEL = True


def lowpass(
    blocks: Blocks,
    stream: Stream,
    *,
    cutoff_hz: CutoffHz,
    order: FilterOrder = 2,
    phase: Literal["minimum", "zero"] = "minimum",
) -> Blocks:
    """Filter each channel; latency 0, and what rings on above -90 dBFS is the tail (minimum phase only).

    The cutoff is exact at any frequency. The stop band ends in a zero at half the sample rate, where the bilinear
    transform puts infinity: close to it a low-pass is steeper than its analogue.

    Parameters
    ----------
    cutoff_hz
        Where the gain is -3.01 dB (minimum phase) or -6.02 dB (zero phase).
    order
        6 dB per octave each; zero phase filters twice, so 12 dB per octave each.
    phase
        minimum: causal. zero: forward and backward, so that nothing moves in time; transients ring before
        themselves too.
    """
    sos = butterworth("lowpass", order, cutoff_hz, stream.sample_rate)
    yield from filtered(blocks, stream, sos, phase)
