"""Audio turned down by what its key says: the loop of the compressor, the expander and the gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemtasks.audio.blocks import Blocks, Stream, reblocked
from stemtasks.audio.keyed import CHUNK_FRAMES, Key, noting, opened
from stemtasks.dsp.gain_computer import Detector, Level, amplitudes, times
from stemtasks.dsp.level import amplitude
from stemtasks.dsp.reduction import ReductionMeter
from stemtasks.dsp.resting import RestingFilter
from stemtasks.dsp.sections import butterworth
from stemtasks.dsp.sliding import Delay
from stemtasks.errors import SpecError

Samples = NDArray[np.float64]

_FILTER_ORDER = 2


@dataclass(frozen=True)
class Listening:
    """What is listened to: another stem's file or None, what band of it, peaks or power, how many frames ahead."""

    sidechain: str | None
    highpass_hz: float | None
    lowpass_hz: float | None
    detector: Detector
    rms_ms: float
    ahead: int

    def level(self, sample_rate: int, channels: int) -> Callable[[Samples], Samples]:
        """Return what makes levels in dBFS of blocks of the key."""
        level = Level(self.detector, self.rms_ms * sample_rate / 1000, channels)
        sections = []
        if self.highpass_hz is not None:
            sections.append(butterworth("highpass", _FILTER_ORDER, self.highpass_hz, sample_rate))
        if self.lowpass_hz is not None:
            sections.append(butterworth("lowpass", _FILTER_ORDER, self.lowpass_hz, sample_rate))
        if not sections:
            return level
        band = RestingFilter(np.concatenate(sections), channels)
        return lambda block: level(band(block))


def turned_down(
    blocks: Blocks,
    stream: Stream,
    listening: Listening,
    reduction_db: Callable[[Samples], Samples],
    noted: dict[str, Any],
    *,
    mix: float,
    makeup_db: float = 0.0,
) -> Blocks:
    """Yield the audio, each frame turned down by what ``reduction_db`` makes of the key's levels in dBFS.

    (1 - mix) of the input and mix of what was turned down and then lifted by ``makeup_db``. What was taken away is
    ``noted``.
    """
    wet, ahead = mix * amplitude(makeup_db), listening.ahead
    late, early = Delay((ahead, stream.channels), 0.0), ahead
    after = [np.zeros((ahead, stream.channels))] if ahead else []
    meter = ReductionMeter(stream.sample_rate)
    with noting(noted, meter.figures), opened(listening.sidechain) as source:
        key = Key(source)
        level = listening.level(stream.sample_rate, stream.channels if source is None else source.channels)
        for block in reblocked(chain(blocks, after), CHUNK_FRAMES):
            reduction, audio = reduction_db(level(key(block))), late(block) if ahead else block
            if early:  # silence from before the audio: there the key's first frames are heard
                reduction, audio, early = reduction[early:], audio[early:], max(0, early - len(block))
            if not len(audio):
                continue
            meter(reduction, audio)
            gains = amplitudes(np.negative(reduction))
            gains *= wet
            gains += 1.0 - mix
            yield times(audio, gains)


def check_band(name: str, highpass_hz: float | None, lowpass_hz: float | None) -> None:
    """Refuse a key of which two filters leave nothing."""
    if highpass_hz is not None and lowpass_hz is not None and highpass_hz >= lowpass_hz:
        raise SpecError(
            f"{name}: sidechain_highpass_hz {highpass_hz:g} is not below sidechain_lowpass_hz {lowpass_hz:g}, so that "
            "nothing is left to listen to: lower the one or raise the other"
        )
