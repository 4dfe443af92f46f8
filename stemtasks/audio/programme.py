"""What a limiter has to know of a mix, so that gains are tried on that and not on the audio."""

from __future__ import annotations

from collections.abc import Iterator
from math import log10
from pathlib import Path

import numpy as np

from stemtasks.audio.blocks import BLOCK_FRAMES, Block, Blocks
from stemtasks.audio.source import Source
from stemtasks.audio.spill import Spill
from stemtasks.dsp.gain_stages import Manner
from stemtasks.dsp.limiter import GainCurve, gained
from stemtasks.dsp.loudness import channel_weights, gated_loudness, k_weighting, window_powers
from stemtasks.dsp.sections import Filter
from stemtasks.dsp.true_peak import TruePeaks

_MODEL_TOLERANCE_LU = 0.01
_MAX_TRIALS = 12
# where a threshold is below what was listened for, it is listened for peaks so much lower, and not again and again
_DEEPER = 10 ** (-24 / 20)


class Programme:
    """What a limiter has to know of the mix, kept on disk: two numbers a segment of about 1/6 ms."""

    def __init__(self, mix: Source, manner: Manner, floor: float, scratch: Path) -> None:
        """``floor`` is a true peak below which none is computed, until a gain lifts it to the threshold."""
        self._mix, self._manner, self._scratch = mix, manner, scratch
        self.true_peak = 0.0
        self._listen(floor)

    def __enter__(self) -> Programme:
        return self

    def __exit__(self, *_: object) -> None:
        self._spill.__exit__()

    def _listen(self, floor: float) -> None:
        """Read the mix, and keep what a limiter has to know of peaks above ``floor``."""
        self._floor = floor
        self._detector = TruePeaks(self._mix.sample_rate, self._mix.channels)
        self._segment = self._detector.segment
        self._energies = _SegmentEnergies(self._mix, self._segment)
        self._spill = Spill((block for block in self._segments() if len(block)), 2, self._scratch)

    def _segments(self) -> Iterator[Block]:
        """Yield blocks of (true peak, K-weighted energy) a segment."""
        held = np.zeros(0)
        for block in self._mix.blocks():
            peaks = self._detector(block, min(self._floor, self.true_peak))  # so that the highest is found
            held = np.concatenate((held, self._energies(block)))
            yield self._joined(peaks, held)
            held = held[len(peaks) :]
        yield self._joined(self._detector.finish(min(self._floor, self.true_peak)), held)

    def _joined(self, peaks: Block, energies: Block) -> Block:
        self.true_peak = float(peaks.max(initial=self.true_peak))
        joined = np.zeros((len(peaks), 2))
        joined[:, 0] = peaks
        joined[: len(energies), 1] = energies[: len(peaks)]
        return joined

    def _curve(self, gain_db: float, limit_dbtp: float) -> Iterator[Block]:
        """Yield the limiter's gains for the mix times ``gain_db``."""
        threshold = 10 ** ((limit_dbtp - gain_db) / 20)
        if threshold < self._floor:
            self._spill.__exit__()
            self._listen(threshold * _DEEPER)
        curve = GainCurve(self._mix.sample_rate, threshold, self._manner)
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
