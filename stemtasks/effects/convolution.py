"""Convolution: the stem in a room, a cabinet or a plate that was recorded, by its impulse response."""

from __future__ import annotations

from math import sqrt
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from stemtasks.audio.blocks import Block, Blocks, Stream, all_finite, reblocked
from stemtasks.audio.rates import at_rate
from stemtasks.audio.source import Source
from stemtasks.audio.tails import with_tail
from stemtasks.dsp.convolution import Convolution
from stemtasks.dsp.level import amplitude
from stemtasks.errors import AudioError
from stemtasks.units import File, Fraction, Range

LONGEST_SECONDS = 30
"""Of a response: its spectra are kept in memory, 1.5 MB a second and channel at 48 kHz."""

Responses = NDArray[np.float64]


def convolution(
    blocks: Blocks,
    stream: Stream,
    *,
    file: File,
    mix: Fraction = 0.3,
    normalise: Literal["energy", "peak", "none"] = "energy",
    gain_db: Annotated[float, Range(-48.0, 48.0, "dB")] = 0.0,
    predelay_ms: Annotated[float, Range(0.0, 500.0, "ms")] = 0.0,
) -> Blocks:
    """Add what an impulse response makes of the input: (1 - mix) of the input and mix of that.

    Latency 0; the tail is the predelay and the response, which is brought to the song's sample rate. A mono response
    is that of each channel, one of two channels is left's and right's. In a mono song they become one by their mean.

    Parameters
    ----------
    file
        The impulse response, a recording of 1, 2 or 4 channels of up to 30 s. 4 are true stereo: left to left, left to
        right, right to left, right to right.
    mix
        Share of the convolved signal in the output; 0 is the input alone, 1 what a cabinet needs.
    normalise
        energy: noise comes out as loud as it goes in. peak: the highest sample of the response is 1. none: as recorded.
    gain_db
        Gain of the convolved signal beside that.
    predelay_ms
        Silence before the response.

    Raises
    ------
    AudioError
        For a response that is too long, silent, not all numbers, or of another count of channels.
    """
    response = _response(file, stream)
    scale = amplitude(gain_db) / _size(response, stream.channels, normalise, file)
    silent = round(predelay_ms * stream.sample_rate / 1000)
    room = Convolution(np.pad(response * scale, ((0, 0), (silent, 0))))
    for block in reblocked(with_tail(blocks, room.response_frames - 1, stream.channels), room.frames):
        short = room.frames - len(block)
        whole = np.pad(block, ((0, short), (0, 0))) if short else block
        wet = _heard(room(_sent(whole, room.channels)), stream.channels)[:, : len(block)]
        out = block * (1.0 - mix)
        out += mix * wet.T
        yield out


def _response(file: str, stream: Stream) -> Responses:
    """Return the response at the song's rate, a row for each path that a sound can take: shape (paths, frames)."""
    with Source(file) as source:
        if source.channels not in (1, 2, 4):
            raise AudioError(
                f"{file}: an impulse response of {source.channels} channels; 1, 2 or 4 are allowed: "
                "export it with one of these"
            )
        if source.frames > LONGEST_SECONDS * source.sample_rate:
            raise AudioError(
                f"{file}: an impulse response of {source.frames / source.sample_rate:.1f} s; at most "
                f"{LONGEST_SECONDS} s can be kept in memory: export it shorter"
            )
        blocks = at_rate(source.blocks(), source.frames, source.channels, source.sample_rate, stream.sample_rate)
        response = np.concatenate(list(blocks) or [np.zeros((0, source.channels))]).T
    if not all_finite(response):
        raise AudioError(f"{file}: an impulse response with samples that are NaN or infinite: export it again")
    if stream.channels == 1 and len(response) > 1:
        # what both sides hear of a sound that is in the middle, and the mean of that
        response = response.sum(axis=0, keepdims=True) / 2.0
    return np.repeat(response, stream.channels, axis=0) if len(response) == 1 else response


def _size(response: Responses, channels: int, normalise: str, file: str) -> float:
    """Return what a response is divided by."""
    highest = float(np.abs(response).max(initial=0.0))
    if not highest:
        raise AudioError(f"{file}: an impulse response that is silent: export it again")
    if normalise == "energy":
        return sqrt(float((response**2).sum()) / channels)
    return highest if normalise == "peak" else 1.0


def _sent(block: Block, paths: int) -> Responses:
    """Return what goes into each path: shape (paths, frames)."""
    sent = np.ascontiguousarray(block.T)
    return sent if len(sent) == paths else np.repeat(sent, 2, axis=0)


def _heard(made: Responses, channels: int) -> Responses:
    """Return what comes out of the paths to each channel: shape (channels, frames)."""
    return made if len(made) == channels else made[:2] + made[2:]
