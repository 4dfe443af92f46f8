"""The compressor against peers: time for 137 s of stereo, and how far each is from its static curve."""

from __future__ import annotations

import importlib
import importlib.util
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from stemtasks.audio.blocks import BLOCK_FRAMES, Stream, fitted
from stemtasks.plugins import call
from stemtasks.timeline import Section, Timeline
from tests.effects.steps import by_ffmpeg

RATE, SECONDS = 48_000, 137
THRESHOLD_DB, RATIO, ATTACK_MS, RELEASE_MS = -20.0, 4.0, 5.0, 100.0
TIMELINE = Timeline(RATE, SECONDS * RATE, 0, 120.0, 4.0, "4/4", None, (Section("song", 0, SECONDS * RATE, 0.0, 0.0),))
LEVELS_DB = (-30.0, -20.0, -14.0, -6.0, 0.0)

Effect = Callable[[np.ndarray], np.ndarray]


def ours(name: str, **arguments: Any) -> Effect:
    """Return an effect of this package, fed with blocks as a stem is."""

    def run(x: np.ndarray) -> np.ndarray:
        blocks = (x[start : start + BLOCK_FRAMES] for start in range(0, len(x), BLOCK_FRAMES))
        stream = Stream(RATE, x.shape[1], len(x), Path())
        out, position = np.empty(x.shape, dtype=np.float32), 0
        offered = {"noted": {}, "seed": 1, "timeline": TIMELINE}
        made = call(f"stemtasks.effects.{name}:{name}", blocks, stream, arguments=arguments, offered=offered)
        for block in fitted(made, len(x), x.shape[1]):
            out[position : position + len(block)] = block
            position += len(block)
        return out

    return run


def pedalboards(name: str, **arguments: Any) -> Effect | None:
    """Return an effect of pedalboard, or None where it is not installed: it is under the GPL, and no part of ours."""
    if importlib.util.find_spec("pedalboard") is None:
        return None
    effect = getattr(importlib.import_module("pedalboard"), name)(**arguments)
    return lambda x: effect(np.asarray(x.T, dtype=np.float32), RATE, reset=True).T


def compressors() -> dict[str, Effect | None]:
    """Return the compressors, all with a corner for a knee."""
    times = {"attack_ms": ATTACK_MS, "release_ms": RELEASE_MS}
    settings = f"acompressor=threshold={THRESHOLD_DB}dB:ratio={RATIO}:attack={ATTACK_MS}:release={RELEASE_MS}"
    return {
        "stemtasks": ours("compressor", threshold_db=THRESHOLD_DB, ratio=RATIO, knee_db=0.0, **times),
        "pedalboard": pedalboards("Compressor", threshold_db=THRESHOLD_DB, ratio=RATIO, **times),
        "ffmpeg": lambda x: by_ffmpeg(x, f"{settings}:knee=1:detection=peak"),
    }


def off_db(compressor: Effect) -> float:
    """Return how far the compressor is from eq. 4 of Giannoulis, Massberg and Reiss (2012), a corner, at most."""
    most = 0.0
    for level_db in LEVELS_DB:
        out = compressor(np.full((2 * RATE, 2), 10 ** (level_db / 20)))[-RATE // 10 :]
        expected = min(level_db, THRESHOLD_DB + (level_db - THRESHOLD_DB) / RATIO)
        most = max(most, abs(20 * np.log10(np.abs(out).mean()) - expected))
    return most


def table() -> None:
    """Print a row a compressor; each is given the samples as it takes them."""
    noise = np.random.default_rng(0).standard_normal((SECONDS * RATE, 2)) * 0.2
    laid = {"pedalboard": np.asfortranarray(noise, dtype=np.float32)}
    print(f"{'compressor':<12} {'ms':>6}  {'off its curve, dB':>18}")
    for name, compressor in compressors().items():
        if compressor is None:
            print(f"{name:<12} is not installed")
            continue
        seconds = []
        x = laid.get(name, noise)
        for _ in range(5):
            started = time.perf_counter()
            compressor(x)
            seconds.append(time.perf_counter() - started)
        print(f"{name:<12} {1000 * min(seconds):6.0f}  {off_db(compressor):18.4f}")
