"""How the tests of effects run one: on a whole, or cut into blocks."""

from __future__ import annotations

import numpy as np
import pytest

from stemtasks.audio.blocks import Stream
from stemtasks.plugins import load
from stemtasks.spec import parts
from stemtasks.timeline import Section, Timeline

RATE = 48000


def timeline(bpm: float | None = 120.0, frames: int = RATE, rate: int = RATE) -> Timeline:
    return Timeline(rate, frames, 0, bpm, 4.0, "4/4", None, (Section("all", 0, frames, 0.0, 0.0),))


@pytest.fixture
def apply(tmp_path):
    """Return apply(name, x, cuts=[], **arguments) -> the effect's whole output, tail and all."""

    def run(name, x, cuts=(), frames=None, bpm=120.0, **arguments):
        stream = Stream(RATE, x.shape[1], len(x) if frames is None else frames, tmp_path)
        effect = load(parts.found("effects", name).reference)
        names = effect.__annotations__
        if "timeline" in names:
            arguments["timeline"] = timeline(bpm, len(x))
        if "seed" in names:
            arguments.setdefault("seed", 5)
        if "noted" in names:
            arguments.setdefault("noted", {})
        blocks = [block for block in np.split(x, sorted(cuts)) if len(block)]
        kept = [block.copy() for block in blocks]
        out = list(effect(iter(blocks), stream, **arguments))
        assert all(np.array_equal(block, copy) for block, copy in zip(blocks, kept, strict=True)), "input was changed"
        assert all(block.ndim == 2 and block.dtype == np.float64 and len(block) for block in out)
        assert not list(tmp_path.iterdir()), "a scratch file was left"
        return np.concatenate(out) if out else np.empty((0, x.shape[1]))

    return run


@pytest.fixture
def level_db(apply):
    """Return level_db(name, frequency_hz, **arguments) -> what it does to a sine, by its Fourier coefficient."""

    def run(name, frequency_hz, **arguments):
        turn = np.exp(-2j * np.pi * frequency_hz / RATE * np.arange(RATE)) * np.hanning(RATE)
        x = np.sin(2 * np.pi * frequency_hz / RATE * np.arange(RATE))
        y = apply(name, x[:, None], **arguments)[:RATE, 0]
        return 20 * np.log10(abs(np.sum(y * turn)) / abs(np.sum(x * turn)))

    return run
