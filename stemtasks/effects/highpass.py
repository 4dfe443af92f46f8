"""High-pass: a Butterworth filter that keeps what is above the cutoff."""

from __future__ import annotations

from typing import Literal

from stemtasks.audio.blocks import Blocks, Stream
from stemtasks.audio.filtering import filtered
from stemtasks.dsp.sections import butterworth
from stemtasks.units import CutoffHz, FilterOrder

PER_CHANNEL = True


def highpass(
    blocks: Blocks,
    stream: Stream,
    *,
    cutoff_hz: CutoffHz,
    order: FilterOrder = 2,
    phase: Literal["minimum", "zero"] = "minimum",
) -> Blocks:
    """Filter each channel; latency 0, and what rings on above -90 dBFS is the tail (minimum phase only).

    The cutoff is exact at any frequency (bilinear transform, prewarped).

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
    sos = butterworth("highpass", order, cutoff_hz, stream.sample_rate)
    yield from filtered(blocks, stream, sos, phase)
