"""The key of a dynamics effect: what decides how much it is turned down, the audio itself or another stem."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np

from stemtasks.audio.blocks import Block, Blocks, Stream, reblocked
from stemtasks.audio.source import Source
from stemtasks.dsp.level import TAIL_FLOOR, peak

CHUNK_FRAMES = 1 << 14
"""Chunks lie on a grid, so that what is rounded by the chunk does not depend on where blocks end. Their arrays fit a
core's cache, and are worth what a call of numpy costs."""
RING_FRAMES = 1 << 10


def opened(sidechain: str | None) -> AbstractContextManager[Source | None]:
    """Return the file that a key is read from, or nothing where the audio is its own key."""
    return nullcontext() if sidechain is None else Source(sidechain)


@contextmanager
def noting(noted: dict[str, Any], figures: Callable[[], dict[str, Any]]) -> Iterator[None]:
    """Write down what was measured, also where no more audio was asked for than a song has room for."""
    try:
        yield
    finally:
        noted.update(figures())


class Key:
    """The key beside each block: the frames of ``source`` from 0 on, silence past its end; or the block itself."""

    def __init__(self, source: Source | None) -> None:
        self._source = source
        self._position = 0

    def __call__(self, block: Block) -> Block:
        """Return as many frames as the next block has: shape (frames, channels of the source)."""
        if self._source is None:
            return block
        key = self._source.read(self._position, len(block))
        self._position += len(block)
        return key if len(key) == len(block) else np.pad(key, ((0, len(block) - len(key)), (0, 0)))


def turned(blocks: Blocks, stream: Stream, source: Source | None, turn: Callable[[Block, Block], Block]) -> Blocks:
    """Yield what ``turn`` makes of each chunk and its key, and what its filters ring on above -90 dBFS."""
    key = Key(source)
    for block in reblocked(blocks, CHUNK_FRAMES):
        yield turn(block, key(block))
    silence = np.zeros((RING_FRAMES, stream.channels))
    ringing = turn(silence, key(silence))
    # not while infinite: a state that holds infinity never falls silent
    while TAIL_FLOOR < peak(ringing) < np.inf:
        yield ringing
        ringing = turn(silence, key(silence))
