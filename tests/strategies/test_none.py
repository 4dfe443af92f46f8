from __future__ import annotations

import numpy as np
import pytest

from stemtasks.errors import AudioError
from tests.made_stems import RATE, fitted, noise


@pytest.mark.parametrize("difference", [-480, -1, 0, 1, 480])
def test_a_difference_within_the_tolerance_is_made_up_at_the_end(difference):
    stem = noise(RATE)
    made = fitted(stem, "none", RATE - difference)
    assert len(made.audio) == RATE - difference
    kept = RATE - 1000 if difference else RATE
    assert np.array_equal(made.audio[:kept], stem[:kept].astype(np.float32))
    assert made.facts["difference_frames"] == difference


@pytest.mark.parametrize(("difference", "way"), [(-481, "zero_pad, loop, crossfade"), (481, "truncate")])
def test_a_greater_difference_is_an_error_with_both_durations_and_the_ways_out(difference, way):
    with pytest.raises(AudioError, match=way) as caught:
        fitted(noise(RATE), "none", RATE - difference)
    assert "1.000 s" in str(caught.value)
    assert f"{(RATE - difference) / RATE:.3f} s" in str(caught.value)


def test_the_tolerance_is_the_users():
    assert len(fitted(noise(RATE), "none", RATE + 4000, tolerance_ms=100.0).audio) == RATE + 4000
