"""Limiter: no peak is above a ceiling."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from stemtasks.audio.blocks import BLOCK_FRAMES, Block, Blocks, Stream
from stemtasks.audio.keyed import noting
from stemtasks.dsp.gain_stages import CLEAN, HARD
from stemtasks.dsp.level import amplitude
from stemtasks.dsp.limiter import MARGIN_DB, GainCurve, gained
from stemtasks.dsp.reduction import ReductionMeter
from stemtasks.dsp.sample_peaks import SamplePeaks
from stemtasks.dsp.true_peak import TruePeaks, segment_frames
from stemtasks.units import Range

Samples = NDArray[np.float64]


def limiter(
    blocks: Blocks,
    stream: Stream,
    *,
    noted: dict[str, Any],
    ceiling_db: Annotated[float, Range(-60.0, 0.0, "dBFS")] = -1.0,
    gain_db: Annotated[float, Range(-24.0, 24.0, "dB")] = 0.0,
    peaks: Literal["true", "sample"] = "true",
    manner: Literal["clean", "hard"] = "clean",
) -> Blocks:
    """Hold peaks at a ceiling, all channels alike, as the master is limited; the look-ahead is compensated, no tail.

    The gain is down 1.5 ms before a peak. It is in two stages: a slow one for what stays too loud for 200 ms, a fast
    one for what is left. What is below the ceiling is not changed.

    Parameters
    ----------
    ceiling_db
        The highest peak that comes out.
    gain_db
        The gain before it.
    peaks
        true: also between samples, as an oversampling meter reads them (ITU-R BS.1770-5); held 0.2 dB below the
        ceiling, for meters that read more. sample: only the samples, which are held at the ceiling itself.
    manner
        clean: a note of bass is not distorted. hard: peaks are let go sooner, so that it is louder, with more
        distortion.
    """
    gain = amplitude(gain_db)
    threshold = amplitude(ceiling_db - gain_db - (MARGIN_DB if peaks == "true" else 0.0))
    segment = segment_frames(stream.sample_rate)
    meter = ReductionMeter(stream.sample_rate / segment)
    waiting = _Waiting(segment, meter, stream.channels)

    def gains() -> Iterator[Samples]:
        found = (TruePeaks if peaks == "true" else SamplePeaks)(stream.sample_rate, stream.channels)
        curve = GainCurve(stream.sample_rate, threshold, CLEAN if manner == "clean" else HARD)
        for block in blocks:
            for start in range(0, len(block), BLOCK_FRAMES):
                waiting.add(block[start : start + BLOCK_FRAMES])
                yield waiting.turned_down_by(curve(found(block[start : start + BLOCK_FRAMES], threshold)))
        yield waiting.turned_down_by(curve(found.finish(threshold)))
        yield waiting.turned_down_by(curve.finish())

    with noting(noted, meter.figures):
        yield from gained(waiting.take, gains(), segment, gain)


class _Waiting:
    """The audio whose gains are not known yet, and a meter of the gains that are."""

    def __init__(self, segment: int, meter: ReductionMeter, channels: int) -> None:
        self._segment = segment
        self._meter = meter
        self._held = [np.zeros((0, channels))]
        self._gains = np.zeros(0)

    def add(self, block: Block) -> None:
        """Keep a block until it is taken."""
        self._held.append(block)

    def turned_down_by(self, gains: Samples) -> Samples:
        """Return the gains at the boundaries of the segments that are taken next."""
        self._gains = np.concatenate((self._gains[-1:], gains))
        return gains

    def take(self, frames: int) -> Block:
        """Return the next frames, fewer at the end."""
        joined = np.concatenate(self._held)
        block, self._held = joined[:frames], [joined[frames:]]
        reduction_db = -20.0 * np.log10(np.minimum(self._gains[:-1], self._gains[1:]))
        self._meter(reduction_db, np.pad(block, ((0, len(reduction_db) * self._segment - len(block)), (0, 0))))
        return block
