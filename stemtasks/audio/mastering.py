"""The sound of the stage ``master``: the mix at the loudness asked for, its true peak under the ceiling.

The mix is read once for what a limiter needs to know of it (true peak and K-weighted energy of each 1/6 ms).
Gains are tried on that, not on the audio; the chosen one is rendered, and the file measured back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import log10
from pathlib import Path
from typing import Any

import numpy as np

from stemtasks.audio.blocks import BLOCK_FRAMES, Block, Blocks
from stemtasks.audio.facts import Facts, decibels, read_facts, write_facts
from stemtasks.audio.levels import measure_levels
from stemtasks.audio.loudness import LOUDNESS, measure_levels_and_loudness
from stemtasks.audio.source import Source
from stemtasks.audio.spill import Spill
from stemtasks.audio.true_peak import SteepPeakMeter, TruePeakMeter
from stemtasks.audio.wav import write_wav
from stemtasks.dsp.limiter import CLEAN, HARD, MARGIN_DB, GainCurve, gained
from stemtasks.dsp.loudness import channel_weights, gated_loudness, k_weighting, window_powers
from stemtasks.dsp.sections import Filter
from stemtasks.dsp.true_peak import TruePeaks
from stemtasks.links import link
from stemtasks.progress import whole

CLEAN_REDUCTION_DB, MAX_REDUCTION_DB = 12.0, 24.0
TOLERANCE_LU = 0.05
_MODEL_TOLERANCE_LU = 0.01
_MAX_TRIALS, _MAX_RENDERS = 12, 4
# dither may lift a peak by as much, in 16 bits at the lowest ceiling that makes sense
_CLEAR_DB = 0.01


def master(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Write the master, its facts and its ``loudness`` over time.

    Where the target cannot be reached it is the closest, for ``verify`` to refuse.

    ``params["loudness_lufs"]`` None leaves the loudness as it is and only holds the ceiling; where nothing is left
    to do, the master is the mix by another name.
    """
    mix_facts = read_facts(inputs["facts"])
    target, ceiling = params["loudness_lufs"], params["ceiling_dbtp"]
    if mix_facts["lufs"] is None:
        target = None
    gain_db = 0.0 if target is None else target - mix_facts["lufs"]
    with Source(inputs["audio"]) as mix:

        def write(blocks: Blocks) -> Facts:
            form = params["subtype"], params["seed"], params["dither"]
            write_wav(outputs["audio"], blocks, mix.sample_rate, mix.channels, *form)
            whole(outputs["audio"])
            meter = TruePeakMeter(mix.sample_rate, mix.channels)
            facts = measure_levels_and_loudness(outputs["audio"], meter, outputs["loudness"])
            return facts | {"true_peak_dbtp": decibels(meter.finish())}

        def second_opinion() -> float:
            meter = SteepPeakMeter(mix.sample_rate, mix.channels)
            with Source(outputs["audio"]) as made:
                for block in made.blocks():
                    meter(block)
            return decibels(meter.finish())

        facts = None
        if mix_facts["peak_dbfs"] + gain_db <= ceiling - _CLEAR_DB:
            # what its samples leave room for is tried: only the file tells what is between them
            gain = 10 ** (gain_db / 20)
            if gain == 1.0 and params["subtype"] == mix.subtype:
                facts = _of_itself(mix, mix_facts)
                if facts["true_peak_dbtp"] <= ceiling:
                    for role in ("audio", "loudness"):
                        link(inputs[role], outputs[role])
            else:
                facts = write(block * gain for block in mix.blocks())
            how = {"gain_db": round(gain_db, 3), "max_reduction_db": 0.0, "passes": 1, "at_limit": False}
        if facts is None or facts["true_peak_dbtp"] > ceiling:
            floor, scratch = _floor(mix_facts["peak_dbfs"], target, ceiling), Path(outputs["audio"]).parent
            with _Programme(mix, floor, scratch) as programme:
                facts, how = _limited(programme, write, second_opinion, target, gain_db, ceiling)
    how |= {"loudness_target": params["loudness_lufs"], "ceiling_dbtp": ceiling}
    write_facts(outputs["facts"], facts | {"master": how})


def _of_itself(mix: Source, mix_facts: Facts) -> Facts:
    """Return the facts of a master that is the mix: its loudness is known, its true peak is not."""
    meter = TruePeakMeter(mix.sample_rate, mix.channels)
    facts = {name: mix_facts[name] for name in LOUDNESS} | measure_levels(mix.path, meter)
    return facts | {"true_peak_dbtp": decibels(meter.finish())}


def _floor(peak_dbfs: float, target: float | None, ceiling: float) -> float:
    """Return a true peak that no gain of this master lifts to the limiter's threshold: what is below is not computed.

    With a target no peak matters that is further below the highest than the limiter may reduce. Without one the
    gain is 0 dB; a few renders may lower the threshold, each by what the one before was over.
    """
    floor_db = peak_dbfs - MAX_REDUCTION_DB - 0.1
    return 10 ** ((floor_db if target is not None else max(floor_db, ceiling - MARGIN_DB - 2.0)) / 20)


def _limited(
    programme: _Programme,
    write: Callable[[Blocks], Facts],
    second_opinion: Callable[[], float],
    target: float | None,
    gain_db: float,
    ceiling: float,
) -> tuple[Facts, dict[str, Any]]:
    """Render through the limiter until loudness and ceiling hold on the file itself; return its facts and how."""
    limit_dbtp, correction, wanted_db, passes = ceiling - MARGIN_DB, 0.0, gain_db, 0
    while True:
        reduction_db = CLEAN_REDUCTION_DB if programme.manner is CLEAN else MAX_REDUCTION_DB
        highest_db = limit_dbtp + reduction_db - 20 * log10(programme.true_peak)
        if target is not None:
            wanted_db = programme.gain_db_for(target + correction, wanted_db, highest_db, limit_dbtp)
            if wanted_db >= highest_db and programme.manner is CLEAN:
                programme.manner = HARD
                continue
        facts = write(programme.rendered(wanted_db, limit_dbtp))
        passes += 1
        at_limit = target is not None and wanted_db >= highest_db
        error = 0.0 if target is None or at_limit or facts["lufs"] is None else target - facts["lufs"]
        over_db = max(facts["true_peak_dbtp"], second_opinion()) - ceiling
        if passes == _MAX_RENDERS or (abs(error) <= TOLERANCE_LU and over_db <= 0):
            break
        correction += error
        if over_db > 0:
            limit_dbtp -= over_db + 0.02
    reduction_db = 20 * log10(programme.true_peak) + wanted_db - limit_dbtp
    return facts, {
        "gain_db": round(wanted_db, 3),
        "max_reduction_db": round(max(0.0, reduction_db), 3),
        "passes": passes,
        "at_limit": at_limit,
        "limiter": "clean" if programme.manner is CLEAN else "hard",
        "limiter_distortion_db": programme.distortion_db(wanted_db, limit_dbtp),
    }


class _Programme:
    """What a limiter has to know of the mix, kept on disk: two numbers a segment of about 1/6 ms."""

    def __init__(self, mix: Source, floor: float, scratch: Path) -> None:
        self._mix = mix
        self._floor = floor
        self.true_peak = 0.0
        self.manner = CLEAN
        self._detector = TruePeaks(mix.sample_rate, mix.channels)
        self._segment = self._detector.segment
        self._energies = _SegmentEnergies(mix, self._segment)
        self._spill = Spill((block for block in self._segments() if len(block)), 2, scratch)

    def __enter__(self) -> _Programme:
        return self

    def __exit__(self, *_: object) -> None:
        self._spill.__exit__()

    def _segments(self) -> Iterator[Block]:
        """Yield blocks of (true peak, K-weighted energy) a segment."""
        held = np.zeros(0)
        for block in self._mix.blocks():
            peaks = self._detector(block, self._floor)
            held = np.concatenate((held, self._energies(block)))
            yield self._joined(peaks, held)
            held = held[len(peaks) :]
        yield self._joined(self._detector.finish(self._floor), held)

    def _joined(self, peaks: Block, energies: Block) -> Block:
        self.true_peak = float(peaks.max(initial=self.true_peak))
        joined = np.zeros((len(peaks), 2))
        joined[:, 0] = peaks
        joined[: len(energies), 1] = energies[: len(peaks)]
        return joined

    def _curve(self, gain_db: float, limit_dbtp: float) -> Iterator[Block]:
        """Yield the limiter's gains for the mix times ``gain_db``."""
        curve = GainCurve(self._mix.sample_rate, 10 ** ((limit_dbtp - gain_db) / 20), self.manner)
        count = BLOCK_FRAMES // self._segment  # so that the audio it is for comes in blocks too
        for start in range(0, self._spill.frames, count):
            yield curve(self._spill.read(start, count)[:, 0])
        yield curve.finish()

    def rendered(self, gain_db: float, limit_dbtp: float) -> Blocks:
        """Yield the mix times ``gain_db``, limited."""
        position = 0

        def take(frames: int) -> Block:
            nonlocal position
            block = self._mix.read(position, frames)
            position += len(block)
            return block

        return gained(take, self._curve(gain_db, limit_dbtp), self._segment, 10 ** (gain_db / 20))

    def gain_db_for(self, target: float, first_db: float, highest_db: float, limit_dbtp: float) -> float:
        """Return the gain in dB (at most ``highest_db``) at which the limited mix has the target loudness."""
        gain_db, slope = min(first_db, highest_db), 0.85  # a usual loss, before the first two trials tell
        tried: tuple[float, float] | None = None
        for _ in range(_MAX_TRIALS):
            lufs = self._loudness(gain_db, limit_dbtp)
            if lufs is None:
                break
            error = target - lufs
            if abs(error) <= _MODEL_TOLERANCE_LU or (error > 0 and gain_db >= highest_db):
                break
            if tried is not None and tried[0] != gain_db:
                # more gain gives less loudness the more of it the limiter takes back
                slope = min(1.0, max(0.1, (lufs - tried[1]) / (gain_db - tried[0])))
            tried, gain_db = (gain_db, lufs), min(gain_db + error / slope, highest_db)
        return gain_db

    def _loudness(self, gain_db: float, limit_dbtp: float) -> float | None:
        """Return what the limited mix would measure: the energy of each segment times its gain squared.

        This leaves out that the K-weighting follows the limiter, some 0.01 LU.
        """
        per_step = round(self._mix.sample_rate / 10 / self._segment)
        steps = [
            (energies * gains * gains).sum(axis=1)
            for energies, gains in self._in_steps(self._curve(gain_db, limit_dbtp), per_step)
        ]
        powers = np.concatenate(steps) * 10 ** (gain_db / 10)
        return gated_loudness(window_powers(powers, 4, per_step * self._segment))

    def distortion_db(self, gain_db: float, limit_dbtp: float) -> float | None:
        """Return what the limiter adds that no steady gain explains, in dB of the master; None for silence.

        In each 50 ms the master is compared with the mix times the one gain that comes closest to it (least
        squares), both K-weighted: a change of level is no distortion, a change faster than 20 Hz is.
        """
        rest = total = 0.0
        per_step = round(self._mix.sample_rate / 20 / self._segment)
        for energies, gains in self._in_steps(self._curve(gain_db, limit_dbtp), per_step):
            weight, power = energies.sum(axis=1), (energies * gains * gains).sum(axis=1)
            steady = (energies * gains).sum(axis=1) / np.maximum(weight, 1e-300)
            rest += float((energies * (gains - steady[:, None]) ** 2).sum())
            total += float(power.sum())
        return max(-120.0, round(10 * log10(max(rest, 1e-300) / total), 1)) if total > 0.0 else None

    def _in_steps(self, curve: Iterator[Block], per_step: int) -> Iterator[tuple[Block, Block]]:
        """Yield energies and the limiter's gains of whole steps of segments: shape (steps, per_step) each."""
        held, position, last = np.zeros((2, 0)), 0, np.zeros(0)
        for group in curve:
            gains = np.concatenate((last, group))
            last = gains[-1:]
            energies = self._spill.read(position, len(gains) - 1)[:, 1]
            position += len(energies)
            middle = ((gains[:-1] + gains[1:]) / 2)[: len(energies)]
            held = np.concatenate((held, np.stack((energies, middle))), axis=1)
            whole = held.shape[1] // per_step
            energies, middle = held[:, : whole * per_step].reshape(2, whole, per_step)
            yield energies, middle
            held = held[:, whole * per_step :]


class _SegmentEnergies:
    """K-weighted energy of each segment, from blocks of any length."""

    def __init__(self, mix: Source, segment: int) -> None:
        self._filter = Filter(k_weighting(mix.sample_rate), mix.channels)
        self._weights = channel_weights(mix.channels)
        self._segment = segment
        self._held = np.zeros((mix.channels, 0))

    def __call__(self, block: Block) -> Block:
        filtered = np.concatenate((self._held, self._filter(block).T), axis=1)
        whole = filtered.shape[1] // self._segment
        self._held = filtered[:, whole * self._segment :]
        parts = filtered[:, : whole * self._segment].reshape(len(filtered), whole, self._segment)
        energies: Block = self._weights @ np.einsum("cnf,cnf->cn", parts, parts)
        return energies
