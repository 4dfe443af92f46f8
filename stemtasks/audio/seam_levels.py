"""What a seam in a finished file measures, held against the two parts that meet in it, wherever those come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from stemtasks.audio.blocks import Block
from stemtasks.dsp import overlap as dsp

CONTEXT_SECONDS = 0.05
WINDOW_SECONDS, LONG_WINDOW_SECONDS = 0.02, 0.05
LONG_SECONDS = 0.1
"""Overlaps so long join what sustains: a step in level is no downbeat."""
LISTED_SEAMS = 64
LEVEL_FIGURES = ("dip_db", "rise_db", "step_db", "jump_ratio")


def level_figures(
    sounding: Block, going: Block, coming: Block, around: int, after: int, overlap: int, sample_rate: int
) -> dict[str, float]:
    """Return dip_db, rise_db, jump_ratio and level_step_db of a seam.

    All blocks have the shape (frames, channels). ``sounding`` is the file from ``around`` frames before the overlap to
    ``after`` frames behind it, ``going`` the first part up to the overlap's end, ``coming`` the second from its start.
    """
    shared = len(sounding) - around - after
    dip, rise = dsp.level_change(
        sounding,
        np.concatenate((going, coming[shared:])),
        np.concatenate((going[:around], coming)),
        round(sample_rate * (LONG_WINDOW_SECONDS if overlap >= LONG_SECONDS * sample_rate else WINDOW_SECONDS)),
    )
    near = sounding[max(0, around - 1) : around + shared + 1]
    parts = [part for part in (going, coming) if len(part) > 1]
    jump = dsp.jump_ratio(near, *parts) if len(near) > 1 and parts else 0.0
    levels = [max(dsp.power(part), dsp.POWER_FLOOR) for part in (going[:around], coming[shared:])]
    step = abs(10 * np.log10(levels[1] / levels[0])) if around and after else 0.0
    return {
        "dip_db": dsp.rounded(dip, 2),
        "rise_db": dsp.rounded(rise, 2),
        "jump_ratio": dsp.rounded(jump, 2),
        "level_step_db": dsp.rounded(float(step), 2),
    }


@dataclass
class Worst:
    """The largest of one figure, whatever its sign, and where it was."""

    name: str
    figure: float | None = None
    frame: int = 0

    def see(self, figure: float | None, frame: int) -> None:
        """Take a seam's figure, if it has one."""
        if figure is not None and (self.figure is None or abs(figure) > abs(self.figure)):
            self.figure, self.frame = figure, frame

    def facts(self) -> dict[str, Any]:
        """Return the figure and its frame."""
        return {self.name: self.figure, self.name.rsplit("_", 1)[0] + "_frame": self.frame}
