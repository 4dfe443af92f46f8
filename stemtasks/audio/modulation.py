"""What effects that an oscillator moves have in common: its rate, its phases, and their pace through the blocks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from stemtasks.audio.blocks import Block, Blocks, Stream, reblocked
from stemtasks.dsp.level import TAIL_FLOOR, peak
from stemtasks.errors import SpecError
from stemtasks.timeline import Timeline

CHUNK_FRAMES = 1 << 12
"""Whole chunks are computed, counted from frame 0, so that blocks decide nothing."""
FASTEST_HZ = 40.0


def periods_per_frame(
    effect: str, stream: Stream, timeline: Timeline, rate_hz: float | None, rate_beats: float | None, usual_hz: float
) -> float:
    """Return the rate of an oscillator that is given in Hz or in beats, or as neither.

    Raises ``SpecError`` for both, for beats in a song without a tempo, and for more than 40 Hz.
    """
    if rate_beats is None:
        return (usual_hz if rate_hz is None else rate_hz) / stream.sample_rate
    if rate_hz is not None:
        raise SpecError(f"{effect}: give either rate_hz or rate_beats, found both")
    if timeline.bpm is None:
        raise SpecError(f"{effect}: rate_beats needs the song's bpm: set it, or give rate_hz")
    hertz = timeline.bpm / 60.0 / rate_beats
    if hertz > FASTEST_HZ:
        raise SpecError(
            f"{effect}: a period of {rate_beats:g} beats at {timeline.bpm:g} bpm is {hertz:.1f} Hz, at most "
            f"{FASTEST_HZ:g} Hz is allowed: raise rate_beats"
        )
    return hertz / stream.sample_rate


def offsets(channels: int, start_degrees: float, stereo_degrees: float) -> NDArray[np.float64]:
    """Return the phase of each channel's oscillator at frame 0, in periods; of one for all where they are the same."""
    if not stereo_degrees:
        channels = 1
    return (start_degrees + stereo_degrees * np.arange(channels, dtype=np.float64)) / 360.0


def chunked(blocks: Blocks, made: Callable[[int, Block], Block]) -> Blocks:
    """Yield ``made(start, block)`` of whole chunks, as many frames as come in."""
    start = 0
    for block in reblocked(blocks, CHUNK_FRAMES):
        yield made(start, block)
        start += len(block)


def ringing(
    blocks: Blocks,
    stream: Stream,
    mix: float,
    wet: Callable[[int, Block], Block],
    left: Callable[[], float] = lambda: 0.0,
) -> Blocks:
    """Yield (1 - mix) of the input and mix of ``wet(start, block)``, and the tail until it is below -90 dBFS.

    ``wet`` has whole chunks only, the last filled up with silence. ``left`` returns the largest sample that it holds
    and has not given yet.
    """
    start, frames, held = 0, 0, np.empty((0, stream.channels))
    for block in reblocked(blocks, CHUNK_FRAMES):
        if start:
            yield held
        frames = len(block)
        whole = np.pad(block, ((0, CHUNK_FRAMES - frames), (0, 0))) if frames < CHUNK_FRAMES else block
        held = whole * (1.0 - mix) + mix * wet(start, whole)
        start += CHUNK_FRAMES
    if not start:
        return

    def is_heard(tail: Block) -> bool:
        return bool(TAIL_FLOOR < max(peak(tail), mix * left()) < np.inf)

    silence = np.zeros((CHUNK_FRAMES, stream.channels))
    tail = mix * wet(start, silence)
    if not is_heard(held[frames:]) and not is_heard(tail):
        yield held[:frames]
        return
    yield held
    while is_heard(tail):
        yield tail
        start += CHUNK_FRAMES
        tail = mix * wet(start, silence)
