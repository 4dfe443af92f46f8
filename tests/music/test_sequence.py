from __future__ import annotations

from fractions import Fraction

import pytest

from stemtasks.music.patterns import parse_pattern
from stemtasks.music.pitch import note_name, parse_key
from stemtasks.music.sequence import Playing, sequence, steps_ratio

PLAIN = {
    "steps_per_beat": Fraction(1),
    "gate": 1.0,
    "voicing": "close",
    "arpeggio": "none",
    "arpeggio_steps_per_beat": Fraction(4),
    "arpeggio_octaves": 1,
}


def played(text, beats, **changes):
    pattern = parse_pattern(text, parse_key("C major"), 4, "patterns.x")
    return [
        (one.beat, one.beats, "+".join(map(note_name, one.notes)))
        for one in sequence(pattern, beats, Playing(**(PLAIN | changes)))
    ]


def test_a_pattern_repeats_until_the_section_ends():
    assert played("1 5", 5) == [(0, 1, "C4"), (1, 1, "G4"), (2, 1, "C4"), (3, 1, "G4"), (4, 1, "C4")]


def test_a_note_is_held_no_longer_than_the_section():
    assert played("1 - - -", 6.5)[-1] == (4, 2.5, "C4")


def test_a_section_that_ends_on_a_step_has_no_sliver_of_it():
    assert len(played("1", 4 + 1e-9)) == 4


def test_rests_alone_end_rather_than_repeat_for_ever():
    assert played(". .", 8) == []


def test_the_gate_shortens_the_last_step_of_a_note_only():
    assert played("1 - 5 .", 4, gate=0.25) == [(0, 1.25, "C4"), (2, 0.25, "G4")]


def test_steps_may_be_longer_than_a_beat():
    assert [beat for beat, _, _ in played("I V", 16, steps_per_beat=Fraction(1, 4))] == [0, 4, 8, 12]


@pytest.mark.parametrize("rate", [1 / 3, 0.333, 0.3333])
def test_a_third_does_not_drift(rate):
    assert played("I", 3000, steps_per_beat=steps_ratio(rate))[-1][0] == 2997


def test_a_rate_near_no_simple_fraction_is_kept():
    assert steps_ratio(0.0101) == Fraction(0.0101)


@pytest.mark.parametrize(
    ("direction", "octaves", "notes"),
    [
        ("up", 1, "C4 E4 G4 C4 E4 G4 C4 E4"),
        ("down", 1, "G4 E4 C4 G4 E4 C4 G4 E4"),
        ("updown", 1, "C4 E4 G4 E4 C4 E4 G4 E4"),
        ("up", 2, "C4 E4 G4 C5 E5 G5 C4 E4"),
    ],
)
def test_an_arpeggio_goes_through_the_chord_for_as_long_as_it_lasts(direction, octaves, notes):
    one_by_one = played("I -", 2, arpeggio=direction, arpeggio_octaves=octaves)
    assert " ".join(name for _, _, name in one_by_one) == notes
    assert [beat for beat, _, _ in one_by_one] == [i / 4 for i in range(8)]


def test_one_note_is_an_arpeggio_of_itself():
    assert [name for _, _, name in played("1", 1, arpeggio="updown")] == ["C4"] * 4


def test_the_gate_shortens_each_note_of_an_arpeggio():
    assert {beats for _, beats, _ in played("I", 4, arpeggio="up", gate=0.5)} == {0.125}


def test_smooth_voicing_follows_the_chord_before():
    assert [name for _, _, name in played("I V vi", 3, voicing="smooth")] == ["C4+E4+G4", "B3+D4+G4", "C4+E4+A4"]


def test_octave_marks_hold_in_any_voicing():
    assert [name for _, _, name in played("I I'", 2, voicing="smooth")] == ["C4+E4+G4", "C5+E5+G5"]


@pytest.mark.parametrize("voicing", ["close", "open", "smooth"])
def test_the_bass_of_a_slash_chord_is_its_lowest_note(voicing):
    lowest = [name.split("+")[0] for _, _, name in played("I IV/1 I/3 V/2", 4, voicing=voicing)]
    assert lowest == ["C4", "C4", "E3", "D4"]
