from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemtasks.dsp.percussive import EXCHANGES, TAPS, percussive
from tests.made_stems import RATE, columns, noise, sine


def power_db(x):
    return 10 * np.log10(np.mean(np.square(x)) + 1e-20)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=TAPS, max_size=TAPS))
def test_the_exchanges_find_the_median_of_nine(values):
    held = list(values)
    for low, high in EXCHANGES:
        held[low], held[high] = min(held[low], held[high]), max(held[low], held[high])
    assert held[TAPS // 2] == np.median(values)


@pytest.mark.parametrize("level", [0.9, 0.01])
def test_what_sounds_on_is_no_attack_at_any_level(level):
    chord = sum(sine(2 * RATE, 261.6 * k * ratio, level=0.2 / k) for k in range(1, 8) for ratio in (1, 1.26, 1.498))
    for steady in (columns(chord * level), columns(sine(2 * RATE, 440)) * level):
        inner = slice(RATE // 2, -RATE // 2)
        assert power_db(percussive(steady, RATE)[inner]) < power_db(steady) - 80


def test_clicks_are_taken_out_of_a_tone_whole():
    tone, clicks = columns(sine(2 * RATE, 440, level=0.1)), np.zeros((2 * RATE, 1))
    for at in (24000, 48000, 72000):
        clicks[at : at + 200] = noise(200, seed=at, level=0.5)
    found = percussive(tone + clicks, RATE)
    for at in (24000, 48000, 72000):
        near = slice(at - 100, at + 300)
        assert power_db(found[near] - clicks[near]) < power_db(clicks[near]) - 12
    assert power_db(found[30000:40000]) < -100


def test_channels_are_split_at_the_same_places():
    hits = noise(RATE, seed=3) * np.exp(-np.tile(np.arange(RATE // 4), 4) / 800.0)[:, None]
    left = percussive(hits, RATE)
    both = percussive(np.hstack([hits, 0.5 * hits]), RATE)
    assert np.allclose(both, np.hstack([left, 0.5 * left]), atol=1e-7)


@pytest.mark.parametrize("frames", [1, 100, 511, 512, 5000])
def test_any_length_is_kept_and_silence_has_none(frames):
    assert percussive(noise(frames, 2), RATE).shape == (frames, 2)
    assert not percussive(np.zeros((frames, 1)), RATE).any()
