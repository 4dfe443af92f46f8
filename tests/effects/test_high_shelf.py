from __future__ import annotations

import pytest


@pytest.mark.parametrize("phase", ["minimum", "zero"])
@pytest.mark.parametrize("gain_db", [-12.0, 6.0])
def test_it_reaches_its_gain_and_leaves_the_rest(level_db, gain_db, phase):
    def level(frequency_hz):
        return level_db("high_shelf", frequency_hz, corner_hz=3000.0, gain_db=gain_db, phase=phase)

    assert level(20000) == pytest.approx(gain_db, abs=0.05)
    assert level(3000) == pytest.approx(gain_db / 2, abs=0.05)
    assert level(50) == pytest.approx(0.0, abs=0.05)
