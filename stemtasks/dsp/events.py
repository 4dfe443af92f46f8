"""Timed notes added, where they overlap, into consecutive blocks; memory is that of the notes sounding."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]


def placed(
    events: Iterable[tuple[int, Iterable[Samples]]],
    frames: int,
    channels: int,
    block_frames: int,
    end_fade_frames: int = 0,
) -> Iterator[Samples]:
    """Yield exactly ``frames`` frames in blocks of shape (block_frames, channels), the last one shorter.

    An event is its start frame and its consecutive pieces, each of shape (n, channels), or (n, 1) for
    all channels alike; pieces are drawn when their time comes, so that a long note need never be whole.
    Events come sorted by start, none before frame 0: ValueError otherwise. What sounds past the end is
    cut after a linear fade of ``end_fade_frames``.
    """
    coming = iter(events)
    event = next(coming, None)
    sounding: list[_Sounding] = []
    for start in range(0, frames, block_frames):
        block = np.zeros((min(block_frames, frames - start), channels))
        stop = start + len(block)
        while event is not None and event[0] < stop:
            if event[0] < start:
                raise ValueError(f"event at frame {event[0]} after the block from {start}; events must be sorted")
            sounding.append(_Sounding(*event))
            event = next(coming, None)
        sounding = [one for one in sounding if one.add_to(block, start)]
        fade_from = max(start, frames - end_fade_frames)
        if fade_from < stop:
            block[fade_from - start :] *= (frames - 1 - np.arange(fade_from, stop))[:, None] / end_fade_frames
        yield block


class _Sounding:
    """An event that has begun: the piece it is in, and where that piece starts."""

    def __init__(self, start: int, pieces: Iterable[Samples]) -> None:
        self.start = start
        self.rest = iter(pieces)
        self.piece = next(self.rest, None)

    def add_to(self, block: Samples, block_start: int) -> bool:
        """Add what falls into the block; return whether more comes after it."""
        block_stop = block_start + len(block)
        while self.piece is not None:
            end = self.start + len(self.piece)
            first, last = max(self.start, block_start), min(end, block_stop)
            block[first - block_start : last - block_start] += self.piece[first - self.start : last - self.start]
            if end > block_stop:
                return True
            self.start, self.piece = end, next(self.rest, None)
        return False


def in_order(events: Iterable[tuple[int, Any]], slack_frames: int) -> Iterator[tuple[int, Any]]:
    """Yield events sorted by start, given that none comes more than ``slack_frames`` before an earlier one."""
    waiting: list[tuple[int, int, Any]] = []
    latest = 0
    for number, (start, what) in enumerate(events):
        heapq.heappush(waiting, (start, number, what))
        latest = max(latest, start)
        while waiting[0][0] < latest - slack_frames:
            first, _, event = heapq.heappop(waiting)
            yield first, event
    while waiting:
        first, _, event = heapq.heappop(waiting)
        yield first, event
