"""Pan laws and their inverses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemtasks.dsp.pan import balance, balance_of, constant_power, constant_power_of


@given(st.floats(-1.0, 1.0), st.floats(1e-3, 1e3))
def test_a_pan_is_known_from_its_gains(position, gain):
    assert constant_power_of(gain * constant_power(position)) == pytest.approx(position, abs=1e-9)
    assert balance_of(gain * balance(position)) == pytest.approx(position, abs=1e-6)


def test_what_is_as_loud_on_both_sides_or_on_none_is_in_the_middle():
    assert balance_of(np.array([0.3, 0.3])) == 0.0
    assert balance_of(np.zeros(2)) == 0.0
