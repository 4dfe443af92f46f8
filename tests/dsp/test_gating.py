from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stemtasks.dsp.gating import Gating


def by_frame(levels, opens, shuts, hold):
    """Return the states of a gate that looks at one frame after another."""
    is_open, low, out = False, None, []
    for level in levels:
        low = 0 if level >= shuts else (None if low is None else low + 1)
        if low is None or low > hold:
            is_open = False
        if level >= opens:
            is_open = True
        out.append(is_open)
    return out


@settings(max_examples=200, deadline=None)
@given(
    levels=st.lists(st.sampled_from([-60.0, -46.0, -45.9, -44.0, -40.0, -20.0]), min_size=1, max_size=80),
    hold=st.integers(0, 6),
    group=st.integers(1, 80),
)
def test_it_is_a_gate_that_looks_at_one_frame_after_another(levels, hold, group):
    gating = Gating(-40.0, -46.0, hold)
    x = np.array(levels)
    ours = np.concatenate([gating(x[start : start + group]) for start in range(0, len(x), group)])
    assert ours.tolist() == by_frame(levels, -40.0, -46.0, hold)
