"""Chooses the strategy for a stem by its gap, its kind and what is in it; the stage then runs the one chosen."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from typing import Literal

import numpy as np

from stemtasks.audio.blocks import Block, Stream
from stemtasks.audio.listening import Onsets, onsets, own_tempo
from stemtasks.audio.matching import powers
from stemtasks.audio.pieces import ROUNDING_FRAMES, seconds
from stemtasks.audio.source import Source
from stemtasks.dsp import overlap as dsp
from stemtasks.dsp import rhythm
from stemtasks.timeline import Timeline
from stemtasks.units import Bpm

CHOICES = ("none", "zero_pad", "truncate", "loop", "crossfade", "stretch")

STRETCHED_UP_TO = 0.12
"""How far a stem's tempo may be from the song's; farther it is heard, and so it is asked for in the spec."""

SMALL_GAP_SECONDS = 0.5
FULL_TAKE_SECONDS, FULL_TAKE_SHARE = 20.0, 0.9
LONG_SECONDS, ALWAYS_LONG_SECONDS = 20.0, 30.0
SUSTAINED_ONSETS = 1.2
MIN_SUSTAINED_SECONDS = 0.5
LOOK_SECONDS = 30.0
# a phrase that was cut to whole bars is music on a grid, even where it sustains
PHRASE_BARS, WHOLE_BAR_SECONDS = 4, 0.01
NEAR_BEATS, ON_GRID_FIT = 1 / 8, 1.8
# a loop of so many whole bars may be one of a pack, all of one length
LOOP_BARS = 8
PAUSE_SECONDS, PAUSED_SECONDS = 2.0, 8.0
PAUSE_POWER = 1e-5
DIED_POWER, DIED_ONSETS = 1e-4, 0.25
DYING_POWER, DYING_HALFWAY_POWER = 1e-3, 1 / 16
FALLEN_POWER, SINGLE_POWER = 1 / 16, 1e-4
BEATLESS_SECONDS = 4.0


@dataclass(frozen=True)
class Choice:
    """The strategy chosen, the reason, one sentence that stands behind the strategy's name, and what was weighed."""

    strategy: str
    reason: str
    weighed: dict[str, float] = field(default_factory=dict)


def auto(
    source: Source,
    frames: int,
    stream: Stream,
    *,
    timeline: Timeline,
    bpm: Bpm | None = None,
    kind: Literal["drums", "bass", "melodic", "vocal", "pad", "fx"] | None = None,
    session_tracks: int = 0,
) -> Choice:
    """Choose a strategy; unlike the others it returns no fit, since strategies do not import each other.

    Parameters
    ----------
    bpm
        The stem's own tempo; the song's if it is not given.
    kind
        What the stem is; without it the onsets in the recording decide.
    """
    rate = stream.sample_rate
    gap = frames - source.frames
    if abs(gap) <= ROUNDING_FRAMES:
        return Choice("none", "already exact" if gap == 0 else f"already exact but for {abs(gap)} frames of rounding")
    if bpm is not None and timeline.bpm is not None and _is_stretched(bpm / timeline.bpm):
        near = 1.0 - abs(bpm / timeline.bpm - 1.0) / STRETCHED_UP_TO
        return Choice("stretch", "it has a tempo of its own", {"stretch": round(max(0.0, near), 2)})
    if gap < 0:
        return Choice("truncate", f"longer than the target by {seconds(-gap, rate)}")
    if gap < SMALL_GAP_SECONDS * rate:
        return Choice("zero_pad", f"gap {seconds(gap, rate)} < {SMALL_GAP_SECONDS} s")
    if source.frames >= max(FULL_TAKE_SECONDS * rate, FULL_TAKE_SHARE * frames):
        share = source.frames / frames
        return Choice("zero_pad", f"it fills {share:.0%} of the target, so it is a full take that ends early")
    if kind in ("vocal", "fx"):
        return Choice("zero_pad", f"kind {kind} is not repeated, gap {seconds(gap, rate)}")
    tempo = bpm if bpm is not None else timeline.bpm
    heard = _Heard(source, tempo, timeline.beats_per_bar)
    if session_tracks and not 0 < heard.bars_exactly <= LOOP_BARS:
        others = f"{session_tracks - 1} other recordings of its folder"
        return Choice("zero_pad", f"{heard.seconds:.1f} s, as long as {others}: tracks of one session")
    strategy, reason = _by_kind(heard, kind) if kind in ("drums", "bass", "pad") else _by_sound(heard, kind)
    return Choice(strategy, reason, heard.weighed)


def _is_stretched(ratio: float) -> bool:
    """Return whether a stem of another tempo is stretched; that the library is there is in the keys of such stems."""
    return 1e-6 < abs(ratio - 1.0) <= STRETCHED_UP_TO + 1e-9 and find_spec("python_stretch") is not None


@dataclass
class _Heard:
    """What is heard in a recording, measured when it is asked for."""

    source: Source
    tempo: float | None
    beats_per_bar: float

    @property
    def seconds(self) -> float:
        return self.source.frames / self.source.sample_rate

    @property
    def beats(self) -> float:
        return self.seconds * (self.tempo or 0.0) / 60.0

    @property
    def bars_exactly(self) -> int:
        """The whole bars that it holds to within 10 ms, else 0."""
        bars = self.beats / self.beats_per_bar
        whole = round(bars)
        return whole if whole and abs(bars - whole) * self.seconds / bars < WHOLE_BAR_SECONDS else 0

    @cached_property
    def onsets(self) -> Onsets:
        return onsets(self.source)

    @cached_property
    def own(self) -> rhythm.Found | None:
        return own_tempo(self.onsets)

    @cached_property
    def fit(self) -> float:
        """How well the tempo fits the onsets; 0 without one."""
        return rhythm.fit(self.onsets.curve, self.tempo) if self.tempo else 0.0

    @cached_property
    def levels(self) -> Block:
        """The mean squares of 10 ms each of the first 30 s."""
        stop = min(self.source.frames, round(LOOK_SECONDS * self.source.sample_rate))
        return powers(self.source, 0, stop, max(1, self.source.sample_rate // 100))

    @cached_property
    def per_second(self) -> float:
        """Onsets a second, by the level."""
        rate = self.source.sample_rate
        hop, stop = max(1, rate // 100), min(self.source.frames, round(LOOK_SECONDS * rate))
        return dsp.onsets_per_second(powers(self.source, 0, stop, hop, emphasis=True), hop / rate)

    @cached_property
    def sustained(self) -> float:
        """The seconds between the attack and the decay."""
        first, last = dsp.sustained_region(self.levels)
        return (last - first) * max(1, self.source.sample_rate // 100) / self.source.sample_rate

    @cached_property
    def pause(self) -> float:
        """The longest silence between two sounds, in seconds."""
        sounding = np.flatnonzero(self.levels > PAUSE_POWER * self.levels.max(initial=1e-12))
        return float(np.diff(sounding).max(initial=1) - 1) / 100.0 if len(sounding) else 0.0

    @cached_property
    def has_died_away(self) -> bool:
        """Whether all begins early, and nothing of it is left at the end, or little after a steady fall."""
        part, loudest = max(1, len(self.levels) // 20), float(self.levels.max(initial=1e-12))
        left = float(self.levels[-part:].max(initial=0.0)) / loudest
        halfway = float(self.levels[len(self.levels) // 2 :][:part].max(initial=0.0)) / loudest
        has_fallen = left < DIED_POWER or (left < DYING_POWER and halfway < DYING_HALFWAY_POWER)
        strong = self.onsets.strong()
        return has_fallen and self.seconds <= LOOK_SECONDS and bool((strong <= DIED_ONSETS * self.seconds).all())

    @cached_property
    def fallen(self) -> float:
        """How far the power falls between two sounds that begin, of the loudest; 1 where only one does."""
        strong = (self.onsets.strong() * 100.0).astype(int)
        between = self.levels[strong[0] : strong[-1]] if len(strong) > 1 else self.levels[:0]
        return float(between.min() / self.levels.max()) if len(between) else 1.0

    @property
    def weighed(self) -> dict[str, float]:
        """What speaks for each way to extend it, 0 to 1."""
        rhythmic = max(self.fit, self.own.fit if self.own else 1.0)
        calm = max(0.0, 1.0 - self.per_second / (2.0 * SUSTAINED_ONSETS))
        take = max(min(1.0, self.seconds / ALWAYS_LONG_SECONDS), float(self.has_died_away), min(1.0, self.pause / 4.0))
        return {
            "loop": round(min(1.0, max(0.0, rhythmic - 1.0) / 3.0), 2),
            "crossfade": round(calm * min(1.0, self.sustained), 2),
            "zero_pad": round(take, 2),
        }


def _by_kind(heard: _Heard, kind: str) -> tuple[str, str]:
    """Return the choice for a stem that is said to be drums, a bass or a pad."""
    if kind == "pad":
        return _sustained(heard, "kind pad")
    return _repeated(heard, f"kind {kind}")


def _by_sound(heard: _Heard, kind: str | None) -> tuple[str, str]:
    """Return the choice by what is heard."""
    said = f"kind {kind}, " if kind else ""
    length = f"{heard.seconds:.1f} s"
    if heard.seconds >= ALWAYS_LONG_SECONDS or (heard.seconds >= LONG_SECONDS and not heard.bars_exactly):
        return "zero_pad", f"{said}{length} are a take, which is not repeated"
    if heard.seconds >= PAUSED_SECONDS and heard.pause >= PAUSE_SECONDS:
        return "zero_pad", f"{said}a take with {heard.pause:.1f} s of silence inside, which is not repeated"
    if heard.has_died_away:
        return "zero_pad", f"{said}one sound that dies away, which rings out"
    beats = round(heard.beats)
    if beats and abs(heard.beats - beats) <= NEAR_BEATS and heard.fit >= ON_GRID_FIT and heard.fallen < FALLEN_POWER:
        return _repeated(heard, f"{said}its onsets are on the grid")
    if bars := heard.bars_exactly if heard.bars_exactly >= PHRASE_BARS else 0:
        return "loop", f"{said}exactly {bars} bars at {heard.tempo:g} bpm"
    if heard.per_second <= SUSTAINED_ONSETS and heard.fallen < SINGLE_POWER:
        if heard.tempo is None:
            return "zero_pad", f"{said}single hits without a known tempo, which are not repeated"
        return _repeated(heard, f"{said}single hits")
    if heard.per_second <= SUSTAINED_ONSETS:
        return _sustained(heard, f"{said}sustained ({heard.per_second:.1f} onsets/s)")
    has_beat = heard.own is not None or heard.fit >= ON_GRID_FIT
    if not has_beat and heard.seconds >= BEATLESS_SECONDS:
        return "zero_pad", f"{said}{heard.per_second:.1f} onsets/s without a steady beat, as of a voice: not repeated"
    return _repeated(heard, f"{said}rhythmic ({heard.per_second:.1f} onsets/s)")


def _sustained(heard: _Heard, why: str) -> tuple[str, str]:
    """Return a crossfade, if enough of it sustains."""
    if heard.sustained >= MIN_SUSTAINED_SECONDS:
        return "crossfade", f"{why}, {heard.sustained:.1f} s to repeat"
    return "zero_pad", f"{why}, only {heard.sustained:.2f} s sustain, too little to repeat"


def _repeated(heard: _Heard, why: str) -> tuple[str, str]:
    """Return a loop, if at least a beat was recorded."""
    if heard.tempo is None:
        if heard.own is not None:
            return "loop", f"{why}, tempo unknown: its own beats are at {heard.own.bpm:.1f} bpm"
        return "loop", f"{why}, tempo unknown: between the points that match best"
    beats = heard.beats
    if beats < 1.0 - NEAR_BEATS:
        return "zero_pad", f"{why}, but {beats:.2f} beats are less than one to repeat"
    count, unit = (beats / heard.beats_per_bar, "bar") if beats >= heard.beats_per_bar else (beats, "beat")
    length = f"{count:.4g} {unit}" + ("" if f"{count:.4g}" == "1" else "s")
    return "loop", f"{why}, tempo known, {length}"
