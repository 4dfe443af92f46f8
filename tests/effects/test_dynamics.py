"""What holds for all effects that follow a level, over more audio than they take at once."""

from __future__ import annotations

import numpy as np
import pytest

from stemtasks.audio.blocks import Stream
from stemtasks.audio.keyed import CHUNK_FRAMES
from stemtasks.plugins import load
from tests.audio_files import RATE, written

EFFECTS = [
    ("compressor", {"lookahead_ms": 7.0, "release_ms": 30.0}),
    ("compressor", {"detector": "rms", "sidechain_highpass_hz": 80.0, "attack_ms": 0.0}),
    ("expander", {"threshold_db": -10.0, "lookahead_ms": 2.0, "release_ms": 2.0}),
    ("gate", {"threshold_db": -3.0, "hold_ms": 1.0, "release_ms": 10.0}),
    ("deesser", {}),
    ("transient_shaper", {"sustain_db": 6.0}),
    ("limiter", {"ceiling_db": -6.0}),
    ("limiter", {"ceiling_db": -6.0, "peaks": "sample", "manner": "hard"}),
    ("multiband_compressor", {"crossovers_hz": [100.0, 1000.0, 5000.0]}),
]
FRAMES = 3 * CHUNK_FRAMES + 1234
CUTS = [1, 2, CHUNK_FRAMES - 1, CHUNK_FRAMES, CHUNK_FRAMES + 1, 30_000, 30_007, 2 * CHUNK_FRAMES, FRAMES - 1]
every = pytest.mark.parametrize(("name", "arguments"), EFFECTS, ids=[f"{name}-{len(a)}" for name, a in EFFECTS])


def programme(channels=2, frames=FRAMES):
    """Return noise whose level changes every so often."""
    rng = np.random.default_rng(7)
    levels = np.repeat(10 ** (rng.uniform(-50, -3, 40) / 20), -(-frames // 40))[:frames]
    return rng.standard_normal((frames, channels)) * levels[:, None]


@every
def test_where_blocks_end_decides_no_bit(apply, name, arguments):
    x = programme()
    noted, noted_in_blocks = {}, {}
    whole = apply(name, x, noted=noted, **arguments)
    assert np.array_equal(apply(name, x, CUTS, noted=noted_in_blocks, **arguments), whole)
    assert noted == noted_in_blocks
    assert not np.array_equal(whole[:FRAMES], x)


@pytest.mark.parametrize("name", ["compressor", "expander", "gate", "multiband_compressor"])
def test_where_blocks_end_decides_no_bit_of_what_another_stem_turns_down(apply, name, tmp_path_factory):
    key = str(written(tmp_path_factory.mktemp("stems") / "key.wav", programme(1, FRAMES - 5000)))
    x = programme()[::-1].copy()
    whole = apply(name, x, sidechain=key)
    assert np.array_equal(apply(name, x, CUTS, sidechain=key), whole)
    assert not np.array_equal(whole, apply(name, x))


@every
@pytest.mark.parametrize("rate", [8000, 44_100, 384_000])
def test_any_sample_rate_keeps_the_length_and_the_numbers(tmp_path, name, arguments, rate):
    longest = {"lookahead_ms": 50.0} if "lookahead_ms" in arguments else {}
    low = {"deesser": {"frequency_hz": 3000.0}, "multiband_compressor": {"crossovers_hz": [800.0]}}
    arguments = arguments | longest | (low.get(name, {}) if rate == 8000 else {})
    x = programme()
    noted = {}
    effect = load(f"stemtasks.effects.{name}:{name}")
    made = list(effect(iter([x]), Stream(rate, 2, FRAMES, tmp_path), noted=noted, **arguments))
    y = np.concatenate(made)
    assert len(y) >= FRAMES
    assert np.isfinite(y).all()
    if "reduction_db" in noted:
        covered = len(noted["reduction_db"]["values"]) * noted["reduction_db"]["step_s"] * rate
        assert FRAMES <= covered < FRAMES + 2 * rate / 10 + 1024


@every
def test_what_was_done_is_noted_also_where_no_more_is_asked_for(tmp_path, name, arguments):
    noted = {}
    effect = load(f"stemtasks.effects.{name}:{name}")
    made = effect(iter([programme()]), Stream(RATE, 2, FRAMES, tmp_path), noted=noted, **arguments)
    next(made)
    made.close()
    assert "max_reduction_db" in noted or "max_gain_db" in noted
