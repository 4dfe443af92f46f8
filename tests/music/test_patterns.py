from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemtasks.errors import SpecError
from stemtasks.music.patterns import parse_pattern
from stemtasks.music.pitch import note_name, parse_key

G_MAJOR = parse_key("G major")


def parsed(text, key=G_MAJOR, octave=4):
    return parse_pattern(text, key, octave, "patterns.verse")


def names(text, key=G_MAJOR, octave=4):
    """Return what each step sounds, notes joined by +, the fixed ones first."""
    struck = parsed(text, key, octave).struck
    return " ".join("+".join(note_name(note) for note in (*s.fixed, *(n + s.shift for n in s.notes))) for s in struck)


@pytest.mark.parametrize(
    ("text", "sounds"),
    [
        ("1 2 3 4 5 6 7 8", "G4 A4 B4 C5 D5 E5 F#5 G5"),
        ("1' 1, 1'' 5,,", "G5 G3 G6 D3"),
        ("b7 #4 b3 ♭7 ♯4", "F5 C#5 A#4 F5 C#5"),
        ("G2 Bb3 C#-1", "G2 A#3 C#-1"),
        ("1 | 5 |6|", "G4 D5 E5"),
        ("1+3+5", "G4+B4+D5"),
        ("5+1'+G2", "G2+D5+G5"),
        ("I vi IV", "G4+B4+D5 E5+G5+B5 C5+E5+G5"),
        ("V7, I'", "D4+F#4+A4+C5 G5+B5+D6"),
        ("IV/1", "G4+C5+E5+G5"),
        ("I/5", "D4+G4+B4+D5"),
        ("IV/G2", "G2+C5+E5+G5"),
        ("III+", "B4+D#5+G5"),
        ("V/V", "A5+C#6+E6"),
        ("1*3", "G4 G4 G4"),
    ],
)
def test_a_step_sounds_what_it_says(text, sounds):
    assert names(text) == sounds


def test_the_octave_is_that_of_degree_1():
    assert names("1 7", parse_key("C major"), 2) == "C2 B2"
    assert names("1 7", parse_key("B minor"), 2) == "B2 A3"


def test_absolute_notes_need_no_key():
    assert names("G2 C#3+E3", key=None) == "G2 C#3+E3"


def test_rests_take_time_and_holds_lengthen_the_step_before():
    pattern = parsed("1 - - . 5 . - 6 -*3")
    assert [(s.step, s.steps) for s in pattern.struck] == [(0, 3), (4, 1), (7, 4)]
    assert pattern.steps == 11


def test_repeats_come_one_after_the_other():
    pattern = parsed("1!*2 .*3 5")
    assert [(s.step, s.steps, s.accent) for s in pattern.struck] == [(0, 1, 1), (1, 1, 1), (5, 1, 0)]


def test_accents_and_ghosts():
    assert [s.accent for s in parsed("1! 1 1? I! b7,? G2!").struck] == [1, 0, -1, 1, -1, 1]


def test_a_pattern_of_rests_sounds_nothing():
    pattern = parsed(". . - |")
    assert (pattern.struck, pattern.steps) == ((), 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 . 5 . x9", "patterns.verse: step 5 'x9': not a step; a step is a degree"),
        ("1 0", "patterns.verse: step 2 '0': degrees are 1 to 15"),
        ("16", "step 1 '16': degrees are 1 to 15"),
        ("- 1", "step 1 '-': there is no step before it"),
        (".!", "step 1 '.!': only a step that sounds can have '!'"),
        ("1*0", "step 1 '1*0': a step is repeated 1 to 1000 times"),
        ("1*9999", "repeated 1 to 1000 times"),
        ("!", "step 1 '!': not a step"),
        ("Vblah", "step 1 'Vblah': unknown chord 'blah' on V; known after V: "),
        ("V/H", "step 1 'V/H': a chord cannot stand on 'H'"),
        ("H2", "step 1 'H2': not a step"),
        ("G", "step 1 'G': 'G' is not a note"),
        ("G12", "'G12' is not a note"),
        ("1+V", "step 1 '1+V': not a step"),
        ("1++3", "step 1 '1++3': not a step"),
        ("'1", "step 1 ''1': not a step"),
        ("1/3", "step 1 '1/3': not a step"),
        ("", "patterns.verse: the pattern is empty; write '.' for silence"),
        (" | ", "the pattern is empty"),
    ],
)
def test_an_error_names_pattern_and_step_and_what_is_allowed(text, message):
    with pytest.raises(SpecError) as raised:
        parsed(text)
    assert message in str(raised.value)
    assert str(raised.value).startswith("patterns.verse: ")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["1", "V7", "G2+3", "IV/1"])
def test_degrees_and_chords_without_a_key_ask_for_one(text):
    with pytest.raises(SpecError, match=r"step 1 .* need a key: set song.key or the section's key"):
        parsed(text, key=None)


@given(st.text(alphabet="12b7#'.,-|!?*+/IViv°oø GAB209maj sud", max_size=30))
def test_any_text_is_a_pattern_or_one_spec_error(text):
    try:
        pattern = parsed(text)
    except SpecError:
        return
    ends = [s.step + s.steps for s in pattern.struck]
    starts = [s.step for s in pattern.struck[1:]] + [pattern.steps]
    assert all(end <= start for end, start in zip(ends, starts, strict=False))
