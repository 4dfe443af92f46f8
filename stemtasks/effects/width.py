"""Width: more or less of what differs between left and right."""

from __future__ import annotations

from typing import Annotated

from stemtasks.audio.blocks import Blocks, Stream
from stemtasks.audio.curves import along
from stemtasks.errors import SpecError
from stemtasks.units import Range

CURVES = ("width",)


def width(blocks: Blocks, stream: Stream, *, width: Annotated[float, Range(0.0, 4.0)]) -> Blocks:
    """Scale the side signal (left - right) / 2 against the middle; no latency, no tail.

    Parameters
    ----------
    width
        0 is mono, 1 leaves every sample as it is, 2 doubles the difference.

    Raises
    ------
    SpecError
        In a song that is not stereo.
    """
    check(stream=stream)
    for block, (sides,) in along(blocks, width):
        yield block * ((1.0 + sides) / 2.0) + block[:, ::-1] * ((1.0 - sides) / 2.0)


def check(*, stream: Stream) -> None:
    """Refuse a song that has no sides."""
    if stream.channels != 2:
        raise SpecError(f"width: needs 2 channels, found {stream.channels}: leave the effect out")
