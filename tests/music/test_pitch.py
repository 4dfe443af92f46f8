"""Oracles: the piano's published frequencies, and textbook spellings of scales and chords."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemtasks.errors import SpecError
from stemtasks.music import pitch


@given(st.integers(0, 131), st.booleans())
def test_a_number_named_and_read_is_itself(number, flats):
    assert pitch.midi_number(pitch.note_name(number, flats)) == number


@given(st.text(max_size=5))
def test_any_text_is_a_note_or_a_spec_error(text):
    try:
        number = pitch.midi_number(text)
    except SpecError:
        return
    assert -2 <= number <= 133


@pytest.mark.parametrize(
    ("name", "frequency_hz"),
    [
        ("A4", 440.0),
        ("C4", 261.6256),
        ("A0", 27.5),
        ("C8", 4186.009),
        ("E2", 82.40689),
        ("F#3", 184.9972),
        ("C-1", 8.1758),
    ],
)
def test_notes_have_the_pianos_frequencies(name, frequency_hz):
    assert pitch.frequency_hz(pitch.midi_number(name)) == pytest.approx(frequency_hz, rel=1e-6)


@pytest.mark.parametrize(
    ("one", "other"), [("C#3", "Db3"), ("B#3", "C4"), ("Cb4", "B3"), ("F##2", "G2"), ("Bbb5", "A5")]
)
def test_enharmonic_names_are_one_pitch(one, other):
    assert pitch.midi_number(one) == pitch.midi_number(other)


def spelled(key):
    return " ".join(pitch.FLAT_NAMES[(key.tonic + key.degree(number)) % 12] for number in range(1, 8))


@pytest.mark.parametrize(
    ("name", "notes"),
    [
        ("G major", "G A B C D E Gb"),
        ("Ab major", "Ab Bb C Db Eb F G"),
        ("E minor", "E Gb G A B C D"),
        ("D dorian", "D E F G A B C"),
        ("E phrygian", "E F G A B C D"),
        ("F lydian", "F G A B C D E"),
        ("G mixolydian", "G A B C D E F"),
        ("B locrian", "B C D E F G A"),
        ("A harmonic minor", "A B C D E F Ab"),
        ("A melodic minor", "A B C D E Gb Ab"),
    ],
)
def test_keys_have_their_scales(name, notes):
    assert spelled(pitch.parse_key(name)) == notes


@pytest.mark.parametrize("text", ["", "H major", "G", "g major", "G blues", "Gmajor", "G#b minor"])
def test_a_key_that_is_none_says_what_a_key_is(text):
    with pytest.raises(SpecError, match=r"is not a key; .*'Ab major'.*dorian"):
        pitch.parse_key(text)


@pytest.mark.parametrize("key", ["G major", "G minor", "G dorian"])
def test_a_flat_seventh_is_the_same_note_in_major_and_minor(key):
    assert pitch.parse_key(key).degree(7, "b") == 10


def test_a_sharp_raises_the_keys_own_degree():
    assert pitch.parse_key("A minor").degree(7, "#") == 11
    assert pitch.parse_key("C major").degree(4, "#") == 6


def test_degrees_past_the_seventh_are_in_the_next_octave():
    key = pitch.parse_key("C major")
    assert [key.degree(number) for number in (8, 9, 15)] == [12, 14, 24]


CHORDS = [
    ("C major", "I", "C E G"),
    ("C major", "ii7", "D F A C"),
    ("C major", "V7", "G B D F"),
    ("C major", "Imaj7", "C E G B"),
    ("C major", "IM7", "C E G B"),
    ("C major", "vi", "A C E"),
    ("C major", "vii°", "B D F"),
    ("C major", "viio", "B D F"),
    ("C major", "viiø7", "B D F A"),
    ("C major", "viim7b5", "B D F A"),
    ("C major", "viidim7", "B D F Ab"),
    ("C major", "bVII", "Bb D F"),
    ("C major", "III+", "E Ab C"),
    ("C major", "Isus4", "C F G"),
    ("C major", "V7sus4", "G C D F"),
    ("C major", "I5", "C G"),
    ("C major", "Iadd9", "C E G D"),
    ("C major", "iv6", "F Ab C D"),
    ("C major", "V7/V", "D Gb A C"),
    ("C major", "V7/vi", "E Ab B D"),
    ("A minor", "i", "A C E"),
    ("A minor", "VII", "G B D"),
    ("A minor", "bVII", "G B D"),
    ("A minor", "V7", "E Ab B D"),
    ("A minor", "#vii°7", "Ab B D F"),
]


@pytest.mark.parametrize(("key", "text", "notes"), CHORDS)
def test_roman_numerals_are_the_textbooks_chords(key, text, notes):
    key = pitch.parse_key(key)
    sounded = pitch.chord(text, key)
    assert " ".join(pitch.FLAT_NAMES[(key.tonic + note) % 12] for note in sounded) == notes
    assert list(sounded) == sorted(sounded)


def test_what_is_no_numeral_is_no_chord():
    assert pitch.chord("5", pitch.parse_key("C major")) is None
    assert pitch.chord("G2", pitch.parse_key("C major")) is None


@pytest.mark.parametrize(
    ("text", "message"), [("Vx", "unknown chord 'x' on V; known after V: .*maj7"), ("V/H", "cannot stand on 'H'")]
)
def test_a_chord_of_unknown_kind_lists_the_known(text, message):
    with pytest.raises(SpecError, match=message):
        pitch.chord(text, pitch.parse_key("C major"))


def test_open_voicing_raises_the_second_note():
    assert pitch.voiced((60, 64, 67), "open", None) == (60, 67, 76)
    assert pitch.voiced((60, 67), "open", None) == (60, 67)


def test_close_voicing_is_root_position():
    assert pitch.voiced((67, 71, 74), "close", (60, 64, 67)) == (67, 71, 74)


def test_smooth_voicing_keeps_common_notes_and_moves_by_steps():
    assert pitch.voiced((67, 71, 74), "smooth", (60, 64, 67)) == (59, 62, 67)
    assert pitch.voiced((69, 72, 76), "smooth", (60, 64, 67)) == (60, 64, 69)


chords = st.lists(st.integers(40, 80), min_size=2, max_size=5, unique=True).map(sorted).map(tuple)


@given(chords, chords)
def test_smooth_voicing_has_the_same_pitch_classes_and_never_moves_more_than_root_position(chord, previous):
    def movement(notes):
        return sum(min(abs(a - b) for b in previous) for a in notes) + sum(
            min(abs(a - b) for a in notes) for b in previous
        )

    smooth = pitch.voiced(chord, "smooth", previous)
    assert sorted(note % 12 for note in smooth) == sorted(note % 12 for note in chord)
    assert movement(smooth) <= movement(chord)


@pytest.mark.parametrize("symbol", ["Am", "Cm7", "Bbmaj7", "F#m7b5", "Gsus4", "D/F#"])
def test_a_chords_symbol_is_told_how_chords_are_written(symbol):
    with pytest.raises(SpecError, match="is a chord's symbol; a chord is written by its degree"):
        pitch.midi_number(symbol)


@pytest.mark.parametrize(
    ("text", "meant"),
    [("Am", "A minor"), ("A Minor", "A minor"), ("c minor", "C minor"), ("A♭ major", "Ab major"), ("Gmaj", "G major")],
)
def test_a_key_in_another_form_is_told_the_right_one(text, meant):
    with pytest.raises(SpecError, match=f"did you mean '{meant}'"):
        pitch.parse_key(text)
    assert pitch.parse_key(meant)
