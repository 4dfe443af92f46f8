"""Reverb, convolution, chorus, phaser and delay against pedalboard: time for 137 s of stereo, and what each does."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile

from tests.bench.dynamics import RATE, SECONDS, Effect, ours, pedalboards

DELAY_MS = 250.0


def pairs(impulse: Path) -> dict[str, tuple[Effect, Effect | None, Callable[[np.ndarray], str]]]:
    """Return by what they do: ours, pedalboard's, and a figure of an impulse's answer."""
    return {
        "reverb": (
            ours("reverb", decay_seconds=1.8, mix=1.0),
            pedalboards("Reverb", room_size=0.8, wet_level=1.0, dry_level=0.0),
            decay,
        ),
        "convolution": (
            ours("convolution", file=str(impulse), mix=1.0),
            pedalboards("Convolution", impulse_response_filename=str(impulse), mix=1.0),
            decay,
        ),
        "chorus": (
            ours("chorus", rate_hz=0.8, voices=1, stereo_degrees=0.0),
            pedalboards("Chorus", rate_hz=0.8, mix=0.5),
            echo,
        ),
        "phaser": (ours("phaser", rate_hz=0.8), pedalboards("Phaser", rate_hz=0.8, mix=0.5), echo),
        "delay": (
            ours("delay", time_ms=DELAY_MS, feedback=0.5, mix=0.5),
            pedalboards("Delay", delay_seconds=DELAY_MS / 1000, feedback=0.5, mix=0.5),
            echo,
        ),
    }


def decay(answer: np.ndarray) -> str:
    """Return RT60 by Schroeder's backward integral, from -5 to -25 dB (ISO 3382-1)."""
    energy = np.cumsum((answer**2).sum(axis=1)[::-1])[::-1]
    level_db = 10 * np.log10(energy / energy[0] + 1e-12)
    first, last = (int(np.argmax(level_db < limit)) for limit in (-5, -25))
    return f"RT60 {3 * (last - first) / RATE:.2f} s"


def echo(answer: np.ndarray) -> str:
    """Return where the loudest frame behind the first is."""
    at = int(np.argmax(np.abs(answer[1:, 0]))) + 1
    return f"answers after {1000 * at / RATE:.2f} ms"


def table() -> None:
    """Print two rows an effect; each is given the samples as it takes them."""
    noise = np.random.default_rng(0).standard_normal((SECONDS * RATE, 2)) * 0.2
    laid = np.asfortranarray(noise, dtype=np.float32)
    click = np.zeros((5 * RATE, 2))
    click[0] = 0.5
    with TemporaryDirectory() as folder:
        impulse = Path(folder, "room.wav")
        room = (
            np.random.default_rng(1).standard_normal((2 * RATE, 2))
            * np.exp(-np.arange(2 * RATE) / RATE * 3.84)[:, None]
        )
        soundfile.write(impulse, 0.05 * room, RATE, subtype="FLOAT")
        print(f"{'effect':<12} {'by':<12} {'ms':>6}  what it does")
        for name, (own, peer, figure) in pairs(impulse).items():
            for whose, effect, x in (("stemtasks", own, noise), ("pedalboard", peer, laid)):
                if effect is None:
                    print(f"{name:<12} {whose:<12} is not installed")
                    continue
                seconds = []
                for _ in range(3):
                    started = time.perf_counter()
                    effect(x)
                    seconds.append(time.perf_counter() - started)
                print(f"{name:<12} {whose:<12} {1000 * min(seconds):6.0f}  {figure(effect(click))}")
