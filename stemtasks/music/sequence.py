"""Patterns played in time: repeated, voiced, gated and arpeggiated, as notes with their beats."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import count

from stemtasks.music.patterns import Pattern, Struck
from stemtasks.music.pitch import voiced

SHORTEST_BEATS = 1e-6
LARGEST_DENOMINATOR = 48


@dataclass(frozen=True)
class Playing:
    """How a pattern is played; ``arpeggio`` is none, up, down or updown."""

    steps_per_beat: Fraction
    gate: float
    voicing: str
    arpeggio: str
    arpeggio_steps_per_beat: Fraction
    arpeggio_octaves: int


@dataclass(frozen=True)
class Sounded:
    """Notes struck together (MIDI numbers, ascending): the beat they start at, the beats they are held for."""

    beat: float
    beats: float
    notes: tuple[int, ...]
    struck: Struck


def steps_ratio(steps_per_beat: float) -> Fraction:
    """Return a rate as a fraction, so that a third written as 0.333 does not drift against the bar."""
    near = Fraction(steps_per_beat).limit_denominator(LARGEST_DENOMINATOR)
    return near if abs(near - Fraction(steps_per_beat)) < Fraction(1, 2000) else Fraction(steps_per_beat)


def sequence(pattern: Pattern, beats: float, playing: Playing) -> Iterator[Sounded]:
    """Yield what a pattern sounds when repeated for ``beats``, by its start; nothing is held past that end."""
    previous: tuple[int, ...] | None = None
    rate = playing.steps_per_beat
    for repeat in count() if pattern.struck else ():
        for struck in pattern.struck:
            beat = (repeat * pattern.steps + struck.step) / rate
            left = beats - float(beat)
            if left < SHORTEST_BEATS:
                return
            chord = voiced(struck.notes, playing.voicing, previous) if struck.notes else ()
            previous = chord or previous
            notes = _over_bass(tuple(note + struck.shift for note in chord), struck.fixed)
            span = min(float(struck.steps / rate), left)
            if playing.arpeggio == "none":
                held = min(float((struck.steps - 1 + playing.gate) / rate), left)
                yield Sounded(float(beat), held, notes, struck)
            else:
                yield from _arpeggio(float(beat), span, notes, struck, playing)


def _over_bass(chord: tuple[int, ...], fixed: tuple[int, ...]) -> tuple[int, ...]:
    """Return all notes, ascending, those of the chord not below its bass: an inversion would make it no bass."""
    if chord and fixed:
        chord = tuple(note + 12 if note <= fixed[0] else note for note in chord)
    return tuple(sorted({*chord, *fixed}))


def _arpeggio(beat: float, beats: float, notes: tuple[int, ...], struck: Struck, playing: Playing) -> Iterator[Sounded]:
    """Yield the notes one by one for as long as their step lasts."""
    climb = sorted({note + 12 * octave for octave in range(playing.arpeggio_octaves) for note in notes})
    order = {"up": climb, "down": climb[::-1], "updown": climb + climb[-2:0:-1]}[playing.arpeggio]
    for index in count():
        after = float(index / playing.arpeggio_steps_per_beat)
        left = beats - after
        if left < SHORTEST_BEATS:
            return
        held = min(float(playing.gate / playing.arpeggio_steps_per_beat), left)
        yield Sounded(beat + after, held, (order[index % len(order)],), struck)
