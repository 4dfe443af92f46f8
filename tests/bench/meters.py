"""How fast the meters and the limiter are."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from stemtasks.audio.blocks import BLOCK_FRAMES
from stemtasks.audio.true_peak import TruePeakMeter
from stemtasks.dsp.limiter import GainCurve, gained
from stemtasks.dsp.loudness import LoudnessMeter
from stemtasks.dsp.true_peak import TruePeaks

RATE = 48_000


def speeds() -> Iterator[tuple[str, float]]:
    """Yield seconds of stereo at 48 kHz a second of CPU: for noise with a crest of 12 dB, limited by 6 dB."""
    samples = np.random.default_rng(1).standard_normal((60 * RATE, 2)).clip(-4, 4) / 4
    blocks = np.split(samples, range(BLOCK_FRAMES, len(samples), BLOCK_FRAMES))
    threshold = 0.5

    def limited() -> None:
        detector, curve = TruePeaks(RATE, 2), GainCurve(RATE, threshold)
        gains = [curve(detector(block, threshold)) for block in blocks]
        gains += [curve(detector.finish(threshold)), curve.finish()]
        position = 0

        def take(frames: int) -> np.ndarray:
            nonlocal position
            position += frames
            return samples[position - frames : position]

        for _ in gained(take, gains, detector.segment, 1.0):
            pass

    def loudness() -> None:
        meter = LoudnessMeter(RATE, 2)
        for block in blocks:
            meter(block)
        meter.integrated()

    def true_peak() -> None:
        meter = TruePeakMeter(RATE, 2)
        for block in blocks:
            meter(block, float(np.abs(block).max()))
        meter.finish()

    for name, run in (("loudness", loudness), ("true peak", true_peak), ("limiter", limited)):
        taken = []
        for _ in range(3):
            begun = time.process_time()
            run()
            taken.append(time.process_time() - begun)
        yield name, 60 / min(taken)


def table() -> None:
    """Print a row each."""
    print(f"{'':12}{'x real time, stereo at 48 kHz, one core':>40}")
    for name, speed in speeds():
        print(f"{name:12}{speed:40.0f}")
