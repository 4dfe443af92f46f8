"""A stem brought to a loudness: measured as it would be delivered, then gained."""

from __future__ import annotations

from stemtasks.audio.blocks import Blocks
from stemtasks.audio.facts import Facts
from stemtasks.audio.spill import Spill
from stemtasks.dsp.level import amplitude
from stemtasks.dsp.loudness import LoudnessMeter
from stemtasks.errors import AudioError


def to_loudness(spill: Spill, sample_rate: int, loudness_lufs: float) -> tuple[Blocks, Facts]:
    """Return what was spilled at the gain that brings its integrated loudness (BS.1770-5) there, and that gain.

    Raises AudioError where there is no loudness to measure.
    """
    meter = LoudnessMeter(sample_rate, spill.channels)
    for block in spill.blocks():
        meter(block)
    lufs = meter.integrated()
    if lufs is None:
        raise AudioError(
            f"its loudness cannot be measured (silence, or shorter than 0.4 s), wanted {loudness_lufs:g} LUFS: leave "
            "out loudness_lufs"
        )
    gain_db = round(loudness_lufs - lufs, 3)
    factor = amplitude(gain_db)
    return (block * factor for block in spill.blocks()), {
        "loudness": {"target_lufs": loudness_lufs, "gain_db": gain_db}
    }
