"""Sections that say where they start: each ends where the next one does, and what contradicts itself is one line."""

from __future__ import annotations

import pytest

from stemtasks.errors import SpecError
from stemtasks.stages.timing import timeline_of

RATE = 48_000
SONG = {"sample_rate": RATE, "tail_seconds": 0, "time_signature": "4/4", "beats_per_bar": 4.0, "key": "G major"}


def sections(*given, bpm=120.0, seconds=100.0):
    """Return name, start and end in seconds of sections, given as (name, beats or None, start or None)."""
    named = [
        {"name": name, "beats": beats, "key": None} | ({} if start is None else {"start": start})
        for name, beats, start in given
    ]
    line = timeline_of(round(seconds * RATE), {**SONG, "bpm": bpm, "sections": named})
    return [(each.name, each.start_frame / RATE, each.end_frame / RATE) for each in line.sections]


def test_a_section_ends_where_the_next_one_starts_and_the_last_with_the_song():
    assert sections(("a", None, None), ("b", None, "1:22"), ("c", None, 90.5), bpm=None) == [
        ("a", 0, 82),
        ("b", 82, 90.5),
        ("c", 90.5, 100),
    ]


def test_lengths_and_starts_may_be_mixed_where_they_agree():
    assert sections(("a", 16.0, None), ("b", None, "5.1"), ("c", 8.0, "1:36"), bpm=120.0) == [
        ("a", 0, 8),
        ("b", 8, 96),
        ("c", 96, 100),
    ]


def test_the_beats_of_a_section_follow_from_its_frames():
    named = [{"name": "a", "beats": None, "key": None}, {"name": "b", "beats": None, "key": "E minor", "start": 8.25}]
    line = timeline_of(20 * RATE, {**SONG, "bpm": 120.0, "sections": named})
    assert [(each.start_beat, each.beats, each.key) for each in line.sections] == [
        (0.0, 16.5, "G major"),
        (16.5, 23.5, "E minor"),
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            [("a", None, 3)],
            "section 'a' starts at 0:03.000, the song starts at 0:00.000: give one section the time betw",
        ),
        (
            [("a", None, None), ("b", None, "2:22")],
            "section 'b' starts at 2:22.000, which is not between 0:00.000 and ",
        ),
        (
            [("a", None, 0), ("b", None, 50), ("c", None, 40)],
            "section 'c' starts at 0:40.000, which is not between 0:50",
        ),
        ([("a", None, 0), ("b", None, None)], "section 'b': give it a start, or the section before it a length"),
        (
            [("a", 8.0, None), ("b", None, 5)],
            "section 'b' starts at 0:05.000, 'a' before it ends at 0:04.000: give one",
        ),
        ([("a", None, None), ("b", 5.0, 5)], "section 'b' ends at 0:07.500, the target at 1:40.000: change its length"),
    ],
)
def test_what_contradicts_itself_is_one_line(given, said):
    with pytest.raises(SpecError) as error:
        sections(*given)
    assert str(error.value).startswith(said)
