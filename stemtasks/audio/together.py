"""How loud several files are together: one programme of all their blocks, as an album's loudness is measured.

ITU-R BS.1770-5 gates blocks of 400 ms; both gates are of the blocks of all files, and none lies across two files.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stemtasks.audio.blocks import all_finite
from stemtasks.audio.facts import read_facts, write_facts
from stemtasks.audio.source import Source
from stemtasks.dsp.loudness import LoudnessMeter, gated_loudness

STEP_DB = 0.1
"""Of the gain for all songs: a small change of one song leaves the masters of the others as they are."""


def measure_together(paths: Iterable[Path]) -> float | None:
    """Return the integrated loudness of files together in LUFS; None for silence, or where all are under 0.4 s."""
    with ThreadPoolExecutor(2, "loudness") as threads:
        lufs = gated_loudness(np.concatenate(list(threads.map(_powers, paths))))
    return None if lufs is None else round(lufs, 3)


def level(inputs: dict[str, Path], outputs: dict[str, Path], songs: list[str], loudness_lufs: float) -> None:
    """Write ``gain``, which brings songs together to a loudness, and what they measure as facts.

    ``inputs`` are ``master/SONG`` and ``facts/SONG``. The gain is a whole multiple of ``STEP_DB``, and 0 where nothing
    can be measured.
    """
    lufs = measure_together([inputs[f"master/{song}"] for song in songs])
    gain_db = 0.0 if lufs is None else round(STEP_DB * round((loudness_lufs - lufs) / STEP_DB), 3)
    own = {song: read_facts(inputs[f"facts/{song}"])["lufs"] for song in songs}
    write_facts(outputs["gain"], {"gain_db": gain_db})
    write_facts(outputs["facts"], {"lufs": lufs, "gain_db": gain_db, "songs_lufs": own})


def _powers(path: Path) -> NDArray[np.float64]:
    with Source(path) as source:
        meter = LoudnessMeter(source.sample_rate, source.channels)
        for block in source.blocks():
            meter(block if all_finite(block) else np.where(np.isfinite(block), block, 0.0))
    return meter.powers()
