"""What a file looks like from its start to its end: highest, lowest and RMS sample a column, and a spectrogram.

All files of a song have as many frames, so all have the same columns, and lie under one another on a page.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stemtasks.audio.blocks import BLOCK_FRAMES
from stemtasks.audio.source import Source
from stemtasks.dsp import spectrogram

COLUMNS = 720
"""At most: a column is what a thin line on a screen shows, 0.2 s of a song of three minutes."""
BANDS = 80
_WINDOWS = 2
"""Of a column of the spectrogram are looked at: all of it in a song of three minutes, a part of it in a longer one."""


@dataclass(frozen=True)
class Grid:
    """Columns of whole frames, and the cells that they are read in, no longer than a block.

    A column has ``cells`` cells of ``cell_frames``. A spectrogram's column has ``span`` cells, at least a window's
    frames.
    """

    frames: int
    cells: int
    cell_frames: int
    span: int

    @property
    def column_frames(self) -> int:
        """Return the frames of a column."""
        return self.cells * self.cell_frames

    @property
    def columns(self) -> int:
        """Return how many columns there are; the last may have fewer frames than others."""
        return ceil(self.frames / self.column_frames)

    def read(self, source: Source) -> Iterator[NDArray[np.floating]]:
        """Yield a file's cells in order, shape (channels, cells, cell_frames), so many that spans are whole.

        The last cells are filled with silence. Where blocks end depends on the grid alone.
        """
        together = self.span * max(1, BLOCK_FRAMES // (self.span * self.cell_frames))
        for start in range(0, self.frames, together * self.cell_frames):
            block = source.read_narrow(start, together * self.cell_frames)
            count = self.span * ceil(len(block) / (self.span * self.cell_frames))
            cells = np.zeros((source.channels, count * self.cell_frames), block.dtype)
            cells[:, : len(block)] = block.T
            yield cells.reshape(source.channels, count, self.cell_frames)

    def of_columns(self, cells: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return figures a cell as figures a column, to be reduced: shape (..., cells) to (..., columns, a column's).

        What is filled up at the end has the last cell's figure.
        """
        missing = self.columns * self.cells - cells.shape[-1]
        wide = cells if missing <= 0 else np.concatenate((cells, np.repeat(cells[..., -1:], missing, axis=-1)), axis=-1)
        return wide[..., : self.columns * self.cells].reshape(*cells.shape[:-1], self.columns, self.cells)


def grid(frames: int, sample_rate: int) -> Grid:
    """Return the columns of files of so many frames."""
    column_frames = ceil(frames / COLUMNS)
    cells = ceil(column_frames / BLOCK_FRAMES)
    cell_frames = ceil(column_frames / cells)
    return Grid(frames, cells, cell_frames, ceil(spectrogram.window_frames(sample_rate) / cell_frames))


@dataclass(frozen=True)
class Picture:
    """What a file looks like.

    ``highest``, ``lowest`` and ``rms`` have the shape (channels, columns), full scale being 1; ``steps`` is the
    spectrogram of all channels together, shape (bands, columns), the highest band first, 0 to 15.
    """

    grid: Grid
    highest: NDArray[np.floating]
    lowest: NDArray[np.floating]
    rms: NDArray[np.floating]
    steps: NDArray[np.uint8]


def look_at(path: str | Path) -> Picture:
    """Return the picture of a file, read once in blocks."""
    with Source(path) as source:
        across = grid(source.frames, source.sample_rate)
        read = [_of_cells(cells, across, source.sample_rate) for cells in across.read(source)]
    highest, lowest, squares, power = (np.concatenate(parts, axis=-1) for parts in zip(*read, strict=True))
    return Picture(
        across,
        across.of_columns(highest).max(axis=-1),
        across.of_columns(lowest).min(axis=-1),
        np.sqrt(across.of_columns(squares).mean(axis=-1) / across.cell_frames),
        spectrogram.steps(power)[::-1],
    )


def _of_cells(cells: NDArray[np.floating], across: Grid, sample_rate: int) -> tuple[NDArray[np.floating], ...]:
    """Return the highest and lowest sample and the sum of squares of cells, and the power in bands of their spans."""
    window = spectrogram.window_frames(sample_rate)
    spans = cells.reshape(len(cells), -1, across.span * across.cell_frames)
    count = min(_WINDOWS, spans.shape[-1] // window)
    starts = [(spans.shape[-1] - window) * (2 * place + 1) // (2 * count) for place in range(count)]
    power = sum(
        spectrogram.powers(spans[..., start : start + window], sample_rate, BANDS).sum(axis=0) for start in starts
    )
    return cells.max(axis=-1), cells.min(axis=-1), np.vecdot(cells, cells), np.asarray(power).T / count
