from __future__ import annotations

import numpy as np
import pytest

from stemtasks.errors import SpecError


@pytest.mark.parametrize(("phase", "edge_db"), [("minimum", -3.0103), ("zero", -6.0206)])
def test_bandpass_keeps_its_middle_and_is_3_db_down_at_both_edges(level_db, phase, edge_db):
    arguments = {"low_hz": 500.0, "high_hz": 2000.0, "order": 3, "phase": phase}
    assert level_db("bandpass", 1000, **arguments) == pytest.approx(0.0, abs=0.01)
    assert level_db("bandpass", 500, **arguments) == pytest.approx(edge_db, abs=0.01)
    assert level_db("bandpass", 2000, **arguments) == pytest.approx(edge_db, abs=0.01)


@pytest.mark.parametrize("edges", [(2000.0, 500.0), (500.0, 500.0)])
def test_bandpass_with_edges_the_wrong_way_round_is_an_error(apply, edges):
    with pytest.raises(SpecError, match=r"bandpass: low_hz .* is not below high_hz 500"):
        apply("bandpass", np.zeros((10, 1)), low_hz=edges[0], high_hz=edges[1])
