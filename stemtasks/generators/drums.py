"""Drums: step patterns per section, played by synthesised voices on the exact frames of the timeline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from heapq import merge
from itertools import takewhile
from math import ceil, cos, pi, sin
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np

from stemtasks.audio.blocks import BLOCK_FRAMES, Block, Blocks, Stream
from stemtasks.dsp.events import placed
from stemtasks.dsp.percussion import VOICES, strike
from stemtasks.errors import Mistakes
from stemtasks.music.rows import VELOCITIES, Groove, uneven
from stemtasks.music.rows import grooves as read_grooves
from stemtasks.timeline import Section, Timeline
from stemtasks.units import Fraction, LevelDbfs, Patterns, Range

CUT_FADE_MS = 5.0
WHOLE = 1 << 62
BEAT_EPSILON = 1e-9  # beats are sums of floats; a step this close to a bar's end is the next bar's

_ORDER = {voice: order for order, voice in enumerate(VOICES)}
# one player's pair of cymbals: an open stroke takes the step from a closed one, and the next stroke ends it
_HI_HAT = ("closed_hat", "open_hat")
_INSTRUMENTS = [_HI_HAT, *((voice,) for voice in VOICES if voice not in _HI_HAT)]

# where a listener hears a voice at full width: -1 left, 1 right (a right-handed drummer, seen from the stool)
PAN_POSITIONS = {
    "acoustic": {
        "closed_hat": -0.7,
        "open_hat": -0.7,
        "crash": -0.8,
        "tom_high": -0.4,
        "snare": -0.1,
        "rimshot": -0.1,
        "tom_mid": 0.15,
        "tom_low": 0.7,
        "ride": 0.8,
        "shaker": 0.5,
        "cowbell": 0.3,
        "clap": 0.2,
    },
    "electronic": {
        "closed_hat": 0.25,
        "open_hat": 0.25,
        "crash": -0.5,
        "tom_high": -0.8,
        "tom_low": 0.8,
        "ride": 0.5,
        "shaker": -0.6,
        "cowbell": 0.6,
        "rimshot": -0.35,
    },
}


@dataclass(frozen=True)
class _Grid:
    """Where steps are, and how loosely they are played."""

    timeline: Timeline
    steps_per_beat: int
    swing: float
    humanize_frames: float
    seed: int

    def beat(self, step: int) -> float:
        """Return the place of a step, every second one moved by the swing."""
        return (step + (2.0 * self.swing - 1.0) * (step % 2)) / self.steps_per_beat


class _Sound(NamedTuple):
    voice: str
    mark: str
    variant: int


class _Hit(NamedTuple):
    """A stroke at a frame; ``order`` sorts hits of the same frame, ``heard`` frames sound before it is choked."""

    frame: int
    order: int
    sound: _Sound
    heard: int


@dataclass
class _Kit:
    """The strokes of a song, each rendered once, placed between the loudspeakers: shape (frames, channels)."""

    kit: Literal["acoustic", "electronic"]
    width: float
    seed: int
    stream: Stream
    strokes: dict[_Sound, Block] = field(default_factory=dict)

    def __getitem__(self, sound: _Sound) -> Block:
        if sound not in self.strokes:
            self.strokes[sound] = self._render(sound)
        return self.strokes[sound]

    def scale(self, gain: float) -> None:
        """Make all strokes rendered so far louder or softer."""
        for sound in self.strokes:
            self.strokes[sound] *= gain

    def _render(self, sound: _Sound) -> Block:
        voice, mark, variant = sound
        entropy = [self.seed, 1, _ORDER[voice], "oxX".index(mark), variant]
        rng = np.random.Generator(np.random.PCG64(entropy))
        mono = strike(voice, self.kit == "electronic", VELOCITIES[mark], self.stream.sample_rate, rng)
        block = np.zeros((len(mono), self.stream.channels))
        angle = (1.0 + self.width * PAN_POSITIONS[self.kit].get(voice, 0.0)) * pi / 4.0
        for channel, gain in enumerate((cos(angle), sin(angle)) if self.stream.channels > 1 else (1.0,)):
            block[:, channel] = gain * mono
        return block


def drums(
    stream: Stream,
    *,
    timeline: Timeline,
    seed: int,
    patterns: Patterns,
    steps_per_beat: Annotated[int, Range(1, 24, "steps/beat")] = 4,
    swing: Annotated[float, Range(0.5, 0.75)] = 0.5,
    humanize_ms: Annotated[float, Range(0.0, 50.0, "ms")] = 0.0,
    level_dbfs: LevelDbfs = -6.0,
    kit: Literal["acoustic", "electronic"] = "acoustic",
    width: Fraction = 0.5,
) -> Blocks:
    """Play drum patterns along the sections of the song: ``stream.frames`` frames, mono, or stereo in channels 1 and 2.

    Raises ``SpecError`` for a song without bpm and for patterns that cannot be read.

    Parameters
    ----------
    patterns
        For each section's name (or "default" for the others) a table of rows, one per voice: kick, snare,
        rimshot, clap, closed_hat, open_hat, ride, crash, tom_low, tom_mid, tom_high, shaker, cowbell.
        A row is a text of steps: X accent, x hit, o ghost note, . or - rest; spaces and | are for the eye.
        Rows repeat to fill their section and may differ in length. A section that has no table is silent.
        ``crash_on_start = true`` accents the crash on the section's first step. A table ``fill`` of rows
        replaces the whole last bar of every ``fill_every_bars`` bars (without it, the section's last bar).
    steps_per_beat
        Steps in a quarter note: 4 for sixteenths, 2 for eighths, 3 for triplets.
    swing
        Place of the second step of a pair: 0.5 straight, 0.667 triplets, 0.75 dotted.
    humanize_ms
        The most by which a hit comes early or late, at random.
    level_dbfs
        Peak level of the loudest moment.
    kit
        Acoustic drums, or a drum machine.
    width
        Stereo placement: 0 all in the centre, 1 as wide as the kit stands.
    """
    check(timeline=timeline, patterns=patterns, steps_per_beat=steps_per_beat, swing=swing)
    grid = _Grid(timeline, steps_per_beat, swing, humanize_ms / 1000.0 * stream.sample_rate, seed)
    grooves = _grooves(patterns, grid)
    strokes = _Kit(kit, width, seed, stream)
    # twice through the song in blocks: the peak is exact, and adding strokes costs less than any estimate of it
    peak = max((float(np.abs(block).max()) for block in _play(grooves, grid, strokes)), default=0.0)
    if peak > 0.0:
        strokes.scale(10 ** (level_dbfs / 20) / peak)
    return _play(grooves, grid, strokes)


def _play(grooves: dict[str, Groove], grid: _Grid, kit: _Kit) -> Blocks:
    """Yield the song, played on the kit as loud as it is."""
    frames = kit.stream.frames
    fade_frames = _cut_frames(kit.stream.sample_rate)
    events = (
        (hit.frame, (_cut(kit[hit.sound], min(hit.heard, frames - hit.frame), fade_frames),))
        for hit in _hits(grooves, grid, frames)
    )
    return placed(events, frames, kit.stream.channels, BLOCK_FRAMES)


def check(*, timeline: Timeline, patterns: dict[str, Any], steps_per_beat: int, swing: float) -> None:
    """Refuse a song without bpm, a swing without pairs, and patterns that cannot be read."""
    mistakes = Mistakes()
    if timeline.bpm is None:
        mistakes.append("drums need song.bpm: a step is a part of a beat; set song.bpm, or use the generator 'file'")
    if swing != 0.5 and steps_per_beat % 2:
        mistakes.append(
            f"swing: {swing:g} moves the second step of each pair, but steps_per_beat = {steps_per_beat} has no pairs; "
            "use an even steps_per_beat, or swing = 0.5"
        )
    with mistakes:
        _read(patterns, timeline, steps_per_beat)
    mistakes.settle()


def remarks(*, timeline: Timeline, patterns: dict[str, Any], steps_per_beat: int) -> Iterator[str]:
    """Yield what is allowed and seldom meant, a phrase each: a row that does not come out even with the bar."""
    yield from uneven(*_read(patterns, timeline, steps_per_beat))


def _grooves(patterns: dict[str, Any], grid: _Grid) -> dict[str, Groove]:
    """Return the groove of each section of the grid's timeline."""
    return _read(patterns, grid.timeline, grid.steps_per_beat)[0]


def _read(patterns: dict[str, Any], timeline: Timeline, steps_per_beat: int) -> tuple[dict[str, Groove], int]:
    """Return the groove of each section, and the steps in a bar."""
    steps_per_bar = ceil(timeline.beats_per_bar * steps_per_beat - BEAT_EPSILON)
    return read_grooves(patterns, [section.name for section in timeline.sections], steps_per_bar), steps_per_bar


def _hits(grooves: dict[str, Groove], grid: _Grid, frames: int) -> Iterator[_Hit]:
    """Yield all hits before frame ``frames`` in the order of their frames."""
    hi_hat, *others = (_instrument_hits(voices, grooves, grid) for voices in _INSTRUMENTS)
    choked = _choked(hi_hat, _cut_frames(grid.timeline.sample_rate))
    return takewhile(lambda hit: hit.frame < frames, merge(choked, *others))


def _instrument_hits(voices: tuple[str, ...], grooves: dict[str, Groove], grid: _Grid) -> Iterator[_Hit]:
    """Yield one instrument's hits in order; its chance in a section does not depend on the other sections' rows."""
    timeline = grid.timeline
    frame = 0
    variant = dict.fromkeys(voices, 0)
    for index, section in enumerate(timeline.sections):
        groove = grooves.get(section.name, grooves.get("default"))
        if groove is None:
            continue
        rng = np.random.Generator(np.random.PCG64([grid.seed, 0, index, _ORDER[voices[0]], 1]))
        for beat, voice, mark in _section_marks(voices, groove, section, grid):
            late = (rng.random() - rng.random()) * grid.humanize_frames
            # a player's hits keep their order, and none is before the song
            frame = max(frame, timeline.frame_at(section.start_beat + beat) + round(late))
            # any variant but the last one heard
            count = VOICES[voice].variants
            variant[voice] = (variant[voice] + 1 + int(rng.random() * (count - 1))) % count
            yield _Hit(frame, _ORDER[voice], _Sound(voice, mark, variant[voice]), WHOLE)


def _section_marks(
    voices: tuple[str, ...], groove: Groove, section: Section, grid: _Grid
) -> Iterator[tuple[float, str, str]]:
    """Yield (beat from the section's start, voice, mark) of one instrument, a bar at a time."""
    bars = ceil(section.beats / grid.timeline.beats_per_bar - BEAT_EPSILON)
    every = groove.fill_every_bars or bars
    for bar in range(bars):
        start = bar * grid.timeline.beats_per_bar
        stop = min(start + grid.timeline.beats_per_bar, section.beats) - BEAT_EPSILON
        is_fill = bool(groove.fill) and (bar + 1) % every == 0
        rows, origin = (groove.fill, start) if is_fill else (groove.rows, 0.0)
        played: dict[float, tuple[str, str]] = {}
        for voice in voices:
            row = rows.get(voice, "")
            step = ceil((start - origin) * grid.steps_per_beat - BEAT_EPSILON)
            while row and origin + step / grid.steps_per_beat < stop:
                mark = row[step % len(row)]
                if mark != ".":
                    played[origin + grid.beat(step)] = voice, mark
                step += 1
            if voice == "crash" and bar == 0 and groove.crash_on_start:
                played[0.0] = voice, "X"
        for beat in sorted(played):
            yield beat, *played[beat]


def _choked(hits: Iterable[_Hit], fade_frames: int) -> Iterator[_Hit]:
    """Yield the hi-hat's hits, each open one ended by the next stroke."""
    held: _Hit | None = None
    for hit in hits:
        if held is not None:
            yield held._replace(heard=hit.frame - held.frame + fade_frames)
            held = None
        if hit.sound.voice == "open_hat":
            held = hit
        else:
            yield hit
    if held is not None:
        yield held


def _cut_frames(sample_rate: int) -> int:
    return round(CUT_FADE_MS / 1000.0 * sample_rate)


def _cut(stroke: Block, heard: int, fade_frames: int) -> Block:
    """Return a stroke's first ``heard`` frames, faded out at their end; the stroke itself if it is no longer."""
    if heard >= len(stroke):
        return stroke
    cut = stroke[:heard].copy()
    fade = min(heard, fade_frames)
    cut[heard - fade :] *= np.linspace(1.0, 0.0, fade, endpoint=False)[:, np.newaxis]
    return cut
