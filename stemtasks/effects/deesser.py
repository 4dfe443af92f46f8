"""De-esser: the highs are turned down where they are too loud, as in an s, and only there."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np

from stemtasks.audio.blocks import Block, Blocks, Stream
from stemtasks.audio.keyed import noting, turned
from stemtasks.dsp.ballistics import Ballistics
from stemtasks.dsp.crossover import Crossover
from stemtasks.dsp.gain_computer import Level, amplitudes, compressed, times
from stemtasks.dsp.reduction import ReductionMeter
from stemtasks.errors import SpecError
from stemtasks.units import AttackMs, CutoffHz, Range, RangeDb, Ratio, ReleaseMs

_KNEE_DB = 6.0
_RMS_MS = 5.0
# what is quieter than this as a whole is not told from hiss, of which the highs are the most
_QUIET_DBFS = -60.0


def deesser(
    blocks: Blocks,
    stream: Stream,
    *,
    noted: dict[str, Any],
    frequency_hz: CutoffHz = 5500.0,
    mode: Literal["relative", "absolute"] = "relative",
    threshold_db: Annotated[float, Range(-144.0, 0.0, "dB")] = -12.0,
    ratio: Ratio = 4.0,
    range_db: RangeDb = 12.0,
    attack_ms: AttackMs = 1.0,
    release_ms: ReleaseMs = 50.0,
) -> Blocks:
    """Split at a frequency and compress the upper band alone; what is below keeps its level.

    The crossover is Linkwitz and Riley's of fourth order (24 dB per octave): where nothing is turned down, the sum is
    the input but for the phase of an all-pass. All channels are turned down alike. The levels are of power over 5 ms,
    the knee is 6 dB wide. Latency 0; what the filters ring on above -90 dBFS is the tail.

    Parameters
    ----------
    frequency_hz
        Where the upper band begins: 4000 to 8000 for voices.
    mode
        relative: the threshold is of the upper band against the whole, so that loud and soft words are treated alike
        (a whole below -60 dBFS counts as that). absolute: it is of the upper band in dBFS.
    threshold_db
        The level of the upper band above which it is turned down.
    ratio
        So many dB above the threshold become 1.
    range_db
        The most that is taken away.
    attack_ms
        After a step up, the time to 63 % (1 - 1/e) of the reduction in dB.
    release_ms
        After a step down, the time until 63 % of the reduction is gone; as long as the attack at least.

    Raises
    ------
    SpecError
        Where there is nothing above the frequency in audio of this sample rate.
    """
    check(stream=stream, frequency_hz=frequency_hz)
    per_ms = stream.sample_rate / 1000
    split = Crossover([frequency_hz], stream.sample_rate, stream.channels)
    upper_level, whole_level = (Level("rms", _RMS_MS * per_ms, stream.channels) for _ in range(2))
    smooth = Ballistics(attack_ms * per_ms, release_ms * per_ms)
    meter = ReductionMeter(stream.sample_rate)

    def turn(block: Block, key: Block) -> Block:
        lower, upper = split(block)
        level_db = upper_level(upper)
        if mode == "relative":
            level_db -= np.maximum(whole_level(key), _QUIET_DBFS)
        wanted = compressed(level_db, threshold_db, ratio, _KNEE_DB)
        reduction = smooth(np.minimum(wanted, range_db, out=wanted))
        meter(reduction, block)
        out = times(upper, amplitudes(np.negative(reduction)))
        out += lower
        return out

    with noting(noted, meter.figures):
        yield from turned(blocks, stream, None, turn)


def check(*, stream: Stream, frequency_hz: float) -> None:
    """Refuse a band that this sample rate does not have."""
    if frequency_hz >= stream.sample_rate / 2:
        raise SpecError(
            f"deesser: frequency_hz {frequency_hz:g} is not below half the sample rate "
            f"({stream.sample_rate / 2:g} Hz): lower it"
        )
