"""A plain tone: one note as long as the stem, or one repeated on the beat; for reference, tuning, drones, clicks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from stemtasks.audio.blocks import BLOCK_FRAMES, Block, Blocks, Stream
from stemtasks.dsp.envelope import Adsr
from stemtasks.dsp.events import placed
from stemtasks.dsp.oscillators import Oscillator
from stemtasks.errors import Mistakes, SpecError
from stemtasks.music.pitch import frequency_hz as note_frequency_hz
from stemtasks.music.pitch import midi_number
from stemtasks.timeline import Timeline, frames_of_beats
from stemtasks.units import Beats, CutoffHz, EnvelopeMs, Fraction, LevelDbfs, Note

PIECE_FRAMES = 1 << 14
CUT_FADE_MS = 8.0
SHORTEST_SECONDS = 0.001


def tone(
    stream: Stream,
    *,
    timeline: Timeline,
    waveform: Literal["sine", "triangle", "saw", "square"] = "sine",
    note: Note = "A4",
    frequency_hz: CutoffHz | None = None,
    level_dbfs: LevelDbfs = -12.0,
    attack_ms: EnvelopeMs = 10.0,
    decay_ms: EnvelopeMs = 0.0,
    sustain: Fraction = 1.0,
    release_ms: EnvelopeMs = 50.0,
    every_beats: Beats | None = None,
    length_beats: Beats | None = None,
) -> Blocks:
    """Play one pitch without aliasing, the same in all channels.

    Raises SpecError for a pitch above half the sample rate, and for beats that the song's tempo or each other
    do not allow. Every harmonic is exact; everything else is below -80 dB.

    Parameters
    ----------
    waveform
        The shape; all but the sine have every harmonic below half the sample rate and none above.
    note
        The pitch, A4 = 440 Hz.
    frequency_hz
        The pitch in Hz, instead of a note.
    level_dbfs
        The peak of the waveform at full envelope.
    attack_ms
        From silence to full level; at least 1 ms, which does not click.
    decay_ms
        From full level to the sustain; at least 1 ms.
    sustain
        The level that is held, as a fraction of the full one; 0 for a plucked or struck sound.
    release_ms
        From the held level to silence, inside the note's length; at least 1 ms.
    every_beats
        Start the note again this often; one note as long as the stem if not given.
    length_beats
        How long each note is, its release included; as long as every_beats if not given.
    """
    pitch_hz = _pitch_hz(stream, note, frequency_hz)
    starts, length = _repeats(stream, timeline, every_beats, length_beats)
    envelope = Adsr.of(attack_ms, decay_ms, sustain, release_ms, stream.sample_rate)
    # a note shorter than two releases is let go halfway, so that it sounds at all
    held = max(length - envelope.release, length // 2)
    envelope = replace(envelope, release=length - held)
    oscillator = Oscillator(waveform, pitch_hz, stream.sample_rate)
    gain = 10.0 ** (level_dbfs / 20.0)

    def pieces() -> Iterator[Block]:
        total = envelope.frames(held)
        for start in range(0, total, PIECE_FRAMES):
            stop = min(start + PIECE_FRAMES, total)
            piece = oscillator.read(start, stop - start)
            piece *= envelope.gains(start, stop, held) * gain
            yield piece[:, None]

    fade = round(CUT_FADE_MS * stream.sample_rate / 1000.0)
    events = ((start, pieces()) for start in starts)
    return placed(events, stream.frames, stream.channels, BLOCK_FRAMES, fade)


def check(
    *,
    stream: Stream,
    timeline: Timeline,
    note: str,
    frequency_hz: float | None,
    every_beats: float | None,
    length_beats: float | None,
) -> None:
    """Refuse what ``tone`` would."""
    mistakes = Mistakes()
    with mistakes:
        _pitch_hz(stream, note, frequency_hz)
    with mistakes:
        _repeats(stream, timeline, every_beats, length_beats)
    mistakes.settle()


def _pitch_hz(stream: Stream, note: str, frequency_hz: float | None) -> float:
    pitch_hz = note_frequency_hz(midi_number(note)) if frequency_hz is None else frequency_hz
    if pitch_hz >= stream.sample_rate / 2:
        raise SpecError(
            f"note: {note} ({pitch_hz:.1f} Hz) is not below half the sample rate of {stream.sample_rate} Hz"
        )
    return pitch_hz


def _repeats(
    stream: Stream, timeline: Timeline, every_beats: float | None, length_beats: float | None
) -> tuple[Iterator[int], int]:
    """Return the frames where notes start and the frames that each lasts."""
    if every_beats is None and length_beats is None:
        return iter([0]), stream.frames
    bpm = timeline.bpm
    if bpm is None:
        raise SpecError("every_beats and length_beats need a tempo: set song.bpm, or leave them out for one long note")
    rate = stream.sample_rate
    for name, beats in (("every_beats", every_beats), ("length_beats", length_beats)):
        if beats is not None and beats * 60.0 / bpm < SHORTEST_SECONDS:
            raise SpecError(f"{name}: {beats:g} beats at {bpm:g} beats/min are less than 1 ms; make it longer")
    if every_beats is None:
        return iter([0]), min(frames_of_beats(length_beats or 0.0, bpm, rate), stream.frames)
    length = every_beats if length_beats is None else length_beats
    if length > every_beats:
        raise SpecError(f"length_beats: {length:g} is more than every_beats ({every_beats:g}); notes must not overlap")

    def starts() -> Iterator[int]:
        number = 0
        while (start := frames_of_beats(number * every_beats, bpm, rate)) < stream.frames:
            yield start
            number += 1

    return starts(), frames_of_beats(length, bpm, rate)
