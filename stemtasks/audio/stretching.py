"""Audio at another tempo and the same pitch, in blocks: pieces of fixed length that python-stretch makes, joined.

The library cannot be fed bit by bit: it begins anew with each call, and its blocks fade at both ends. So it gets pieces
that overlap, each with a lead before and after that is cut away. A phase vocoder begins with the phases of its input
and moves away from them, so that two pieces do not meet by themselves: the next one begins where they agree.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from stemtasks.audio.blocks import Block
from stemtasks.audio.pieces import read
from stemtasks.audio.source import Source
from stemtasks.dsp import overlap as dsp
from stemtasks.dsp.percussive import percussive

PIECE_SECONDS, SEARCH_SECONDS, LEAD_SECONDS = 24.0, 4.0, 0.25
"""These decide the bytes; where the blocks of a caller end does not."""
JOIN_SECONDS, STEP_SECONDS = 0.06, 0.005
TONES, ATTACKS = (0.12, 0.03), (0.03, 0.0075)
"""The library's block and interval in seconds: long ones keep tones apart, short ones hold attacks in their places."""


def stretched(source: Source, frames: int) -> Iterator[Block]:
    """Yield a recording at exactly ``frames`` frames, shape (frames, channels); pitch and formants stay as they are.

    What lies at frame n of it then lies at n * frames / source.frames, to within a millisecond where a sound begins.
    """
    rate, factor = source.sample_rate, frames / source.frames
    lead, join = round(LEAD_SECONDS * rate), round(JOIN_SECONDS * rate)
    start, at, going = -lead, 0, np.zeros((0, source.channels))
    while True:
        is_last = start + round((PIECE_SECONDS - LEAD_SECONDS) * rate) >= source.frames
        length = source.frames + lead - start if is_last else round(PIECE_SECONDS * rate)
        begun = round(start * factor)
        heard = read(source, start, length)
        made = _made(heard, round((start + length) * factor) - begun, rate)
        piece = made[at - begun :]
        if len(going):
            piece[:join] = _joined(going, piece[:join], rate)
        if is_last:
            yield piece[: frames - at]
            return
        following, place = _next(heard, made, factor, start, rate)
        yield piece[: place - at]
        start, at, going = following, place, made[place - begun : place - begun + join]


def _made(heard: Block, frames: int, rate: int) -> Block:
    """Return a piece at so many frames, its attacks and what else sounds each by blocks that suit them."""
    short = percussive(heard, rate)
    return _processed(heard - short, frames, TONES, rate) + _processed(short, frames, ATTACKS, rate)


def _processed(heard: Block, frames: int, sizes: tuple[float, float], rate: int) -> Block:
    """Return what the library makes of a piece."""
    from python_stretch import Signalsmith  # noqa: PLC0415 - an extra: what asks for it says first whether it is there

    process = Signalsmith.Stretch(0)
    process.configure(heard.shape[1], *(round(seconds * rate) for seconds in sizes))
    process.setTimeFactor(len(heard) / frames)
    made: NDArray[np.float32] = np.asarray(process.process(np.ascontiguousarray(heard.T, dtype=np.float32)))
    if made.shape != (heard.shape[1], frames):
        raise RuntimeError(f"python-stretch made {made.shape[1]} frames of {len(heard)}, {frames} were asked for")
    return made.T.astype(np.float64)


def _next(heard: Block, made: Block, factor: float, start: int, rate: int) -> tuple[int, int]:
    """Return the frame from which the next piece is read, and the frame where it takes over.

    By then it sounds as the recording does from there, at its own speed. Of all places in the last seconds it is
    the one where least of the sum would be lost: where both are alike, or where little sounds.
    """
    lead, join = round(LEAD_SECONDS * rate), round(JOIN_SECONDS * rate)
    begun = round(start * factor)
    latest = start + len(heard) - 2 * lead - 2 * join
    earliest = latest - round(SEARCH_SECONDS * rate)
    best, least = (latest, round(latest * factor) + lead), np.inf
    for following in range(latest, earliest, -round(STEP_SECONDS * rate)):
        place = round(following * factor) + lead
        if place - begun + join > len(made) - lead:
            continue
        going, coming = made[place - begun :][:join], heard[following - start + lead :][:join]
        # rounded, so that the last bits of a sum cannot decide between equals
        lost = round(dsp.power(going) * (1.0 - dsp.correlation(going, coming)), 9)
        if lost < least:
            best, least = (following, place), lost
    return best


def _joined(going: Block, coming: Block, rate: int) -> Block:
    """Return the overlap of two pieces, at the level of both."""
    leaving, entering = dsp.gains(len(going), dsp.correlation(going, coming), 0, len(going))
    return dsp.levelled(going * leaving + coming * entering, going, coming, rate)
