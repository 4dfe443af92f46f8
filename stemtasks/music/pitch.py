"""Names of pitches, keys, scales and chords, as semitones: MIDI numbers, A4 = 69 = 440 Hz, C4 = 60.

Pure Python, so that a spec's notes and keys can be checked without importing numpy.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from stemtasks.errors import SpecError

LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
SHARP_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
FLAT_NAMES = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")

MAJOR = (0, 2, 4, 5, 7, 9, 11)
SCALES = {
    "major": MAJOR,
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
    "melodic minor": (0, 2, 3, 5, 7, 9, 11),
    "ionian": MAJOR,
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "aeolian": (0, 2, 3, 5, 7, 8, 10),
    "locrian": (0, 1, 3, 5, 6, 8, 10),
}

NUMERALS = ("I", "II", "III", "IV", "V", "VI", "VII")
EITHER_CASE = {"sus2": (0, 2, 7), "sus4": (0, 5, 7), "7sus4": (0, 5, 7, 10), "5": (0, 7)}
MAJOR_CHORDS = EITHER_CASE | {
    "": (0, 4, 7),
    "6": (0, 4, 7, 9),
    "7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11),
    "9": (0, 4, 7, 10, 14),
    "maj9": (0, 4, 7, 11, 14),
    "add9": (0, 4, 7, 14),
    "+": (0, 4, 8),
    "aug": (0, 4, 8),
    "aug7": (0, 4, 8, 10),
}
MINOR_CHORDS = EITHER_CASE | {
    "": (0, 3, 7),
    "6": (0, 3, 7, 9),
    "7": (0, 3, 7, 10),
    "maj7": (0, 3, 7, 11),
    "9": (0, 3, 7, 10, 14),
    "add9": (0, 3, 7, 14),
    "°": (0, 3, 6),
    "o": (0, 3, 6),
    "dim": (0, 3, 6),
    "°7": (0, 3, 6, 9),
    "o7": (0, 3, 6, 9),
    "dim7": (0, 3, 6, 9),
    "ø7": (0, 3, 6, 10),
    "m7b5": (0, 3, 6, 10),
}

_NOTE = re.compile(r"([A-G])(##?|bb?)?(-1|[0-9])")
_KEY = re.compile(r"([A-G])([#b]?) ([a-z]+(?: [a-z]+)?)")
_CHORD_SYMBOL = re.compile(
    r"[A-G][#b]?(?=.)(?:m|maj|min|M|dim|aug|sus|add|\+|°|ø)?(?:[24679]|11|13)?(?:b5)?(?:/[A-G][#b]?)?"
)
_CHORD = re.compile(r"([b#]{0,2})(VII|III|VI|IV|II|V|I|vii|iii|vi|iv|ii|v|i)([^/]*)")


def accidental(marks: str) -> int:
    """Return the semitones that a string of ``#`` and ``b`` raises by."""
    return marks.count("#") - marks.count("b")


def midi_number(name: str) -> int:
    """Return the MIDI number of a note such as ``A4``, ``C#3``, ``Bb2``; SpecError if it is none."""
    match = _NOTE.fullmatch(name)
    if match is None and _CHORD_SYMBOL.fullmatch(name):
        raise SpecError(
            f"'{name}' is a chord's symbol; a chord is written by its degree, capital if major and small if minor: "
            "I, vi, V7, IVmaj7, V7/vi"
        )
    if match is None:
        raise SpecError(f"'{name}' is not a note; a note is A to G, # or b if any, and an octave -1 to 9: A4, C#3, Bb2")
    letter, marks, octave = match.groups()
    return 12 * (int(octave) + 1) + LETTERS[letter] + accidental(marks or "")


def note_name(number: int, flats: bool = False) -> str:
    """Return the name of a MIDI number, black keys as sharps or as flats."""
    return f"{(FLAT_NAMES if flats else SHARP_NAMES)[number % 12]}{number // 12 - 1}"


def frequency_hz(number: float) -> float:
    """Return a MIDI number's frequency in equal temperament, A4 = 440 Hz (ISO 16)."""
    return float(440.0 * 2.0 ** ((number - 69.0) / 12.0))


@dataclass(frozen=True)
class Key:
    """A tonic (0 = C to 11 = B) and the seven semitones of its scale."""

    tonic: int
    scale: tuple[int, ...]

    def degree(self, number: int, marks: str = "") -> int:
        """Return a scale degree in semitones above the tonic; 8 is the octave, 9 the second above it.

        ``b`` lowers the degree of the major scale and ``#`` raises that of the key's own scale, so that
        b7 and bVII are the flat seventh in G major and in G minor alike, and #7 is G minor's leading note.
        """
        octaves, index = divmod(number - 1, 7)
        steps = (MAJOR if "b" in marks else self.scale)[index]
        return 12 * octaves + steps + accidental(marks)


def _meant(text: str) -> str:
    """Return the key that a text in another form means: 'Am', 'a minor', 'A♭ Major'; nothing if none is clear."""
    match = re.fullmatch(r"([A-Ga-g])([#b]?) ?(.*)", text.replace("♭", "b").replace("♯", "#"))
    if match is None:
        return ""
    scale = {"": "major", "m": "minor", "min": "minor", "maj": "major", "M": "major"}.get(match[3], match[3].lower())
    return f"{match[1].upper()}{match[2]} {scale}" if scale in SCALES else ""


def parse_key(text: str) -> Key:
    """Return the key that ``G major``, ``Ab minor``, ``E dorian`` or ``F# harmonic minor`` names; SpecError if none."""
    match = _KEY.fullmatch(text.strip())
    if match is None or match[3] not in SCALES:
        meant = _meant(text.strip())
        hint = f"; did you mean '{meant}'?" if meant else ""
        scales = ", ".join(SCALES)
        raise SpecError(
            f"'{text}' is not a key; a key is a tonic and a scale, such as 'Ab major'; scales: {scales}{hint}"
        )
    return Key((LETTERS[match[1]] + accidental(match[2])) % 12, SCALES[match[3]])


def chord(text: str, key: Key) -> tuple[int, ...] | None:
    """Return a roman numeral's notes in semitones above the tonic, root first; None if it does not begin as one.

    Upper case is major, lower case minor, whatever the key. ``V7/vi`` is the V7 of the key on vi.
    SpecError for an unknown kind of chord.
    """
    text, _, target = text.partition("/")
    match = _CHORD.fullmatch(text)
    if match is None:
        return None
    marks, numeral, kind = match.groups()
    kinds = MAJOR_CHORDS if numeral.isupper() else MINOR_CHORDS
    kind = "maj" + kind[1:] if kind in ("M7", "M9") else kind
    if kind not in kinds:
        known = ", ".join(name for name in kinds if name)
        raise SpecError(f"unknown chord '{kind}' on {numeral}; known after {numeral}: {known}")
    offset = 0
    if target:
        applied = _CHORD.fullmatch(target)
        if applied is None or applied[3]:
            raise SpecError(
                f"a chord cannot stand on '{target}'; after / is a degree (IV/1), a note (IV/G2) or a numeral (V7/vi)"
            )
        offset = key.degree(NUMERALS.index(applied[2].upper()) + 1, applied[1])
        key = Key((key.tonic + offset) % 12, SCALES["major" if applied[2].isupper() else "minor"])
    root = offset + key.degree(NUMERALS.index(numeral.upper()) + 1, marks)
    return tuple(root + interval for interval in kinds[kind])


def voiced(notes: tuple[int, ...], voicing: str, previous: tuple[int, ...] | None) -> tuple[int, ...]:
    """Return a chord's notes in a voicing, ascending: ``close``, ``open`` or ``smooth``.

    ``open`` raises the second note by an octave. ``smooth`` takes the inversion whose notes lie nearest
    to the previous chord's, among those around root position, so that a progression neither jumps nor drifts.
    """
    notes = tuple(sorted(notes))
    if voicing == "open" and len(notes) > 2:
        return tuple(sorted((notes[0], notes[1] + 12, *notes[2:])))
    if voicing != "smooth" or previous is None:
        return notes

    def movement(candidate: tuple[int, ...]) -> int:
        there = sum(min(abs(note - other) for other in previous) for note in candidate)
        back = sum(min(abs(note - other) for note in candidate) for other in previous)
        return there + back

    count = len(notes)
    inversions = [
        tuple(sorted(note + 12 * ((index < turn) - (index >= count + turn)) for index, note in enumerate(notes)))
        for turn in range(1 - count, count)
    ]
    return min(inversions, key=lambda candidate: (movement(candidate), candidate))
