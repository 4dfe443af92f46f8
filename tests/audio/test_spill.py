"""What a Spill was given comes back."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stemtasks.audio.spill import Spill
from tests.audio_files import noise, partitions, split


@given(lengths=partitions, reads=st.lists(st.tuples(st.integers(0, 150), st.integers(0, 150)), max_size=6))
@settings(deadline=None)
def test_spill_gives_back_any_part(tmp_path_factory, lengths, reads):
    samples = noise(120, 3)
    with Spill(split(samples, lengths), 3, tmp_path_factory.getbasetemp()) as spill:
        assert spill.frames == 120
        for start, frames in reads:
            assert np.array_equal(spill.read(start, frames), samples[start : start + frames])


def test_spill_takes_strided_float32_and_empty_blocks_and_leaves_no_file(tmp_path):
    samples = noise(50, 4).astype(np.float32)
    with Spill(iter([samples[:0, ::2], samples[:, ::2]]), 2, tmp_path) as spill:
        assert np.array_equal(spill.read(0, 50), samples[:, ::2])
        assert list(tmp_path.iterdir()) == []


def test_what_is_added_lies_on_what_is_there_and_goes_on_past_its_end(tmp_path):
    x = np.arange(6.0)[:, None]
    with Spill(iter([x]), 1, tmp_path) as spill:
        spill.add(4, np.full((4, 1), 10.0))
        spill.add(10, np.ones((2, 1)))
        assert spill.frames == 12
        assert spill.read(0, 12)[:, 0].tolist() == [0, 1, 2, 3, 14, 15, 10, 10, 0, 0, 1, 1]
