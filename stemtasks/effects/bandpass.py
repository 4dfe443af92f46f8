"""Band-pass: a Butterworth filter that keeps what is between two cutoffs."""

from __future__ import annotations

from typing import Literal

from stemtasks.audio.blocks import Blocks, Stream
from stemtasks.audio.filtering import filtered
from stemtasks.dsp import bandpass as design
from stemtasks.errors import SpecError
from stemtasks.units import CutoffHz, FilterOrder

PER_CHANNEL = True


def bandpass(
    blocks: Blocks,
    stream: Stream,
    *,
    low_hz: CutoffHz,
    high_hz: CutoffHz,
    order: FilterOrder = 2,
    phase: Literal["minimum", "zero"] = "minimum",
) -> Blocks:
    """Filter each channel; latency 0, and what rings on above -90 dBFS is the tail (minimum phase only).

    The cutoff is exact at any frequency. The stop band ends in a zero at half the sample rate, where the bilinear
    transform puts infinity: close to it a band-pass is steeper than its analogue.

    Parameters
    ----------
    low_hz
        The lower edge, where the gain is -3.01 dB (minimum phase) or -6.02 dB (zero phase).
    high_hz
        The upper edge, likewise.
    order
        6 dB per octave each on either side; zero phase filters twice, so 12 dB per octave each.
    phase
        minimum: causal. zero: forward and backward, so that nothing moves in time; transients ring before
        themselves too.

    Raises
    ------
    SpecError
        Where ``low_hz`` is not below ``high_hz``.
    """
    check(low_hz=low_hz, high_hz=high_hz)
    sos = design.bandpass(order, low_hz, high_hz, stream.sample_rate)
    yield from filtered(blocks, stream, sos, phase)


def check(*, low_hz: float, high_hz: float) -> None:
    """Refuse edges that leave nothing between them."""
    if low_hz >= high_hz:
        raise SpecError(f"bandpass: low_hz {low_hz:g} is not below high_hz {high_hz:g}: swap or move them apart")
