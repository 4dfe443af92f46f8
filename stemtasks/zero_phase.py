"""Filtering of blocks by second-order sections: causal, or forward and backward over a temporary file."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Literal

import numpy as np

from stemtasks.audio import Block, Blocks, Spill, Stream
from stemtasks.dsp.level import TAIL_FLOOR, peak
from stemtasks.dsp.sections import Filter, Sections, steady_state

Phase = Literal["minimum", "zero"]

CHUNK_FRAMES = 1 << 17
RING_FRAMES = 1 << 10


def filtered(blocks: Blocks, stream: Stream, sos: Sections, phase: Phase) -> Blocks:
    """Yield the filtered blocks: shape (frames, channels), the input untouched."""
    return forward_backward(blocks, stream, sos) if phase == "zero" else forward(blocks, stream, sos)


def forward(blocks: Blocks, stream: Stream, sos: Sections) -> Blocks:
    """Yield causally filtered blocks, ``scipy.signal.sosfilt`` bit for bit, and what rings on above -90 dBFS."""
    run = Filter(sos, stream.channels)
    for block in blocks:
        yield run(block)
    silence = np.zeros((RING_FRAMES, stream.channels))
    ringing = run(silence)
    # not while infinite: a state that holds infinity never falls silent
    while TAIL_FLOOR < peak(ringing) < np.inf:
        yield ringing
        ringing = run(silence)


def forward_backward(blocks: Blocks, stream: Stream, sos: Sections) -> Blocks:
    """Yield zero-phase filtered blocks: ``scipy.signal.sosfiltfilt`` of the whole, bit for bit.

    As many frames come out as go in. Each end is extended by its odd reflection of scipy's default
    length (a stream that is shorter: by all of it but one frame), with the filter settled on its first
    frame (F. Gustafsson, 'Determining the initial states in forward-backward filtering', IEEE Trans.
    Signal Processing 44, 1996). Memory is a few chunks', whatever the duration.
    """
    head, blocks = _peeked(blocks, padding(sos) + 1)
    if not len(head):
        return
    settled = steady_state(sos)
    reflected = 2 * head[0] - head[:0:-1]
    first = reflected[0] if len(reflected) else head[0]
    onward = Filter(sos, stream.channels, settled * first[:, None, None])
    onward(reflected)
    last = _Last(blocks, len(head))
    with Spill(map(onward, last), stream.channels, stream.scratch) as spill:
        reflected = onward(2 * last.frames[-1] - last.frames[-2::-1])
        first = reflected[-1] if len(reflected) else spill.read(spill.frames - 1, 1)[0]
        backward = Filter(sos, stream.channels, settled * first[:, None, None])
        backward(reflected[::-1])
        starts = range(0, spill.frames, CHUNK_FRAMES)
        for start in reversed(starts):
            # what comes out stays in reverse, since turning it round would be a copy
            spill.overwrite(start, backward(spill.read(start, CHUNK_FRAMES)[::-1]))
        for start in starts:
            yield spill.read(start, CHUNK_FRAMES)[::-1]


def padding(sos: Sections) -> int:
    """Return how many frames ``sosfiltfilt`` extends each end by: three times the filter's taps."""
    taps = 2 * len(sos) + 1
    return int(3 * (taps - min(np.count_nonzero(sos[:, 2] == 0), np.count_nonzero(sos[:, 5] == 0))))


def _peeked(blocks: Blocks, frames: int) -> tuple[Block, Blocks]:
    """Return the first ``frames`` frames (fewer if there are no more), and all blocks, these too."""
    held: list[Block] = []
    for block in blocks:
        held.append(block)
        if sum(map(len, held)) >= frames:
            break
    head = np.concatenate(held)[:frames] if held else np.empty((0, 0))
    return head, chain(held, blocks)


class _Last:
    """Blocks passed on, of which the last ``count`` frames are kept."""

    def __init__(self, blocks: Blocks, count: int) -> None:
        self.blocks = blocks
        self.count = count
        self.frames: Block = np.empty((0, 0))

    def __iter__(self) -> Iterator[Block]:
        for block in self.blocks:
            if len(block) >= self.count:
                self.frames = block[-self.count :]
            elif self.frames.size:
                self.frames = np.concatenate([self.frames, block])[-self.count :]
            else:
                self.frames = block
            yield block
