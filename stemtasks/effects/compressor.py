"""Compressor: what is loud is turned down, by its own level or another stem's."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from stemtasks.audio.blocks import Blocks, Stream
from stemtasks.audio.turning_down import Listening, check_band, turned_down
from stemtasks.dsp.ballistics import Ballistics
from stemtasks.dsp.gain_computer import compressed
from stemtasks.dsp.sliding import Held
from stemtasks.units import (
    AttackMs,
    CutoffHz,
    Fraction,
    GainDb,
    KneeDb,
    LevelDbfs,
    LookaheadMs,
    Ratio,
    ReleaseMs,
    RmsMs,
    Sidechain,
)


def compressor(
    blocks: Blocks,
    stream: Stream,
    *,
    noted: dict[str, Any],
    threshold_db: LevelDbfs = -24.0,
    ratio: Ratio = 4.0,
    knee_db: KneeDb = 6.0,
    attack_ms: AttackMs = 10.0,
    release_ms: ReleaseMs = 120.0,
    lookahead_ms: LookaheadMs = 0.0,
    detector: Literal["peak", "rms"] = "peak",
    rms_ms: RmsMs = 10.0,
    makeup_db: GainDb = 0.0,
    mix: Fraction = 1.0,
    sidechain: Sidechain | None = None,
    sidechain_highpass_hz: CutoffHz | None = None,
    sidechain_lowpass_hz: CutoffHz | None = None,
) -> Blocks:
    """Turn down what is above a threshold, all channels alike by the loudest of them; latency 0, no tail.

    The reduction in dB is smoothed (Giannoulis, Massberg and Reiss, J. Audio Eng. Soc. 60, 2012, eq. 4 and 17). Nothing
    is lifted that ``makeup_db`` does not lift.

    Parameters
    ----------
    threshold_db
        The level above which the gain falls, in dBFS: of samples, or of the power that ``rms`` reads.
    ratio
        So many dB above the threshold become 1; 100 is next to a limiter.
    knee_db
        How wide the bend around the threshold is; 0 is a corner.
    attack_ms
        After a step up, the time to 63 % (1 - 1/e) of the reduction in dB.
    release_ms
        After a step down, the time until 63 % of the reduction is gone; as long as the attack at least.
    lookahead_ms
        So much earlier the reduction begins; the output is not late.
    detector
        peak: each sample's level. rms: the power over ``rms_ms``, which reads a sine 3.01 dB below its peak.
    rms_ms
        The time constant of that mean (63 % after a step), which comes before attack and release.
    makeup_db
        The gain of what was compressed.
    mix
        Share of the compressed signal; 0 is the input alone.
    sidechain
        A stem or group whose level decides, in place of its own: a kick that ducks the bass.
    sidechain_highpass_hz
        What is below is not listened to (12 dB per octave); what comes out is not filtered.
    sidechain_lowpass_hz
        What is above is not listened to.

    Raises
    ------
    SpecError
        Where the side-chain's two filters leave nothing between them.
    """
    check(sidechain_highpass_hz=sidechain_highpass_hz, sidechain_lowpass_hz=sidechain_lowpass_hz)
    per_ms = stream.sample_rate / 1000
    ahead = round(lookahead_ms * per_ms)
    listening = Listening(sidechain, sidechain_highpass_hz, sidechain_lowpass_hz, detector, rms_ms, ahead)
    held, smooth = Held(ahead), Ballistics(attack_ms * per_ms, release_ms * per_ms)

    def reduction_db(level_db: NDArray[np.float64]) -> NDArray[np.float64]:
        return smooth(held(compressed(level_db, threshold_db, ratio, knee_db)))

    yield from turned_down(blocks, stream, listening, reduction_db, noted, mix=mix, makeup_db=makeup_db)


def check(*, sidechain_highpass_hz: float | None, sidechain_lowpass_hz: float | None) -> None:
    """Refuse a side-chain that nothing is left of."""
    check_band("compressor", sidechain_highpass_hz, sidechain_lowpass_hz)
