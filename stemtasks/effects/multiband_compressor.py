"""Multiband compressor: two to four bands, each compressed by its own level or by that of another stem's band."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from stemtasks.audio.blocks import Block, Blocks, Stream
from stemtasks.audio.keyed import noting, opened, turned
from stemtasks.dsp.ballistics import Ballistics
from stemtasks.dsp.crossover import Crossover
from stemtasks.dsp.gain_computer import Level, amplitudes, compressed, times
from stemtasks.dsp.reduction import ReductionMeter
from stemtasks.errors import Mistakes
from stemtasks.units import AttackMs, CutoffHz, GainDb, KneeDb, LevelDbfs, Longest, Ratio, ReleaseMs, RmsMs, Sidechain

Samples = NDArray[np.float64]


def multiband_compressor(
    blocks: Blocks,
    stream: Stream,
    *,
    noted: dict[str, Any],
    crossovers_hz: Annotated[list[CutoffHz], Longest(3, "crossovers")] = [200.0, 2000.0],  # noqa: B006 - a plain value
    thresholds_db: Annotated[list[LevelDbfs], Longest(4, "bands")] = [-24.0],  # noqa: B006
    ratios: Annotated[list[Ratio], Longest(4, "bands")] = [3.0],  # noqa: B006
    attacks_ms: Annotated[list[AttackMs], Longest(4, "bands")] = [10.0],  # noqa: B006
    releases_ms: Annotated[list[ReleaseMs], Longest(4, "bands")] = [120.0],  # noqa: B006
    makeups_db: Annotated[list[GainDb], Longest(4, "bands")] = [0.0],  # noqa: B006
    knee_db: KneeDb = 6.0,
    detector: Literal["peak", "rms"] = "peak",
    rms_ms: RmsMs = 10.0,
    sidechain: Sidechain | None = None,
) -> Blocks:
    """Compress bands apart; with nothing to compress their sum is the input but for the phase of an all-pass.

    Crossovers are Linkwitz and Riley's of fourth order (24 dB per octave). Latency 0; what they ring on above -90 dBFS
    is the tail. Each list has one value for all bands, or one for each, the lowest first. A band is compressed as
    ``compressor`` does it, all its channels alike.

    Parameters
    ----------
    crossovers_hz
        Where one band ends and the next begins, one to three, rising.
    thresholds_db
        The level of a band above which its gain falls, in dBFS.
    ratios
        So many dB above the threshold become 1.
    attacks_ms
        After a step up, the time to 63 % (1 - 1/e) of the reduction in dB.
    releases_ms
        After a step down, the time until 63 % of the reduction is gone; as long as the attack at least.
    makeups_db
        The gain of a band after it was compressed.
    knee_db
        How wide the bend around each threshold is; 0 is a corner.
    detector
        peak: each sample's level. rms: the power over ``rms_ms``, which reads a sine 3.01 dB below its peak.
    rms_ms
        The time constant of that mean (63 % after a step).
    sidechain
        A stem or group of which each band decides for the same band here.

    Raises
    ------
    SpecError
        For crossovers that do not rise, none, or a list that has neither one value nor one for each band.
    """
    lists = (thresholds_db, ratios, attacks_ms, releases_ms, makeups_db)
    check(
        crossovers_hz=crossovers_hz,
        thresholds_db=thresholds_db,
        ratios=ratios,
        attacks_ms=attacks_ms,
        releases_ms=releases_ms,
        makeups_db=makeups_db,
    )
    count = len(crossovers_hz) + 1
    split = Crossover(crossovers_hz, stream.sample_rate, stream.channels)
    meter = ReductionMeter(stream.sample_rate)
    with opened(sidechain) as source:
        channels = source.channels if source else stream.channels
        split_key = Crossover(crossovers_hz, stream.sample_rate, channels) if source else None
        bands = [
            _Band(values, knee_db, Level(detector, rms_ms * stream.sample_rate / 1000, channels), stream.sample_rate)
            for values in zip(*(each * count if len(each) == 1 else each for each in lists), strict=True)
        ]

        def turn(block: Block, key: Block) -> Block:
            parts = split(block)
            heard = split_key(key) if split_key else parts
            made = [band(part, each, block) for band, part, each in zip(bands, parts, heard, strict=True)]
            meter(np.maximum.reduce([reduction for _, reduction in made]), block)
            out = made[0][0]
            for part, _ in made[1:]:
                out += part
            return out

        with noting(noted, lambda: meter.figures() | {"bands": [band.figures() for band in bands]}):
            yield from turned(blocks, stream, source, turn)


class _Band:
    """One band's compressor, and what it took away."""

    def __init__(self, values: tuple[float, ...], knee_db: float, level: Level, sample_rate: int) -> None:
        threshold_db, ratio, attack_ms, release_ms, makeup_db = values
        self._curve = threshold_db, ratio, knee_db
        self._smooth = Ballistics(attack_ms * sample_rate / 1000, release_ms * sample_rate / 1000)
        self._makeup_db = makeup_db
        self._level = level
        self._meter = ReductionMeter(sample_rate)

    def __call__(self, part: Block, heard: Block, whole: Block) -> tuple[Block, Samples]:
        """Return the compressed band, and its reduction in dB, which is told by what is heard of the ``whole``."""
        reduction = self._smooth(compressed(self._level(heard), *self._curve))
        self._meter(reduction, whole)
        return times(part, amplitudes(self._makeup_db - reduction)), reduction

    def figures(self) -> dict[str, float]:
        figures = self._meter.figures()
        return {name: figures[name] for name in ("max_reduction_db", "mean_reduction_db")}


def check(
    *,
    crossovers_hz: list[float],
    thresholds_db: list[float],
    ratios: list[float],
    attacks_ms: list[float],
    releases_ms: list[float],
    makeups_db: list[float],
) -> None:
    """Refuse bands that there are not, and values of bands that there are not."""
    mistakes = Mistakes()
    if not crossovers_hz or any(upper <= lower for lower, upper in pairwise(crossovers_hz)):
        found = ", ".join(f"{each:g}" for each in crossovers_hz) or "none"
        mistakes.append(f"multiband_compressor: crossovers_hz: found {found}; give one to three that rise")
    lists = {
        "thresholds_db": thresholds_db,
        "ratios": ratios,
        "attacks_ms": attacks_ms,
        "releases_ms": releases_ms,
        "makeups_db": makeups_db,
    }
    count = len(crossovers_hz) + 1
    mistakes.extend(
        f"multiband_compressor: {name}: has {len(each)} values for {count} bands; give one for all, or {count}"
        for name, each in lists.items()
        if len(each) not in (1, count)
    )
    mistakes.settle()
