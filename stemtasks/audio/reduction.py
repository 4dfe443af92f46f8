"""What a limiter has taken away over time, as the two files on its sides show it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stemtasks.audio.picture import grid
from stemtasks.audio.source import Source

_SEGMENTS_PER_SECOND = 1000
_SILENT = 1e-6
"""Mean square below which a gain is not told from rounding and dither: -60 dBFS."""


def gain_reduction(before: str | Path, after: str | Path, gain_db: float) -> list[float]:
    """Return the largest gain reduction in dB of each column (``picture.grid``), 0 or more, to 0.1 dB.

    In each millisecond the gain is what brings ``before`` nearest to ``after`` (least squares over all channels); what
    it is below ``gain_db`` is the reduction.
    """
    with Source(before) as dry, Source(after) as wet:
        across = grid(dry.frames, dry.sample_rate)
        segment = min(across.cell_frames, max(1, dry.sample_rate // _SEGMENTS_PER_SECOND))
        whole = across.cell_frames // segment * segment
        lowest = []
        for a, b in zip(across.read(dry), across.read(wet), strict=True):
            x, y = (each[..., :whole].reshape(*each.shape[:2], -1, segment) for each in (a, b))
            energy, shared = np.vecdot(x, x).sum(axis=0), np.vecdot(x, y).sum(axis=0)
            heard = energy > _SILENT * segment * len(a)
            lowest.append(np.where(heard, shared / np.where(heard, energy, 1.0), np.inf).min(axis=-1))
    gains = across.of_columns(np.concatenate(lowest)).min(axis=-1)
    below_db = gain_db - 20.0 * np.log10(np.clip(gains, 1e-6, 10 ** (gain_db / 20)))
    return [round(max(0.0, each), 1) for each in below_db.tolist()]
