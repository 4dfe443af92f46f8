"""A synthesiser that plays patterns of notes and chords in the key of each section of the song."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np

from stemtasks.audio.blocks import BLOCK_FRAMES, Block, Blocks, Stream
from stemtasks.dsp.envelope import Adsr
from stemtasks.dsp.events import in_order, placed
from stemtasks.dsp.patch import LOWEST_HZ, Patch
from stemtasks.errors import Mistakes, SpecError
from stemtasks.music.patterns import MOST_STEPS, Pattern, parse_pattern
from stemtasks.music.pitch import Key, frequency_hz, note_name, parse_key
from stemtasks.music.sequence import Playing, Sounded, sequence, steps_ratio
from stemtasks.timeline import Section, Timeline, frames_of_beats
from stemtasks.units import CutoffHz, EnvelopeMs, Fraction, LevelDbfs, Octave, Patterns, Q, Range

HIGHEST_HZ = 20_000.0
KEPT_BYTES = 32 << 20
MOST_AT_ONCE = 512
"""Notes that sound at once: a piece of each is in memory."""
CUT_FADE_MS = 8.0
DEFAULT = "default"


def synth(
    stream: Stream,
    *,
    timeline: Timeline,
    seed: int,
    patterns: Patterns,
    steps_per_beat: Annotated[float, Range(0.01, 32.0, "steps/beat")] = 1.0,
    octave: Octave = 4,
    voicing: Literal["close", "open", "smooth"] = "smooth",
    arpeggio: Literal["none", "up", "down", "updown"] = "none",
    arpeggio_steps_per_beat: Annotated[float, Range(0.01, 32.0, "steps/beat")] = 4.0,
    arpeggio_octaves: Annotated[int, Range(1, 4)] = 1,
    gate: Annotated[float, Range(0.01, 1.0)] = 0.9,
    oscillator: Literal["saw", "square", "triangle", "sine"] = "saw",
    voices: Annotated[int, Range(1, 7)] = 3,
    detune_cents: Annotated[float, Range(0.0, 200.0, "cents")] = 14.0,
    width: Fraction = 0.7,
    sub: Fraction = 0.0,
    attack_ms: EnvelopeMs = 5.0,
    decay_ms: EnvelopeMs = 200.0,
    sustain: Fraction = 0.7,
    release_ms: EnvelopeMs = 150.0,
    cutoff_hz: CutoffHz = 3000.0,
    resonance: Q = 0.9,
    filter_envelope_octaves: Annotated[float, Range(-8.0, 8.0, "octaves")] = 1.0,
    filter_decay_ms: EnvelopeMs = 250.0,
    accent_db: Annotated[float, Range(0.0, 24.0, "dB")] = 4.0,
    humanize_ms: Annotated[float, Range(0.0, 50.0, "ms")] = 2.0,
    humanize_db: Annotated[float, Range(0.0, 12.0, "dB")] = 0.7,
    level_dbfs: LevelDbfs = -9.0,
) -> Blocks:
    """Play a pattern in each section, in the section's key, repeated until the section ends.

    Notes may ring past their section; what rings past the stem's end is faded in its last 8 ms.
    Raises SpecError for a song without bpm, a pattern for no section, a step that is none, a degree or
    chord where the section has no key, a note below 20 Hz, above 20 kHz or above half the sample rate, and more
    than 512 notes that sound at once.

    Parameters
    ----------
    patterns
        A pattern for each section's name, and 'default' for all others; a section without one is silent.
        Steps stand between spaces: degrees of the key (1 b7 5' 5,), notes (G2), chords (I V7 vi IV/1 V7/vi),
        several notes (1+3+5), a rest (.), the step before going on (-); then ! for an accent, ? for a
        ghost note, *4 for four times. Bar lines (|) are for the eye.
    steps_per_beat
        Steps in a quarter note: 4 for sixteenths, 0.25 for one chord per bar of 4/4. 0.333 is taken for a third.
    octave
        Where degree 1 lies: 4 puts it from C4 to B4, 2 is for basses.
    voicing
        Of chords: in root position (close), with the second note an octave up (open), or each in the inversion
        nearest to the chord before (smooth).
    arpeggio
        Play the notes of a step one after the other, in this direction, for as long as the step lasts.
    arpeggio_steps_per_beat
        Notes of an arpeggio in a quarter note.
    arpeggio_octaves
        How many octaves an arpeggio goes through.
    gate
        The part of a note's last step that sounds before it is released: low is staccato, 1 is legato.
    oscillator
        The waveform, free of aliasing.
    voices
        Oscillators a note, detuned against each other.
    detune_cents
        From the lowest to the highest of the voices.
    width
        How far the voices are spread from left to right in a stereo stem.
    sub
        Level of a sine an octave below the lowest note, in the middle; left out below 20 Hz.
    attack_ms
        From silence to full level; at least 1 ms, which does not click.
    decay_ms
        From full level to the sustain; at least 1 ms.
    sustain
        The level that is held, as a fraction of the full one; 0 for plucked sounds.
    release_ms
        From the held level to silence, after the note's end; at least 1 ms.
    cutoff_hz
        Of the low-pass filter, 12 dB per octave, where its envelope has come to rest.
    resonance
        Q of the filter: 0.7 is flat, 2 and more sings at the cutoff.
    filter_envelope_octaves
        How far above the cutoff (below, if negative) the filter is when a note starts.
    filter_decay_ms
        Until the filter is back at its cutoff.
    accent_db
        How much louder ! and softer ? is; the filter follows by an octave per 6 dB.
    humanize_ms
        Notes start up to this much early or late.
    humanize_db
        Notes are up to this much softer or louder.
    level_dbfs
        The stem's highest sample.
    """
    bpm = _tempo(timeline, steps_per_beat, arpeggio, arpeggio_steps_per_beat, release_ms)
    playing = Playing(
        steps_ratio(steps_per_beat), gate, voicing, arpeggio, steps_ratio(arpeggio_steps_per_beat), arpeggio_octaves
    )
    rendered = Rendered(
        Patch(
            waveform=oscillator,
            voices=voices,
            detune_cents=detune_cents,
            sub=sub,
            width=width if stream.channels == 2 else 0.0,
            envelope=Adsr.of(attack_ms, decay_ms, sustain, release_ms, stream.sample_rate),
            cutoff_hz=cutoff_hz,
            resonance=resonance,
            filter_envelope_octaves=filter_envelope_octaves,
            filter_decay_ms=filter_decay_ms,
            sample_rate=stream.sample_rate,
            seed=seed,
        )
    )
    human = Human(humanize_ms, humanize_db, accent_db, seed)
    score = Score(patterns_of_sections(timeline, patterns, octave), playing, bpm, stream)
    fade = round(CUT_FADE_MS * stream.sample_rate / 1000.0)

    def render() -> Blocks:
        return placed(human.play(score, rendered), stream.frames, stream.channels, BLOCK_FRAMES, fade)

    # what overlaps adds up in ways only adding shows, so it is rendered twice: once for its peak
    peak = max((max(float(block.max()), -float(block.min())) for block in render()), default=0.0)
    gain = 10.0 ** (level_dbfs / 20.0) / peak if peak else 0.0
    return (np.multiply(block, gain, out=block) for block in render())


def check(
    *,
    stream: Stream,
    timeline: Timeline,
    patterns: dict[str, Any],
    steps_per_beat: float,
    octave: int,
    voicing: str,
    arpeggio: str,
    arpeggio_steps_per_beat: float,
    arpeggio_octaves: int,
    gate: float,
    release_ms: float,
) -> None:
    """Refuse what ``synth`` would, as far as playing each pattern once shows it."""
    bpm = _tempo(timeline, steps_per_beat, arpeggio, arpeggio_steps_per_beat, release_ms)
    rates = steps_ratio(steps_per_beat), steps_ratio(arpeggio_steps_per_beat)
    playing = Playing(rates[0], gate, voicing, arpeggio, rates[1], arpeggio_octaves)
    mistakes, played = Mistakes(), set[str]()
    for section, where, pattern in _read(timeline, patterns, octave, mistakes):
        once = replace(section, beats=min(section.beats, float(pattern.steps / playing.steps_per_beat)))
        score = Score([(once, where, pattern)], playing, bpm, stream)
        if where not in played and not score.is_well_inside():
            with mistakes:
                deque(score.notes(), maxlen=0)
        played.add(where)
    mistakes.settle()


def _tempo(
    timeline: Timeline, steps_per_beat: float, arpeggio: str, arpeggio_steps_per_beat: float, release_ms: float
) -> float:
    """Return the song's tempo; SpecError where it has none, or more notes sound at once than memory holds."""
    if timeline.bpm is None:
        raise SpecError("synth: patterns need a tempo; set song.bpm")
    per_beat = steps_per_beat if arpeggio == "none" else max(steps_per_beat, arpeggio_steps_per_beat)
    at_once = per_beat * timeline.bpm / 60 * release_ms / 1000
    if at_once > MOST_AT_ONCE:
        raise SpecError(
            f"release_ms: {release_ms:g} ms of {per_beat * timeline.bpm / 60:.1f} steps a second are {at_once:.0f} "
            f"notes at once, at most {MOST_AT_ONCE} can be; shorten release_ms, or lower steps_per_beat"
        )
    return timeline.bpm


def patterns_of_sections(
    timeline: Timeline, patterns: dict[str, Any], octave: int
) -> list[tuple[Section, str, Pattern]]:
    """Return the sections that have a pattern, each with the pattern's place in the spec and its meaning in its key."""
    mistakes = Mistakes()
    parts = _read(timeline, patterns, octave, mistakes)
    mistakes.settle()
    return parts


def _read(
    timeline: Timeline, patterns: dict[str, Any], octave: int, mistakes: Mistakes
) -> list[tuple[Section, str, Pattern]]:
    names = list(dict.fromkeys(section.name for section in timeline.sections))
    wrong = set[str]()
    for name, text in patterns.items():
        if name not in (*names, DEFAULT):
            mistakes.append(
                f"patterns.{name}: the song has no section '{name}'; sections: {', '.join(names)}, or 'default'"
            )
        elif not isinstance(text, str):
            wrong.add(name)
            mistakes.append(
                f"patterns.{name}: expected a string of steps such as '1 . 5 .', found {type(text).__name__}"
            )
    parts = []
    read: dict[tuple[str, str, str | None], Pattern] = {}
    for section in timeline.sections:
        name = section.name if section.name in patterns else DEFAULT
        if name in patterns and name not in wrong:
            named = section.key or timeline.key
            where = f"patterns.{name}" if name != DEFAULT else f"patterns.{name} (in section '{section.name}')"
            try:
                if (name, section.name, named) not in read:
                    read[name, section.name, named] = parse_pattern(patterns[name], _key(section, named), octave, where)
                    if sum(len(pattern.struck) for pattern in read.values()) > MOST_STEPS:
                        raise SpecError(f"{where}: more than {MOST_STEPS} steps in all; let patterns repeat instead")
                parts.append((section, where, read[name, section.name, named]))
            except SpecError as error:
                mistakes.extend(error.mistakes)
                wrong.add(name)
    return parts


def _key(section: Section, named: str | None) -> Key | None:
    try:
        return None if named is None else parse_key(named)
    except SpecError as error:
        raise SpecError(f"section '{section.name}': {error}") from None


@dataclass(frozen=True)
class Score:
    """All that the stem plays, exactly on the beat."""

    parts: list[tuple[Section, str, Pattern]]
    playing: Playing
    bpm: float
    stream: Stream

    def is_well_inside(self) -> bool:
        """Return whether every note can be heard however it is voiced, which moves one by two octaves at most."""
        climb = 12 * (self.playing.arpeggio_octaves - 1)
        return all(
            frequency_hz(min(notes) - 12) >= LOWEST_HZ and frequency_hz(max(notes) + 24 + climb) < self._highest_hz()
            for _, _, pattern in self.parts
            for one in pattern.struck
            if (notes := (*one.fixed, *(note + one.shift for note in one.notes)))
        )

    def _highest_hz(self) -> float:
        return min(HIGHEST_HZ, self.stream.sample_rate / 2)

    def notes(self) -> Iterator[tuple[int, int, Sounded]]:
        """Yield (start frame, frames held, notes), by start; SpecError for a note that cannot be heard."""
        rate = self.stream.sample_rate
        highest_hz = self._highest_hz()
        for section, where, pattern in self.parts:
            for one in sequence(pattern, section.beats, self.playing):
                start = frames_of_beats(section.start_beat + one.beat, self.bpm, rate)
                if start >= self.stream.frames:
                    return
                for note in one.notes:
                    if not LOWEST_HZ <= frequency_hz(note) < highest_hz:
                        raise SpecError(
                            f"{where}: step '{one.struck.text}' is {note_name(note)} ({frequency_hz(note):.1f} Hz), "
                            f"outside {LOWEST_HZ:g} to {highest_hz:g} Hz; change its octave marks or octave"
                        )
                yield start, max(1, frames_of_beats(one.beats, self.bpm, rate)), one


@dataclass(frozen=True)
class Human:
    """A player: a little early or late, a little softer or louder, the same each time."""

    timing_ms: float
    level_db: float
    accent_db: float
    seed: int

    def play(self, score: Score, rendered: Rendered) -> Iterator[tuple[int, Iterable[Block]]]:
        """Return events (start frame, pieces), by start."""
        slack = round(self.timing_ms * score.stream.sample_rate / 1000.0)
        rng = np.random.Generator(np.random.PCG64(self.seed))

        def events() -> Iterator[tuple[int, Iterable[Block]]]:
            for start, held, one in score.notes():
                early, soft = rng.random(2) * 2.0 - 1.0
                pieces = rendered.pieces(one.notes, held, one.struck.accent * self.accent_db)
                yield max(0, start + round(early * slack)), _scaled(pieces, 10.0 ** (soft * self.level_db / 20.0))

        return in_order(events(), 2 * slack)


def _scaled(pieces: Iterable[Block], gain: float) -> Iterable[Block]:
    return pieces if gain == 1.0 else (piece * gain for piece in pieces)


class Rendered:
    """Notes as they sound, each made once and kept while there is room; the one unused for longest goes first."""

    def __init__(self, patch: Patch, kept_bytes: int = KEPT_BYTES) -> None:
        self.patch = patch
        self.kept_bytes = kept_bytes
        self.bytes = 0
        self._kept: OrderedDict[tuple[tuple[int, ...], int, float], list[Block]] = OrderedDict()

    def pieces(self, notes: tuple[int, ...], held: int, accent_db: float) -> Iterable[Block]:
        """Return the pieces of a note; one too long to keep is made while it is drawn."""
        key = notes, held, accent_db
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        if self.patch.frames(held) * self.patch.channels * 8 > self.kept_bytes // 4:
            return self.patch.pieces(notes, held, accent_db)
        made = self._kept[key] = list(self.patch.pieces(notes, held, accent_db))
        self.bytes += sum(piece.nbytes for piece in made)
        while self.bytes > self.kept_bytes:
            self.bytes -= sum(piece.nbytes for piece in self._kept.popitem(last=False)[1])
        return made
