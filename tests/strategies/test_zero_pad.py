from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemtasks.errors import AudioError
from tests.made_stems import RATE, fitted, noise, sine


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 20000), st.integers(0, 200000), st.integers(1, 3), st.sampled_from([0.0, 5.0, 1000.0]))
def test_the_stem_is_kept_and_the_rest_is_silent(frames, more, channels, fade_ms):
    stem = noise(frames, channels)
    made = fitted(stem, "zero_pad", frames + more, fade_ms=fade_ms)
    assert made.audio.shape == (frames + more, channels)
    assert not made.audio[frames:].any()
    kept = max(0, frames - round(fade_ms * RATE / 1000)) if more else frames
    assert np.array_equal(made.audio[:kept], stem[:kept].astype(np.float32))
    assert made.seams["seams"] == 0


def test_a_loud_end_fades_and_a_quiet_end_is_left_alone():
    loud = fitted(sine(RATE, 99.7), "zero_pad", 2 * RATE)
    assert np.abs(np.diff(loud.audio[RATE - 100 : RATE + 100], axis=0)).max() < 0.02
    quiet = sine(RATE, 99.7, level=0.0009)
    made = fitted(quiet, "zero_pad", 2 * RATE)
    assert np.array_equal(made.audio[:RATE, 0], quiet.astype(np.float32))


def test_a_longer_stem_is_an_error_that_names_truncate():
    with pytest.raises(AudioError, match=r"2.000 s are longer than the target's 1.000 s.*truncate"):
        fitted(noise(2 * RATE), "zero_pad", RATE)
