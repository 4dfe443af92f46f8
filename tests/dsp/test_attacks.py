"""Moments at which sounds are struck, and their distance from a tempo's grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemtasks.dsp.attacks import HOP_SECONDS, against_grid, attacks, energies, hop_frames

RATE = 48_000


def found(x, rate=RATE):
    energy = energies(x, rate)
    return attacks(energy, float(energy.max(initial=0.0))) * hop_frames(rate) / rate


def struck(moments, rate=RATE, seconds=4.0, level=1.0, seed=0):
    """Return bursts of noise that die away, over a steady sine."""
    rng = np.random.default_rng(seed)
    x = 0.2 * np.sin(2 * np.pi * 110.0 * np.arange(round(seconds * rate)) / rate)
    for moment in moments:
        rest = x[round(moment * rate) :][: rate // 4]
        rest += rng.standard_normal(len(rest)) * np.exp(-np.arange(len(rest)) / (0.05 * rate))
        rest[0] += 4.0  # the stick
    return level * x


@settings(max_examples=25, deadline=None)
@given(
    gaps=st.lists(st.floats(0.15, 0.6), min_size=2, max_size=6),
    rate=st.sampled_from([8000, 22_050, 44_100, 48_000]),
    level=st.floats(1e-3, 1.0),
    seed=st.integers(0, 99),
)
def test_what_is_struck_is_found_to_a_hop_whatever_the_level(gaps, rate, level, seed):
    moments = np.cumsum(gaps)
    heard = found(struck(moments, rate, level=level, seed=seed), rate)
    assert len(heard) == len(moments)
    np.testing.assert_allclose(heard, moments, atol=1.1 * HOP_SECONDS + 0.001)


def test_what_swells_or_lasts_or_is_silent_has_no_moment():
    time = np.arange(RATE * 2) / RATE
    sine = np.sin(2 * np.pi * 440.0 * time)
    for sound in (sine * time / 2, sine, np.zeros(RATE), np.zeros(0), sine[:50]):
        assert len(found(sound)) == 0


@pytest.mark.parametrize("late", [-0.03, -0.01, 0.0, 0.004, 0.03])
def test_what_is_late_is_measured_to_the_microsecond(late):
    error, offset, fit = against_grid(np.arange(1, 40) * 0.125 + late, 120.0)
    assert (error, offset) == (pytest.approx(abs(late)), pytest.approx(late))
    assert fit == pytest.approx(0.125 / 0.024 if abs(late) <= 0.012 else 0.0)


def test_triplets_are_a_grid_too():
    error, offset, fit = against_grid(np.arange(1, 40) * 0.5 / 3, 120.0)
    assert (error, offset) == (pytest.approx(0.0, abs=1e-9), pytest.approx(0.0, abs=1e-9))
    assert fit > 3.0


@settings(max_examples=30, deadline=None)
@given(bpm=st.floats(60.0, 160.0), seed=st.integers(0, 999))
def test_moments_at_random_fit_as_chance_does(bpm, seed):
    moments = np.random.default_rng(seed).uniform(0.0, 300.0, 2000)
    error, _, fit = against_grid(moments, bpm)
    assert fit == pytest.approx(1.0, abs=0.2)
    assert error == pytest.approx(60.0 / bpm / 4 / 4, rel=0.1)


@pytest.mark.parametrize("wrong", [0.85, 0.96, 1.04, 1.15])
def test_another_tempo_is_far_from_the_grid(wrong):
    moments = np.arange(1, 80) * 60.0 / 112.0 / 2
    assert against_grid(moments, 112.0)[0] < 1e-9
    error, _, fit = against_grid(moments, 112.0 * wrong)
    assert error > 0.02
    assert fit < 1.6
