"""Saturation: the harmonics and the rounded peaks of an overdriven tape, amplifier or tube."""

from __future__ import annotations

from math import tanh
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from stemtasks.audio.blocks import Block, Blocks, Stream, reblocked
from stemtasks.audio.filtering import forward
from stemtasks.dsp.level import amplitude
from stemtasks.dsp.oversampling import Curve, Oversampled
from stemtasks.dsp.sections import butterworth
from stemtasks.units import Fraction, Range

PER_CHANNEL = True

FACTOR = 4
CHUNK_FRAMES = 1 << 12
REFERENCE_DBFS = -12.0
TUBE_BIAS = 0.35
DC_HZ = 5.0


def saturation(
    blocks: Blocks,
    stream: Stream,
    *,
    drive_db: Annotated[float, Range(0.0, 48.0, "dB")] = 6.0,
    mix: Fraction = 1.0,
    kind: Literal["tanh", "soft", "tube"] = "tanh",
) -> Blocks:
    """Bend the waveform at 4 times the sample rate; a sine at -12 dBFS keeps its level whatever the drive.

    Only what the curve adds is resampled, so the rest keeps its phase and its highs. Latency 0.

    Parameters
    ----------
    drive_db
        Gain into the curve: the more, the more harmonics, and the closer peaks come to the average.
    mix
        Share of the saturated signal; 0 is the input alone.
    kind
        tanh: odd harmonics, soft knee. soft: a cubic, clean when quiet, hard at its limit. tube: a biased
        tanh, even harmonics too, without its direct current.
    """
    drive = amplitude(drive_db)
    curve, slope = _curve(kind)
    makeup = _makeup(curve, drive)
    # through the resamplers goes what the curve adds to its own straight line
    added = Oversampled(lambda x: curve(x * drive) - x * (drive * slope), FACTOR, stream.sample_rate, stream.channels)
    straight = 1.0 - mix + mix * makeup * drive * slope
    bent = _bent(reblocked(blocks, CHUNK_FRAMES), stream, added, straight, mix * makeup)
    if kind == "tube" and mix:
        bent = forward(bent, stream, butterworth("highpass", 1, DC_HZ, stream.sample_rate))
    yield from bent


def _bent(blocks: Blocks, stream: Stream, added: Oversampled, straight: float, share: float) -> Blocks:
    """Yield ``straight`` times each frame and ``share`` times what the curve adds to it."""
    held: Block = np.empty((0, stream.channels))
    for block in blocks:
        held = np.concatenate([held, block])
        ready = added(block)
        if len(ready):
            yield held[: len(ready)] * straight + ready * share
            held = held[len(ready) :]
    if len(held):
        ready = added(np.empty((0, stream.channels)), last=True)
        yield held * straight + ready * share


def _curve(kind: str) -> tuple[Curve, float]:
    """Return a curve through 0 and its slope there."""
    if kind == "soft":
        return _cubic, 1.0
    if kind == "tube":
        rest = tanh(TUBE_BIAS)
        return lambda x: np.tanh(x + TUBE_BIAS) - rest, 1.0 - rest * rest
    return np.tanh, 1.0


def _cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return x - 4/27 x^3, level from 1.5 on, where it reaches 1."""
    x = np.clip(x, -1.5, 1.5)
    return x - (4 / 27) * x * x * x


def _makeup(curve: Curve, drive: float) -> float:
    """Return the gain that gives a sine at -12 dBFS the level it came with."""
    sine = amplitude(REFERENCE_DBFS) * np.sin(np.arange(256) * (np.pi / 128))
    return float(np.std(sine) / np.std(curve(sine * drive)))
