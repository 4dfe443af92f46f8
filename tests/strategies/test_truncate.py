from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemtasks.errors import AudioError
from tests.made_stems import RATE, fitted, noise


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 100000), st.integers(0, 20000), st.integers(1, 3), st.sampled_from([0.0, 20.0, 1000.0]))
def test_the_beginning_is_kept_and_the_cut_fades(frames, more, channels, fade_ms):
    stem = noise(frames + more, channels)
    made = fitted(stem, "truncate", frames, fade_ms=fade_ms)
    assert made.audio.shape == (frames, channels)
    kept = max(0, frames - round(fade_ms * RATE / 1000)) if more else frames
    assert np.array_equal(made.audio[:kept], stem[:kept].astype(np.float32))
    if more and kept < frames - 10:
        assert np.abs(made.audio[-1]).max() < 0.02


def test_a_shorter_stem_is_an_error_that_names_what_extends():
    with pytest.raises(AudioError, match=r"1.000 s are shorter than the target's 2.000 s.*zero_pad, loop, crossfade"):
        fitted(noise(RATE), "truncate", 2 * RATE)
