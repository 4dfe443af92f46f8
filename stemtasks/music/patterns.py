"""Patterns: a line of steps such as ``1 . 5 - | b7! 4, G2 .`` or ``I V7 vi IV/1``, read as notes in a key.

- ``1`` to ``15``: a degree of the key's scale, 8 the octave; ``b7``, ``#4``: see ``Key.degree``.
- ``G2``: a note whatever the key, with # or b if any, octave -1 to 9.
- ``1+3+G5``: several of these at once.
- ``vi``: a chord, upper case major, lower case minor, then its kind: ``V7 Imaj7 ii° viiø7 Isus4 iv6 Iadd9 III+``.
- ``IV/1``: a chord over a bass note (a degree or a note). ``V7/vi``: the V7 of the key on vi.
- ``'`` and ``,`` after any of these: an octave up, an octave down, each as often as wanted.
- ``!`` and ``?`` at the end: accented, ghosted. ``*4`` at the very end: the step four times.
- ``.`` is a rest, ``-`` lets the step before go on, ``|`` is for the eye.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from stemtasks.errors import Mistakes, SpecError
from stemtasks.music.pitch import LETTERS, SCALES, Key, chord, midi_number

ALLOWED = "a step is a degree (1, b7, 5'), a note (G2), a chord (vi, V7, IV/1), notes with + (1+3+5), '.' or '-'"
MOST_REPEATS = 1000
MOST_STEPS = 100_000
"""Of a pattern, repeats and all: each is kept in memory."""
MOST_MISTAKES = 20
MOST_OCTAVES = 10
"""Up or down: no more can be heard."""
HIGHEST_DEGREE = 15
C_MAJOR = Key(0, SCALES["major"])

_STEP = re.compile(r"(.+?)([!?]?)(?:\*([0-9]{1,6}))?")
_MARKED = re.compile(r"([^',]+)([',]*)")
_DEGREE = re.compile(r"([b#]{0,2})(\d{1,2})")


@dataclass(frozen=True)
class Struck:
    """A step that sounds: where it begins and how long it lasts, in steps of its pattern, and its MIDI numbers.

    ``notes`` of a chord are in root position and may be voiced, then moved by ``shift`` semitones;
    ``fixed`` notes stay as they are. ``accent`` is 1, 0 or -1 (ghosted). ``text`` is the step as written.
    """

    step: int
    steps: int
    notes: tuple[int, ...]
    fixed: tuple[int, ...]
    shift: int
    accent: int
    text: str


@dataclass(frozen=True)
class Pattern:
    """Steps that sound, in order, and the pattern's length in steps."""

    struck: tuple[Struck, ...]
    steps: int


def parse_pattern(text: str, key: Key | None, octave: int, where: str) -> Pattern:
    """Return the pattern that a string means in a key, degree 1 in the given octave (4: the tonic from C4 to B4).

    SpecError, each mistake beginning with ``where`` and the step, for steps that are none or need a key where there is
    none.
    """
    struck: list[Struck] = []
    mistakes = Mistakes()
    count, sounding = 0, False
    words = text.replace("|", " ").replace("♭", "b").replace("♯", "#").split()
    for number, word in enumerate(words, 1):
        try:
            body, mark, repeats = _taken_apart(word)
            if body == "-" and count == 0:
                raise SpecError("there is no step before it to go on")
            if body == "-" and sounding:
                struck[-1] = replace(struck[-1], steps=struck[-1].steps + repeats)
            elif body != "-":
                sounding = body != "."
            if body not in (".", "-"):
                one = _read_step(body, key, octave)
                one = replace(one, accent={"": 0, "!": 1, "?": -1}[mark], text=word)
                if len(struck) + repeats > MOST_STEPS:
                    raise SpecError(f"more than {MOST_STEPS} steps; let the pattern repeat instead")
                struck += [replace(one, step=count + index) for index in range(repeats)]
            count += repeats
        except SpecError as error:
            mistakes.append(f"{where}: step {number} '{word}': {error}")
            count, sounding = count + 1, False
        if len(mistakes) >= MOST_MISTAKES:
            break
    mistakes.settle()
    if not count:
        raise SpecError(f"{where}: the pattern is empty; write '.' for silence; {ALLOWED}")
    return Pattern(tuple(struck), count)


def _taken_apart(word: str) -> tuple[str, str, int]:
    """Return a step without its marks, its accent mark or '', and how often it comes."""
    match = _STEP.fullmatch(word)
    if match is None:
        raise SpecError(f"not a step; {ALLOWED}")
    body, mark, repeats = match[1], match[2], int(match[3] or 1)
    if not 1 <= repeats <= MOST_REPEATS:
        raise SpecError(f"a step is repeated 1 to {MOST_REPEATS} times (1*4)")
    if body in (".", "-") and mark:
        raise SpecError(f"only a step that sounds can have '{mark}'")
    return body, mark, repeats


def _read_step(body: str, key: Key | None, octave: int) -> Struck:
    """Return what a step without accent and repeats sounds, as if it were the first."""
    over, _, under = body.partition("/")
    bass = _note(under, key, octave) if under else None
    match = _MARKED.fullmatch(body if bass is None else over)
    intervals = chord(match[1], key or C_MAJOR) if match is not None else None
    if match is not None and intervals is not None:
        tonic = 12 * (octave + 1) + _needed(key).tonic
        shift = _octaves(match[2])
        while bass is not None and under[0] not in LETTERS and bass >= tonic + intervals[0] + shift:
            bass -= 12
        notes = tuple(tonic + interval for interval in intervals)
        return Struck(0, 1, notes, () if bass is None else (bass,), shift, 0, body)
    fixed = {_note(part, key, octave) for part in body.split("+")}
    if None in fixed:
        raise SpecError(f"not a step; {ALLOWED}")
    return Struck(0, 1, (), tuple(sorted(note for note in fixed if note is not None)), 0, 0, body)


def _note(text: str, key: Key | None, octave: int) -> int | None:
    """Return the MIDI number of a degree or a note, with octave marks if any; None if it is neither."""
    match = _MARKED.fullmatch(text)
    if match is None:
        return None
    bare, shift = match[1], _octaves(match[2])
    if bare[0] in LETTERS:
        return midi_number(bare) + shift
    degree = _DEGREE.fullmatch(bare)
    if degree is None:
        return None
    number = int(degree[2])
    if not 1 <= number <= HIGHEST_DEGREE:
        raise SpecError(f"degrees are 1 to {HIGHEST_DEGREE}, with ' or , for other octaves")
    key = _needed(key)
    return 12 * (octave + 1) + key.tonic + key.degree(number, degree[1]) + shift


def _octaves(marks: str) -> int:
    if len(marks) > MOST_OCTAVES:
        raise SpecError(f"at most {MOST_OCTAVES} octave marks, ' or , can be heard")
    return 12 * (marks.count("'") - marks.count(","))


def _needed(key: Key | None) -> Key:
    if key is None:
        raise SpecError("degrees and chords need a key: set song.key or the section's key, or write notes (G2)")
    return key
