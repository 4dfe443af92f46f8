"""Channel mapping: what a recording's channels become in a song with another number of them.

A file may declare the speaker of each channel (``audio/layout.py``). Where it does not, channels are taken in
WAV's order (Microsoft, 'Multiple channel audio data and WAVE files', 2007), by count:
3 L R C; 4 L R Ls Rs; 5 L R C Ls Rs; 6 L R C LFE Ls Rs; 7 L R C LFE Cs Ls Rs; 8 L R C LFE Lb Rb Ls Rs.

To stereo by ITU-R BS.775, table 2 (3/2 to 2/0): L' = L + 0.7071 C + 0.7071 Ls, and R' likewise; the LFE
is left out. What BS.775 does not have follows from it: the back pair of 7.1 counts as a second
surround pair, a pair between L, C and R (Lc, Rc) as a second front pair, and the back centre of 6.1 is
shared equally by Ls and Rs (0.7071 * 0.7071 = 0.5). For speakers above (Tc, Tfl and so on) there is no rule.
Nothing is scaled down, so a loud surround mix may pass full scale, which float audio holds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]
Mixing = tuple[tuple[float, ...], ...]

_H = 0.5**0.5
_GAINS = {
    "L": (1.0, 0.0),
    "R": (0.0, 1.0),
    "C": (_H, _H),
    "LFE": (0.0, 0.0),
    "Ls": (_H, 0.0),
    "Rs": (0.0, _H),
    "Lb": (_H, 0.0),
    "Rb": (0.0, _H),
    "Cs": (0.5, 0.5),
    "Lc": (1.0, 0.0),
    "Rc": (0.0, 1.0),
}
"""The gain of a speaker to left and right."""
_WAV_ORDER = {
    2: ("L", "R"),
    3: ("L", "R", "C"),
    4: ("L", "R", "Ls", "Rs"),
    5: ("L", "R", "C", "Ls", "Rs"),
    6: ("L", "R", "C", "LFE", "Ls", "Rs"),
    7: ("L", "R", "C", "LFE", "Cs", "Ls", "Rs"),
    8: ("L", "R", "C", "LFE", "Lb", "Rb", "Ls", "Rs"),
}
MOST_CHANNELS = max(_WAV_ORDER)

VORBIS_TO_WAV: dict[int, tuple[int, ...]] = {
    3: (0, 2, 1),
    5: (0, 2, 1, 3, 4),
    6: (0, 2, 1, 5, 3, 4),
    7: (0, 2, 1, 6, 5, 3, 4),
    8: (0, 2, 1, 7, 5, 6, 3, 4),
}
"""The column of Ogg's order (Vorbis I, 4.3.9; Opus, RFC 7845, 5.1.1.2) that is each channel in WAV's order."""


def mixing(channels_in: int, channels_out: int, speakers: tuple[str, ...] | None = None) -> Mixing | None:
    """Return the gains from each input channel to each output channel: a row an output; None if there is no rule.

    ``speakers`` is what the file declares for each input channel; without it, equal counts pass unchanged and
    others are taken in WAV's order. Mono goes to every output at the same level; speakers go to stereo as
    the module says, and to mono as the average of that stereo.
    """
    if channels_in == channels_out and (channels_out != 2 or speakers is None):
        return tuple(tuple(float(i == o) for i in range(channels_in)) for o in range(channels_out))
    if channels_in == 1:
        return ((1.0,),) * channels_out
    named = speakers or _WAV_ORDER.get(channels_in)
    if named is None or channels_out > 2 or without_rule(named):
        return None
    left, right = zip(*(_GAINS[speaker] for speaker in named), strict=True)
    if channels_out == 2:
        return left, right
    return (tuple((a + b) / 2 for a, b in zip(left, right, strict=True)),)


def without_rule(speakers: tuple[str, ...]) -> list[str]:
    """Return the speakers that cannot be folded down: those above or beside the listener's circle, and unknown ones."""
    return [speaker for speaker in speakers if speaker not in _GAINS]


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
