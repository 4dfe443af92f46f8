"""Filtering of blocks by second-order sections: causal, or forward and backward without a shift in time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from typing import Literal

import numpy as np

from stemtasks.audio.blocks import Block, Blocks, Stream, reblocked
from stemtasks.audio.spill import Spill
from stemtasks.dsp.level import TAIL_FLOOR, peak
from stemtasks.dsp.resting import RestingFilter
from stemtasks.dsp.sections import Filter, Sections, memory_frames, steady_state, together

Phase = Literal["minimum", "zero"]

CHUNK_FRAMES = 1 << 16
LOOK_AHEAD_FRAMES = 1 << 12
RING_FRAMES = 1 << 10


def filtered(blocks: Blocks, stream: Stream, sos: Sections, phase: Phase) -> Blocks:
    """Yield the filtered blocks: shape (frames, channels), the input untouched."""
    return forward_backward(blocks, stream, sos) if phase == "zero" else forward(blocks, stream, sos)


def forward(blocks: Blocks, stream: Stream, sos: Sections) -> Blocks:
    """Yield causally filtered blocks, and what rings on above -90 dBFS.

    They are ``scipy.signal.sosfilt``'s bit for bit, but for what has decayed below -600 dB in silence: that is none.
    """
    run = RestingFilter(sos, stream.channels)
    for block in reblocked(blocks, CHUNK_FRAMES):
        yield run(block)
    silence = np.zeros((RING_FRAMES, stream.channels))
    ringing = run(silence)
    # not while infinite: a state that holds infinity never falls silent
    while TAIL_FLOOR < peak(ringing) < np.inf:
        yield ringing
        ringing = run(silence)


def forward_backward(blocks: Blocks, stream: Stream, sos: Sections) -> Blocks:
    """Yield zero-phase filtered blocks: ``scipy.signal.sosfiltfilt`` of the whole.

    As many frames come out as go in. Each end is extended by its odd reflection of scipy's default
    length (a stream that is shorter: by all of it but one frame), with the filter settled on its first
    frame (F. Gustafsson, 'Determining the initial states in forward-backward filtering', IEEE Trans.
    Signal Processing 44, 1996). Memory is a few chunks', whatever the duration.

    A filter that remembers long goes backward over a temporary file, bit for bit as scipy's. One that forgets
    within ``LOOK_AHEAD_FRAMES`` needs no file and less time: it goes back over a chunk as soon as it has run
    through the frames after it. By then nothing is left of where it would have come from, so that it is scipy's
    but for rounding, below -250 dB of the peak: float32 has other bits only of a sample that lies as close as that
    to the middle between two.
    """
    head, blocks = _peeked(blocks, padding(sos) + 1)
    if not len(head):
        return
    ways = _TwoWays(blocks, head, stream.channels, sos)
    look_ahead = memory_frames(sos)
    if look_ahead <= LOOK_AHEAD_FRAMES:
        yield from _looking_ahead(ways, look_ahead)
    else:
        yield from _over_a_file(ways, stream)


class _TwoWays:
    """A stream that one filter runs through forward and another one back.

    Each begins settled, in the odd reflection of the end that it comes from.
    """

    def __init__(self, blocks: Blocks, head: Block, channels: int, sos: Sections) -> None:
        self.sos, self.channels = sos, channels
        self.blocks = _Last(blocks, len(head))
        reflected = 2 * head[0] - head[:0:-1]
        self.forward = self._settled(reflected[0] if len(reflected) else head[0])
        self.forward(reflected)

    def backward(self, final: Block) -> Filter:
        """Return the filter that goes on backward from the last frame, once ``forward`` has made it ``final``."""
        last = self.blocks.frames
        reflected = self.forward(2 * last[-1] - last[-2::-1])
        backward = self._settled(reflected[-1] if len(reflected) else final)
        backward(reflected[::-1])
        return backward

    def _settled(self, frame: Block) -> Filter:
        return Filter(self.sos, self.channels, steady_state(self.sos) * frame[:, None, None])


def _looking_ahead(ways: _TwoWays, look_ahead: int) -> Blocks:
    """Yield each chunk as soon as the one after it has come out forward.

    chunks     | older | newer | newest
    forward    ------------------------>
    backward   <-------====               ==== are ``look_ahead`` frames, begun at rest: by their end it is forgotten
    """
    chunks = reblocked(iter(ways.blocks), CHUNK_FRAMES)
    held = [ways.forward(chunk) for chunk in islice(chunks, 2)]
    for chunk in chunks:
        older, newer = held
        backward = Filter(ways.sos, ways.channels)
        backward(newer[look_ahead - 1 :: -1])
        newest, turned = together(ways.forward, chunk, backward, older[::-1])
        yield turned[::-1]
        held = [newer, newest]
    backward = ways.backward(held[-1][-1])
    yield from reversed([backward(chunk[::-1])[::-1] for chunk in reversed(held)])


def _over_a_file(ways: _TwoWays, stream: Stream) -> Blocks:
    with Spill(map(ways.forward, ways.blocks), stream.channels, stream.scratch) as spill:
        backward = ways.backward(spill.read(spill.frames - 1, 1)[0])
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
