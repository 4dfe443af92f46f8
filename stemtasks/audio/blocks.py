"""Audio as it flows between stages: an iterator of blocks, so that memory does not grow with duration.

A block is a float64 array of shape ``(frames, channels)``, full scale at 1.0, of at most ``BLOCK_FRAMES`` frames
unless a producer has a reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Block = NDArray[np.float64]
Blocks = Iterator[Block]
Narrow = NDArray[np.float32] | Block

BLOCK_FRAMES = 1 << 17

# glibc's malloc learns from the largest block freed how much to keep: without this, blocks of 1 MiB (65,536 frames
# of stereo) go back to the system one by one, and fetching their pages anew costs more than the arithmetic
np.empty(16 << 20, dtype=np.uint8)


@dataclass(frozen=True)
class Stream:
    """What flows through a generator, an effect or a strategy.

    ``frames`` is the length asked of a generator, or the length of an effect's input.
    ``scratch`` is a folder for temporary files, on the disk that the outputs go to.
    """

    sample_rate: int
    channels: int
    frames: int
    scratch: Path


def all_finite(block: Narrow) -> bool:
    """Return whether no sample is NaN or infinite; one that is makes the sum so, which is quicker to find."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(block.sum()) or np.isfinite(block).all())


def reblocked(blocks: Blocks, frames: int) -> Blocks:
    """Yield the same audio in blocks of exactly ``frames`` frames (the last may be shorter)."""
    held: list[Block] = []
    count = 0
    for block in blocks:
        held.append(block)
        count += len(block)
        while count >= frames:
            joined = np.concatenate(held) if len(held) > 1 else held[0]
            yield joined[:frames]
            count -= frames
            held = [joined[frames:]] if count else []
    if count:
        yield np.concatenate(held)


def fitted(blocks: Blocks, frames: int, channels: int) -> Blocks:
    """Yield exactly ``frames`` frames: cut, or filled with silence; no block is asked for past the last."""
    left = frames
    while left > 0 and (block := next(blocks, None)) is not None:
        yield block[:left]
        left -= len(block)
    while left > 0:
        yield np.zeros((min(left, BLOCK_FRAMES), channels))
        left -= BLOCK_FRAMES


def frames_at(frames: int, rate_in: int, rate_out: int) -> int:
    """Return how many frames a duration has at another sample rate: the nearest, halves up, exact at any length."""
    return (2 * frames * rate_out + rate_in) // (2 * rate_in)
