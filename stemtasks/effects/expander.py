"""Expander: what is quiet is turned down further, by its own level or another stem's."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from stemtasks.audio.blocks import Blocks, Stream
from stemtasks.audio.turning_down import Listening, check_band, turned_down
from stemtasks.dsp.ballistics import Ballistics
from stemtasks.dsp.gain_computer import expanded, shut_by
from stemtasks.dsp.sliding import Held
from stemtasks.units import (
    AttackMs,
    CutoffHz,
    Fraction,
    HoldMs,
    KneeDb,
    LevelDbfs,
    LookaheadMs,
    RangeDb,
    Ratio,
    ReleaseMs,
    RmsMs,
    Sidechain,
)


def expander(
    blocks: Blocks,
    stream: Stream,
    *,
    noted: dict[str, Any],
    threshold_db: LevelDbfs = -40.0,
    ratio: Ratio = 2.0,
    knee_db: KneeDb = 6.0,
    range_db: RangeDb = 40.0,
    attack_ms: AttackMs = 2.0,
    hold_ms: HoldMs = 20.0,
    release_ms: ReleaseMs = 120.0,
    lookahead_ms: LookaheadMs = 0.0,
    detector: Literal["peak", "rms"] = "peak",
    rms_ms: RmsMs = 10.0,
    mix: Fraction = 1.0,
    sidechain: Sidechain | None = None,
    sidechain_highpass_hz: CutoffHz | None = None,
    sidechain_lowpass_hz: CutoffHz | None = None,
) -> Blocks:
    """Turn down what is below a threshold, all channels alike by the loudest of them; latency 0, no tail.

    It begins shut. The gain in dB is smoothed as a compressor's (Giannoulis, Massberg and Reiss, J. Audio Eng. Soc. 60,
    2012, eq. 17), the attack being the way up.

    Parameters
    ----------
    threshold_db
        The level below which the gain falls, in dBFS: of samples, or of the power that ``rms`` reads.
    ratio
        1 dB below the threshold becomes so many.
    knee_db
        How wide the bend around the threshold is; 0 is a corner.
    range_db
        The most that is taken away.
    attack_ms
        After a step up, the time to 63 % (1 - 1/e) of the way in dB.
    hold_ms
        So long after a level the gain does not fall from what it asked for.
    release_ms
        After a step down and the hold, the time to 63 % of the way in dB; as long as the attack at least.
    lookahead_ms
        So much earlier the gain rises; the output is not late.
    detector
        peak: each sample's level. rms: the power over ``rms_ms``, which reads a sine 3.01 dB below its peak.
    rms_ms
        The time constant of that mean (63 % after a step), which comes before attack and release.
    mix
        Share of the expanded signal; 0 is the input alone.
    sidechain
        A stem or group whose level decides, in place of its own.
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
    held, smooth = Held(ahead + round(hold_ms * per_ms)), Ballistics(attack_ms * per_ms, release_ms * per_ms)

    def reduction_db(level_db: NDArray[np.float64]) -> NDArray[np.float64]:
        return shut_by(range_db, smooth(held(expanded(level_db, threshold_db, ratio, knee_db, range_db))))

    yield from turned_down(blocks, stream, listening, reduction_db, noted, mix=mix)


def check(*, sidechain_highpass_hz: float | None, sidechain_lowpass_hz: float | None) -> None:
    """Refuse a side-chain that nothing is left of."""
    check_band("expander", sidechain_highpass_hz, sidechain_lowpass_hz)
