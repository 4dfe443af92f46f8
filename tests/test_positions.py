"""Places and lengths as text: what each means in frames, and what is said of what means nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemtasks.errors import SpecError
from stemtasks.positions import Known, position_in
from stemtasks.timeline import Section, Timeline

RATE = 48_000
NAMES = ("intro", "chorus", "verse 2 + 3", "chorus", "17.1 out", "a.end")


def timeline(bpm: float | None = 120.0, per_bar: float = 4.0) -> Timeline:
    """Return sections of four bars each, two seconds a bar."""
    sections = tuple(
        Section(name, at * 8 * RATE, (at + 1) * 8 * RATE, at * 16.0, 16.0) for at, name in enumerate(NAMES)
    )
    return Timeline(RATE, len(NAMES) * 8 * RATE, 0, bpm, per_bar, "4/4", None, sections)


@pytest.mark.parametrize(
    ("position", "seconds"),
    [
        (1.5, 1.5),
        ("1.5 s", 1.5),
        ("250 ms", 0.25),
        ("0:12.500", 12.5),
        ("1:00:00", 3600.0),
        ("1.1", 0.0),
        ("17.1", 32.0),
        ("17.3", 33.0),
        ("17.3.5", 33.25),
        ("17.3.25", 33.125),
        ("2 bars", 4.0),
        ("3 beats", 1.5),
        ("chorus", 8.0),
        ("chorus#2", 24.0),
        ("chorus.end", 16.0),
        ("chorus#2.end", 32.0),
        ("chorus + 2 bars", 12.0),
        ("chorus#2 - 1 beat", 23.5),
        ("chorus.end - 0:01.5", 14.5),
        ("17.1 + 10 ms", 32.01),
        (" intro ", 0.0),
        ("verse 2 + 3", 16.0),
        ("verse 2 + 3 + 3 beats", 17.5),
        ("17.1 out", 32.0),
        ("a.end", 40.0),
        ("a.end.end", 48.0),
    ],
)
def test_a_place_is_the_frame_that_it_names(position, seconds):
    assert timeline().frame_of(position) == round(seconds * RATE)
    assert Known(RATE, 120.0, 4.0, NAMES).no_position(str(position)) is None or not isinstance(position, str)


@pytest.mark.parametrize(
    ("length", "seconds"),
    [(0.5, 0.5), ("20 ms", 0.02), ("1:02.5", 62.5), ("2 bars", 4.0), ("1.5 beats", 0.75), ("chorus", 8.0)],
)
def test_a_length_is_the_frames_that_it_says(length, seconds):
    assert timeline().frames_of(length) == round(seconds * RATE)


@pytest.mark.parametrize(
    ("position", "said"),
    [
        (
            "chrous",
            "'chrous' is no section of the song (intro, chorus, verse 2 + 3, 17.1 out, a.end) and no time; did ",
        ),
        ("chorus#3", "'chorus#3': 'chorus' comes 2 times in the song"),
        ("chorus + 3", "'chorus + 3' is no section"),
        ("0.1", "'0.1': bars and beats are counted from 1"),
        ("1.0", "'1.0': bars and beats are counted from 1"),
        ("17", "'17' is no section"),
        ("", "'' is no section"),
    ],
)
def test_what_is_no_place_is_one_line_that_says_what_is_one(position, said):
    with pytest.raises(SpecError) as error:
        timeline().frame_of(position)
    assert str(error.value).startswith(said)
    assert "\n" not in str(error.value)
    assert str(Known(RATE, 120.0, 4.0, NAMES).no_position(position)).startswith(said)


def test_a_beat_that_no_bar_has_is_refused():
    assert Known(RATE, 120.0, 3.0, NAMES).no_position("2.4") == "'2.4': a bar has 3 beats"
    assert Known(RATE, 120.0, 3.0, NAMES).no_position("2.3.9") is None


@pytest.mark.parametrize("position", ["17.1", "2 bars", "chorus + 1 beat", "1.2"])
def test_what_is_counted_in_beats_needs_a_tempo(position):
    assert Known(RATE, None, 4.0, NAMES).no_position(position) == f"'{position}' needs song.bpm"
    with pytest.raises(SpecError, match=r"needs song\.bpm"):
        timeline(bpm=None).frame_of(position)


@pytest.mark.parametrize("position", ["1:30", "chorus", "chorus.end - 1 s", "1.1 + 2 s"])
def test_what_is_counted_in_seconds_needs_none(position):
    assert Known(RATE, None, 4.0, NAMES).no_position(position) is None
    assert timeline(bpm=None).frame_of(position) >= 0


def test_nothing_lies_before_the_song():
    with pytest.raises(SpecError, match="lies before the song's start"):
        timeline().frame_of("intro - 1 ms")


@given(st.text(max_size=60))
def test_any_text_is_a_place_or_one_line(text):
    try:
        position_in(text, NAMES)
    except SpecError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017 - most texts are none


@given(st.integers(1, 500), st.integers(1, 4), st.floats(20, 300))
def test_a_bar_and_a_beat_fall_where_the_beat_does(bar, beat, bpm):
    line = timeline(bpm)
    assert line.frame_of(f"{bar}.{beat}") == line.frame_at((bar - 1) * 4 + beat - 1)
