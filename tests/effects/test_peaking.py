from __future__ import annotations

import pytest


@pytest.mark.parametrize("phase", ["minimum", "zero"])
@pytest.mark.parametrize("gain_db", [-12.0, 6.0])
def test_it_reaches_its_gain_and_leaves_the_rest(level_db, gain_db, phase):
    def level(frequency_hz):
        return level_db("peaking", frequency_hz, centre_hz=1000.0, gain_db=gain_db, phase=phase)

    assert level(1000) == pytest.approx(gain_db, abs=0.05)
    assert level(60) == pytest.approx(0.0, abs=0.15)


def test_a_higher_q_is_a_narrower_bell(level_db):
    levels = [level_db("peaking", 1400, centre_hz=1000.0, gain_db=12.0, q=q) for q in (0.5, 1.0, 4.0)]
    assert levels == sorted(levels, reverse=True)
    assert levels[0] > levels[2] + 6
