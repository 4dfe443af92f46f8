"""Silence after a stream, in which what an effect still holds can come out."""

from __future__ import annotations

from stemtasks.audio.blocks import Blocks, fitted


def with_tail(blocks: Blocks, frames: int, channels: int) -> Blocks:
    """Yield the blocks, and then so many frames of silence; nothing where there were no blocks."""
    empty = True
    for block in blocks:
        empty = False
        yield block
    if not empty:
        yield from fitted(iter(()), frames, channels)
