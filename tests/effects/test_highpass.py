from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

RATE = 48000


@pytest.mark.parametrize(("phase", "edge_db"), [("minimum", -3.0103), ("zero", -6.0206)])
@pytest.mark.parametrize("order", [1, 2, 4, 7])
def test_the_cutoff_is_3_db_down_and_6_where_filtered_twice(level_db, order, phase, edge_db):
    arguments = {"cutoff_hz": 1000.0, "order": order, "phase": phase}
    assert level_db("highpass", 1000, **arguments) == pytest.approx(edge_db, abs=0.01)
    assert level_db("highpass", 12000, **arguments) == pytest.approx(0.0, abs=0.1)
    # 6 dB per octave and order, two octaves away, and again when filtered twice
    slope = order * 12 * (1 if phase == "minimum" else 2)
    assert level_db("highpass", 250, **arguments) == pytest.approx(-slope, rel=0.06, abs=0.6)


@pytest.mark.parametrize("order", [2, 3])
def test_it_is_scipys_butterworth(apply, order):
    x = np.random.default_rng(3).standard_normal((5000, 2))
    sos = signal.butter(order, 700.0, "highpass", fs=RATE, output="sos")
    ours = apply("highpass", x, cutoff_hz=700.0, order=order)[:5000]
    np.testing.assert_allclose(ours, signal.sosfilt(sos, x, axis=0), atol=1e-10)
    ours = apply("highpass", x, cutoff_hz=700.0, order=order, phase="zero")
    np.testing.assert_allclose(ours, signal.sosfiltfilt(sos, x, axis=0), atol=1e-9)
