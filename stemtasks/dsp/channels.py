"""Channel mapping: what a recording's channels become in a song with another number of them.

Channels are in WAV's order (Microsoft, 'Multiple channel audio data and WAVE files', 2007), by count:
3 L R C; 4 L R Ls Rs; 5 L R C Ls Rs; 6 L R C LFE Ls Rs; 7 L R C LFE Cs Ls Rs; 8 L R C LFE Lb Rb Ls Rs.

To stereo by ITU-R BS.775, table 2 (3/2 to 2/0): L' = L + 0.7071 C + 0.7071 Ls, and R' likewise; the LFE
is left out. What BS.775 does not have follows from it: the back pair of 7.1 counts as a second
surround pair, and the back centre of 6.1 is shared equally by Ls and Rs (0.7071 * 0.7071 = 0.5).
Nothing is scaled down, so a loud surround mix may pass full scale, which float audio holds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]
Mixing = tuple[tuple[float, ...], ...]

_H = 0.5**0.5
_TO_STEREO: dict[int, Mixing] = {
    1: ((1.0,), (1.0,)),
    2: ((1.0, 0.0), (0.0, 1.0)),
    3: ((1.0, 0.0, _H), (0.0, 1.0, _H)),
    4: ((1.0, 0.0, _H, 0.0), (0.0, 1.0, 0.0, _H)),
    5: ((1.0, 0.0, _H, _H, 0.0), (0.0, 1.0, _H, 0.0, _H)),
    6: ((1.0, 0.0, _H, 0.0, _H, 0.0), (0.0, 1.0, _H, 0.0, 0.0, _H)),
    7: ((1.0, 0.0, _H, 0.0, 0.5, _H, 0.0), (0.0, 1.0, _H, 0.0, 0.5, 0.0, _H)),
    8: ((1.0, 0.0, _H, 0.0, _H, 0.0, _H, 0.0), (0.0, 1.0, _H, 0.0, 0.0, _H, 0.0, _H)),
}
MOST_CHANNELS = max(_TO_STEREO)

VORBIS_TO_WAV: dict[int, tuple[int, ...]] = {
    3: (0, 2, 1),
    5: (0, 2, 1, 3, 4),
    6: (0, 2, 1, 5, 3, 4),
    7: (0, 2, 1, 6, 5, 3, 4),
    8: (0, 2, 1, 7, 5, 6, 3, 4),
}
"""The column of Ogg's order (Vorbis I, 4.3.9; Opus, RFC 7845, 5.1.1.2) that is each channel in WAV's order."""


def mixing(channels_in: int, channels_out: int) -> Mixing | None:
    """Return the gains from each input channel to each output channel: a row an output; None if there is no rule.

    Equal counts pass unchanged; mono goes to every output at the same level; 2 to 8 channels go to
    stereo as the module says, and to mono as the average of that stereo.
    """
    if channels_in == channels_out:
        return tuple(tuple(float(i == o) for i in range(channels_in)) for o in range(channels_out))
    if channels_in == 1:
        return ((1.0,),) * channels_out
    stereo = _TO_STEREO.get(channels_in)
    if stereo is None or channels_out > 2:
        return None
    if channels_out == 2:
        return stereo
    left, right = stereo
    return (tuple((a + b) / 2 for a, b in zip(left, right, strict=True)),)


def mixed(block: Samples, rows: Mixing) -> Samples:
    """Return the block through the gains: (frames, inputs) to (frames, outputs), the input untouched.

    Sums run in the order of the channels: a matrix product may add in another order on another machine.
    """
    frames, channels = block.shape
    if rows == mixing(channels, channels):
        return block
    out = np.zeros((frames, len(rows)))
    for column, row in enumerate(rows):
        for channel, gain in enumerate(row):
            if gain == 1.0:
                out[:, column] += block[:, channel]
            elif gain:
                out[:, column] += gain * block[:, channel]
    return out
