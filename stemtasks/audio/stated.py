"""The tempo that a loop states in its header: the ``acid`` chunk of a WAV.

The chunk is of Sonic Foundry and undocumented; what is read is what libsndfile reads (``wav.c``): flags, root note, a
field without a known meaning, beats, time signature, and the tempo as a float of 32 bits.
"""

from __future__ import annotations

import math
import struct

from stemtasks.audio.chunks import FAMILIES, body, chunks
from stemtasks.audio.stamp import RIFF_AND_WAVE64

ACID_BYTES = 24
ONE_SHOT = 1
"""A flag: it has no tempo, whatever the chunk says."""
RANGE_BPM = 40.0, 300.0


def stated_bpm(path: str) -> float | None:
    """Return the tempo that a file's header states, or None where it states none that is a tempo."""
    try:
        with open(path, "rb") as file:
            start = file.read(4)
            if start not in RIFF_AND_WAVE64:
                return None
            family = FAMILIES[start]
            for chunk in chunks(file, family):
                if chunk.name == b"acid":
                    return _of_acid(body(file, chunk, ACID_BYTES), family.order)
    except (OSError, ValueError, OverflowError):
        return None
    return None


def _of_acid(content: bytes, order: str) -> float | None:
    if len(content) < ACID_BYTES:
        return None
    flags, bpm = struct.unpack_from(order + "I16xf", content)
    is_tempo = not flags & ONE_SHOT and math.isfinite(bpm) and RANGE_BPM[0] <= bpm <= RANGE_BPM[1]
    return round(bpm, 3) if is_tempo else None
