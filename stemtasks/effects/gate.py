"""Gate: silence where there is nothing but noise, by the stem's own level or another's."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from stemtasks.audio.blocks import Blocks, Stream
from stemtasks.audio.turning_down import Listening, check_band, turned_down
from stemtasks.dsp.ballistics import Ballistics
from stemtasks.dsp.gain_computer import shut_by
from stemtasks.dsp.gating import Gating
from stemtasks.dsp.sliding import Held
from stemtasks.units import (
    AttackMs,
    CutoffHz,
    Fraction,
    HoldMs,
    LevelDbfs,
    LookaheadMs,
    Range,
    RangeDb,
    ReleaseMs,
    RmsMs,
    Sidechain,
)


def gate(
    blocks: Blocks,
    stream: Stream,
    *,
    noted: dict[str, Any],
    threshold_db: LevelDbfs = -40.0,
    hysteresis_db: Annotated[float, Range(0.0, 48.0, "dB")] = 6.0,
    range_db: RangeDb = 80.0,
    attack_ms: AttackMs = 0.5,
    hold_ms: HoldMs = 30.0,
    release_ms: ReleaseMs = 120.0,
    lookahead_ms: LookaheadMs = 0.0,
    detector: Literal["peak", "rms"] = "peak",
    rms_ms: RmsMs = 10.0,
    mix: Fraction = 1.0,
    sidechain: Sidechain | None = None,
    sidechain_highpass_hz: CutoffHz | None = None,
    sidechain_lowpass_hz: CutoffHz | None = None,
) -> Blocks:
    """Shut out what stays below a threshold, all channels alike by the loudest of them; latency 0, no tail.

    It begins shut. The gain in dB is smoothed as a compressor's (Giannoulis, Massberg and Reiss, J. Audio Eng. Soc. 60,
    2012, eq. 17), the attack being the way up.

    Parameters
    ----------
    threshold_db
        The level at which it opens, in dBFS: of samples, or of the power that ``rms`` reads.
    hysteresis_db
        So far below that the level must be for it to shut, so that one near the threshold does not make it flutter.
    range_db
        What is taken away where it is shut.
    attack_ms
        The time from its opening to 63 % (1 - 1/e) of the way in dB.
    hold_ms
        So long the level must be low for it to shut: longer than half a period of the lowest note, and than the gaps
        that are not to be heard.
    release_ms
        The time from its shutting to 63 % of the way in dB; as long as the attack at least.
    lookahead_ms
        So much earlier it opens; the output is not late.
    detector
        peak: each sample's level. rms: the power over ``rms_ms``, which reads a sine 3.01 dB below its peak.
    rms_ms
        The time constant of that mean (63 % after a step), which comes before attack and release.
    mix
        Share of the gated signal; 0 is the input alone.
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
    gating = Gating(threshold_db, threshold_db - hysteresis_db, round(hold_ms * per_ms))
    held, smooth = Held(ahead), Ballistics(attack_ms * per_ms, release_ms * per_ms)

    def reduction_db(level_db: NDArray[np.float64]) -> NDArray[np.float64]:
        return shut_by(range_db, smooth(held(np.where(gating(level_db), range_db, 0.0))))

    yield from turned_down(blocks, stream, listening, reduction_db, noted, mix=mix)


def check(*, sidechain_highpass_hz: float | None, sidechain_lowpass_hz: float | None) -> None:
    """Refuse a side-chain that nothing is left of."""
    check_band("gate", sidechain_highpass_hz, sidechain_lowpass_hz)
