from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemtasks.dsp.envelope import Adsr

RATE = 48000

times = st.integers(2, 3000)
milliseconds = st.floats(0, 60) | st.just(0.0)
envelopes = st.builds(Adsr, times, st.integers(0, 3000), st.floats(0, 1), times)


def test_attack_decay_sustain_and_release_reach_their_levels_at_their_times():
    gains = Adsr(100, 200, 0.5, 400).gains(0, 1400, 1000)
    assert gains[0] == 0.0
    assert gains[50] == pytest.approx(0.5)
    assert gains[100] == pytest.approx(1.0)
    assert gains[300] == pytest.approx(0.5)
    assert np.all(gains[300:1000] == 0.5)
    assert np.all(np.diff(gains[:100]) > 0)
    assert np.all(np.diff(gains[100:300]) < 0)
    assert np.all(np.diff(gains[1000:]) < 0)
    assert 0.0 < gains[-1] < 0.001


@given(envelopes, st.integers(1, 9000), st.data())
def test_gains_in_parts_are_gains_at_once(envelope, held, data):
    total = envelope.frames(held)
    cut = data.draw(st.integers(0, total))
    whole = envelope.gains(0, total, held)
    parts = np.concatenate([envelope.gains(0, cut, held), envelope.gains(cut, total, held)])
    assert len(whole) == total
    assert np.array_equal(whole, parts)


@given(milliseconds, milliseconds, st.floats(0, 1), milliseconds, st.integers(1, 9000))
def test_no_step_is_larger_than_its_ramp_allows(attack_ms, decay_ms, sustain, release_ms, held):
    envelope = Adsr.of(attack_ms, decay_ms, sustain, release_ms, RATE)
    gains = np.append(envelope.gains(0, envelope.frames(held), held), 0.0)
    # the exponential begins at 5 / (1 - exp(-5)) of its length's mean slope
    steepest = max(np.pi / 2 / envelope.attack, 5.04 / envelope.decay, 5.04 / envelope.release)
    assert steepest < 0.11
    assert gains[0] == 0.0
    assert np.max(np.abs(np.diff(gains))) <= steepest
    assert np.min(gains) >= 0.0
    assert np.max(gains) <= 1.0


def test_a_note_let_go_in_its_attack_is_released_from_where_it_is():
    gains = Adsr(1000, 0, 1.0, 500).gains(0, 1000, 500)
    assert gains[500] == pytest.approx(0.5)
    assert np.max(gains) == gains[500]


def test_without_sustain_a_note_ends_with_its_decay():
    envelope = Adsr(100, 300, 0.0, 5000)
    assert envelope.frames(100_000) == 400
    assert envelope.gains(0, 400, 100_000)[-1] < 0.001


def test_no_attack_is_still_no_click():
    envelope = Adsr.of(0.0, 0.0, 1.0, 0.0, RATE)
    assert envelope.attack / RATE >= 0.001
    assert envelope.decay / RATE >= 0.001
    assert envelope.release / RATE >= 0.001
