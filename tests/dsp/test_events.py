"""The oracle adds whole notes into one whole array."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemtasks.dsp.events import in_order, placed


@given(
    st.lists(st.tuples(st.integers(0, 400), st.lists(st.integers(0, 90), max_size=4)), max_size=12),
    st.integers(1, 400),
    st.integers(1, 130),
    st.integers(1, 2),
)
def test_blocks_joined_are_the_sum_of_all_notes(shapes, frames, block_frames, channels):
    rng = np.random.default_rng(0)
    events = [(start, [rng.standard_normal((n, channels)) for n in pieces]) for start, pieces in sorted(shapes)]
    whole = np.zeros((1000, channels))
    for start, pieces in events:
        note = np.concatenate([np.zeros((0, channels)), *pieces])
        whole[start : start + len(note)] += note
    blocks = list(placed(events, frames, channels, block_frames))
    assert [len(block) for block in blocks[:-1]] == [block_frames] * (len(blocks) - 1)
    assert np.allclose(np.concatenate(blocks), whole[:frames], atol=1e-12)


def test_a_mono_note_sounds_in_all_channels():
    block = next(placed([(1, [np.ones((2, 1))])], 4, 3, 10))
    assert np.array_equal(block, [[0, 0, 0], [1, 1, 1], [1, 1, 1], [0, 0, 0]])


def test_what_is_cut_at_the_end_is_faded_across_blocks():
    out = np.concatenate(list(placed([(0, [np.ones((100, 1))])], 50, 1, 7, end_fade_frames=20)))[:, 0]
    assert np.all(out[:30] == 1.0)
    assert out[-1] == 0.0
    assert np.max(np.abs(np.diff(out))) == pytest.approx(1 / 20)


def test_pieces_are_drawn_when_their_time_comes():
    drawn = []

    def pieces():
        for number in range(10):
            drawn.append(number)
            yield np.zeros((100, 1))

    blocks = placed([(0, pieces())], 1000, 1, 100)
    next(blocks)
    assert len(drawn) <= 2
    assert sum(len(block) for block in blocks) == 900
    assert len(drawn) == 10


def test_notes_are_not_changed_by_being_placed():
    note = np.ones((50, 1))
    list(placed([(0, [note]), (10, [note])], 40, 1, 16, 10))
    assert np.all(note == 1.0)


def test_unsorted_events_are_refused():
    note = [np.ones((5, 1))]
    with pytest.raises(ValueError, match="sorted"):
        list(placed([(300, note), (10, note)], 400, 1, 100))


@given(st.lists(st.integers(0, 50), max_size=40), st.integers(0, 5), st.randoms())
def test_events_a_little_out_of_order_come_sorted_and_complete(gaps, slack, random):
    base = np.cumsum(gaps) if gaps else []
    events = [(int(start) + random.randint(-slack, slack), number) for number, start in enumerate(base)]
    ordered = list(in_order(events, 2 * slack))
    assert [start for start, _ in ordered] == sorted(start for start, _ in events)
    assert sorted(number for _, number in ordered) == list(range(len(events)))


def test_events_are_not_hoarded_to_be_sorted():
    source = iter([(n * 100, n) for n in range(1000)])
    assert next(in_order(source, 50)) == (0, 0)
    assert next(source)[1] < 5
