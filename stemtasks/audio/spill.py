"""Audio kept in a temporary file while an effect or a stage needs it backward, or more than once."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Self

import numpy as np

from stemtasks.audio.blocks import BLOCK_FRAMES, Block, Blocks


class Spill:
    """Blocks kept in a temporary file as raw float64, to be read forward or backward, at any frame."""

    def __init__(self, blocks: Blocks, channels: int, scratch: Path) -> None:
        self.channels = channels
        self.frames = 0
        self._file = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115 - lives as long as the Spill
        try:
            for block in blocks:
                if len(block):
                    self._file.write(np.ascontiguousarray(block, dtype=np.float64).data.cast("B"))
                    self.frames += len(block)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, start: int, frames: int) -> Block:
        """Return up to ``frames`` frames from ``start``: shape (frames, channels)."""
        frames = max(0, min(frames, self.frames - start))
        block = np.empty((frames, self.channels))
        if frames:
            self._file.seek(start * self.channels * 8)
            self._file.readinto(block.data.cast("B"))
        return block

    def blocks(self) -> Blocks:
        """Yield all of it from the start."""
        yield from (self.read(start, BLOCK_FRAMES) for start in range(0, self.frames, BLOCK_FRAMES))

    def overwrite(self, start: int, block: Block) -> None:
        """Replace the frames from ``start`` by a block's."""
        self._file.seek(start * self.channels * 8)
        self._file.write(np.ascontiguousarray(block).data.cast("B"))

    def add(self, start: int, block: Block) -> None:
        """Add a block to the frames from ``start``; what lies past the end, or between it and ``start``, was silent."""
        there = self.read(start, len(block))
        self.overwrite(start, np.concatenate([there + block[: len(there)], block[len(there) :]]))
        self.frames = max(self.frames, start + len(block))
