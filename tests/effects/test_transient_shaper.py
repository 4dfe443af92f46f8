from __future__ import annotations

import numpy as np
import pytest

from stemtasks.audio.source import Source
from tests.audio_files import RATE
from tests.effects.steps import MS, gain_db, sine, steady, steps


def hit(ms=600, decay_ms=120.0, level_db=-6.0):
    """Return half a second of silence, and a struck note in noise, so that it has a level everywhere."""
    n = np.arange(ms * MS)
    note = np.where(np.arange(len(n)) % 2, 1.0, -1.0) * np.exp(-n / (decay_ms * MS)) * 10 ** (level_db / 20)
    return np.concatenate([np.full(500 * MS, 1e-5), note])[:, None]


@pytest.mark.parametrize("attack_db", [-9.0, 6.0])
def test_a_beginning_is_lifted_or_lowered_by_the_gain_that_was_asked(apply, attack_db):
    x = hit()
    gains = gain_db(apply("transient_shaper", x, attack_db=attack_db, attack_ms=20.0), x)
    first, later = gains[504 * MS : 512 * MS], gains[600 * MS :]
    np.testing.assert_allclose(first, attack_db, atol=0.1)
    assert np.abs(later).max() < 0.2


def test_how_long_a_beginning_is_can_be_chosen(apply):
    x = hit()
    lengths = []
    for attack_ms in (5.0, 40.0):
        gains = gain_db(apply("transient_shaper", x, attack_db=6.0, attack_ms=attack_ms), x)
        lengths.append(np.count_nonzero(gains > 3.0) / MS)
    assert 3.0 * lengths[0] < lengths[1]


@pytest.mark.parametrize("sustain_db", [-12.0, 6.0])
def test_a_decay_is_lifted_or_lowered_and_its_attack_stays(apply, sustain_db):
    x = hit(decay_ms=80.0)
    gains = gain_db(apply("transient_shaper", x, attack_db=0.0, sustain_db=sustain_db), x)
    assert np.abs(gains[: 510 * MS]).max() < 0.1
    assert gains[700 * MS] == pytest.approx(sustain_db, rel=0.1)


def test_what_is_steady_is_left_as_it_is(apply):
    for x in (sine(60, -10.0, 2000), sine(3000, -40.0, 2000)):
        y = apply("transient_shaper", x, attack_db=12.0, sustain_db=-12.0)
        np.testing.assert_allclose(y[-1000 * MS :], x[-1000 * MS :], rtol=0.01, atol=1e-9)


def test_loud_and_soft_are_shaped_alike(apply):
    loud = hit(level_db=0.0)
    loud[: 500 * MS] = 1e-9
    soft = loud * 10 ** (-30 / 20)
    arguments = {"attack_db": 6.0, "sustain_db": -6.0}
    part = slice(500 * MS, 900 * MS)
    gains = [gain_db(apply("transient_shaper", x, **arguments), x)[part] for x in (loud, soft)]
    np.testing.assert_allclose(gains[0], gains[1], atol=0.1)


def test_both_sides_are_shaped_alike(apply):
    x = np.concatenate([hit(), 0.1 * hit()], axis=1)
    y = apply("transient_shaper", x, attack_db=6.0)
    np.testing.assert_allclose(y[:, 1], 0.1 * y[:, 0], rtol=1e-9)


def test_what_it_gave_is_noted(apply):
    noted = {}
    apply("transient_shaper", hit(), attack_db=6.0, sustain_db=-8.0, noted=noted)
    assert noted["max_gain_db"] == pytest.approx(6.0, abs=0.05)
    assert noted["min_gain_db"] == pytest.approx(-8.0, abs=0.5)
    noted = {}
    apply("transient_shaper", steps((-20.0, 100)) * 0.0, noted=noted)
    assert noted == {"max_gain_db": 0.0, "min_gain_db": 0.0}


def test_a_real_loop_gets_more_or_less_of_its_hits(apply, recordings):
    with Source(recordings / "loops" / "loop_breakbeat.flac") as source:
        x = source.read(0, source.frames)

    def crest(y):
        return 20 * np.log10(np.abs(y).max() / np.std(y))

    more = apply("transient_shaper", x, attack_db=6.0, sustain_db=-6.0)
    less = apply("transient_shaper", x, attack_db=-6.0, sustain_db=6.0)
    assert crest(less) + 1.5 < crest(x) < crest(more) - 3.0


def test_half_of_it_is_half_of_the_difference(apply):
    x = steady(-10.0, 300)
    whole, half = (apply("transient_shaper", x, attack_db=6.0, mix=mix) for mix in (1.0, 0.5))
    np.testing.assert_allclose(half, (x + whole) / 2, rtol=1e-12)
    assert len(whole) == len(x) == 300 * RATE // 1000
