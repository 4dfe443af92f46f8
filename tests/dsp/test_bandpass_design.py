"""The oracle is scipy.signal.butter."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from stemtasks.dsp import bandpass

RATE = 48000


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5, 8, 16])
@pytest.mark.parametrize("edges", [(20.0, 20000.0), (900.0, 1100.0), (30.0, 60.0), (10000.0, 23000.0)])
def test_bandpass_has_scipys_response(order, edges):
    frequencies = np.geomspace(5, 23_990, 400)
    ours = signal.sosfreqz(bandpass.bandpass(order, *edges, RATE), frequencies, fs=RATE)[1]
    theirs = signal.sosfreqz(signal.butter(order, edges, "bandpass", fs=RATE, output="sos"), frequencies, fs=RATE)[1]
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
