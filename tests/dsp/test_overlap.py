"""The gains' law is checked as an equation, correlations against numpy's, figures on seams of known faults."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemtasks.dsp import overlap as dsp
from tests.made_stems import RATE, columns, noise, sine


@given(st.floats(-0.5, 1.0), st.integers(1, 3000))
def test_gains_keep_the_power_of_parts_with_that_correlation(rho, overlap):
    going, coming = dsp.gains(overlap, rho, 0, overlap)
    assert np.allclose(going**2 + coming**2 + 2 * rho * going * coming, 1.0, atol=1e-12)
    assert np.all(np.diff(going[:, 0]) <= 1e-12) or rho < 0


@given(st.integers(2, 3000), st.data())
def test_gains_do_not_depend_on_where_blocks_end(overlap, data):
    cut = data.draw(st.integers(1, overlap - 1))
    whole = dsp.gains(overlap, 0.3, 0, overlap)
    parts = zip(dsp.gains(overlap, 0.3, 0, cut), dsp.gains(overlap, 0.3, cut, overlap), strict=True)
    assert all(np.array_equal(np.concatenate(two), one) for two, one in zip(parts, whole, strict=True))


@pytest.mark.parametrize("rho", [-0.4, 0.0, 0.5, 0.9, 1.0])
def test_noises_of_any_correlation_keep_their_level(rho):
    a, c = noise(24000, seed=1), noise(24000, seed=2)
    b = rho * a + (1 - rho**2) ** 0.5 * c
    going, coming = dsp.gains(24000, dsp.correlation(a, b), 0, 24000)
    dip, rise = dsp.level_change(a * going + b * coming, a, b, 2400)
    assert max(dip, rise) < 0.5
    level = 10 * np.log10(dsp.power_by_hop(a * going + b * coming, 2400) / 0.01)
    assert np.all(np.abs(level) < 0.6)


@given(st.integers(1, 40), st.integers(0, 60), st.integers(1, 3), st.integers(0, 1000))
def test_sliding_correlation_is_the_correlation_at_each_place(n, more, channels, seed):
    part, within = noise(n, channels, seed), noise(n + more, channels, seed + 1)
    scores, energy = dsp.sliding_correlation(part, within)
    places = [within[at : at + n] for at in range(more + 1)]
    expected = [np.corrcoef(np.r_[part.ravel(), -part.ravel()], np.r_[p.ravel(), -p.ravel()])[0, 1] for p in places]
    assert np.allclose(scores, expected, atol=1e-8)
    assert np.allclose(energy, [np.sum(p**2) for p in places])


def test_silence_correlates_with_nothing():
    assert dsp.correlation(np.zeros((10, 1)), noise(10)) == 0.0
    scores, _ = dsp.sliding_correlation(noise(100), np.concatenate((noise(500), np.zeros((500, 1)))))
    assert np.all(scores[500:] == 0.0)


def test_a_fade_out_then_in_shows_as_a_dip():
    a, b = noise(4800, seed=3), noise(4800, seed=4)
    ramp = np.linspace(1, 0, 2400)[:, None]
    hole = np.concatenate((a[:2400] * ramp, b[2400:] * ramp[::-1]))
    assert dsp.level_change(hole, a, b, 960)[0] > 10


def test_equal_gain_of_unlike_parts_shows_as_3_db():
    a, b = noise(48000, seed=5), noise(48000, seed=6)
    assert dsp.level_change((a + b) / 2, a, b, 4800)[0] == pytest.approx(3.0, abs=0.5)


def test_a_change_between_two_levels_is_no_dip():
    a, b = noise(9600, seed=7), noise(9600, seed=8, level=0.01)
    going, coming = dsp.gains(9600, 0.0, 0, 9600)
    assert dsp.level_change(a * going + b * coming, a, b, 960)[0] < 0.5


def test_a_dip_below_hearing_does_not_count():
    assert dsp.level_change(np.zeros((960, 1)), noise(960, level=1e-4), noise(960, level=1e-4), 96) == (0.0, 0.0)


def test_a_click_shows_as_a_jump_and_plain_material_does_not():
    x = columns(sine(4800, 100))
    clicked = x.copy()
    clicked[2400:] += 0.3
    assert dsp.jump_ratio(clicked, x) > 20
    assert dsp.jump_ratio(x, x) == pytest.approx(1.0)


@pytest.mark.parametrize(("frequency_hz", "smooth"), [(100, True), (103, False), (102.5, False)])
def test_only_whole_periods_go_on_smoothly(frequency_hz, smooth):
    x = columns(sine(4800, frequency_hz))
    assert dsp.is_smooth(x[-240:], x[:240]) is smooth


@given(st.integers(0, 50), st.integers(1, 12), st.integers(1, 3))
def test_powers_are_of_whole_hops(frames, hop, channels):
    x = noise(frames, channels)
    whole = [np.mean(x[at : at + hop] ** 2) for at in range(0, frames - hop + 1, hop)]
    assert np.allclose(dsp.power_by_hop(x, hop), whole)


@pytest.mark.parametrize("frequency_hz", [30, 55, 440, 5000])
def test_a_held_tone_has_no_onsets(frequency_hz):
    emphasised = np.diff(columns(sine(4 * RATE, frequency_hz)), axis=0)
    assert dsp.onsets_per_second(dsp.power_by_hop(emphasised, RATE // 100), 0.01) == 0.0


def test_hits_are_counted():
    x = noise(4 * RATE) * np.exp(-np.tile(np.arange(RATE // 4), 16) / 2000.0)[:, None]
    rate = dsp.onsets_per_second(dsp.power_by_hop(np.diff(x, axis=0), RATE // 100), 0.01)
    assert rate == pytest.approx(4.0, abs=0.3)


def test_the_sustained_region_leaves_out_attack_and_decay():
    level_db = np.concatenate((np.full(10, -3.0), np.full(200, -20.0), np.linspace(-20, -90, 60)))
    start, stop = dsp.sustained_region(10 ** (level_db / 10))
    assert start == 10
    assert 205 <= stop <= 225
