"""Chooses the strategy for a stem by its gap, its kind and what is in it; the stage then runs the one chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stemtasks.audio.blocks import Stream
from stemtasks.audio.matching import powers
from stemtasks.audio.pieces import seconds
from stemtasks.audio.source import Source
from stemtasks.dsp import overlap as dsp
from stemtasks.timeline import Timeline
from stemtasks.units import Bpm

CHOICES = ("none", "zero_pad", "truncate", "loop", "crossfade")

SMALL_GAP_SECONDS = 0.5
FULL_TAKE_SECONDS, FULL_TAKE_SHARE = 20.0, 0.9
SUSTAINED_ONSETS = 1.2
MIN_SUSTAINED_SECONDS = 0.5
LOOK_SECONDS = 30.0
# a phrase that was cut to whole bars is music on a grid, even where it sustains
PHRASE_BARS, WHOLE_BAR_SECONDS = 4, 0.01


@dataclass(frozen=True)
class Choice:
    """The strategy chosen and the reason, one sentence for the record, which stands behind the strategy's name."""

    strategy: str
    reason: str


def auto(
    source: Source,
    frames: int,
    stream: Stream,
    *,
    timeline: Timeline,
    bpm: Bpm | None = None,
    kind: Literal["drums", "bass", "melodic", "vocal", "pad", "fx"] | None = None,
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
    if gap == 0:
        return Choice("none", "already exact")
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
    if kind in ("drums", "bass"):
        return _repeated(source, f"kind {kind}", tempo, timeline.beats_per_bar)
    heard = f"kind {kind}, " if kind else ""
    bars = source.frames / rate * (tempo or 0.0) / 60.0 / timeline.beats_per_bar
    bar_error = abs(bars - round(bars)) * (source.frames / rate) / max(bars, 1.0)
    if kind != "pad" and bars > PHRASE_BARS - 0.5 and bar_error < WHOLE_BAR_SECONDS:
        return Choice("loop", f"{heard}exactly {round(bars)} bars at {tempo:g} bpm")
    onsets, sustained = _content(source)
    if kind == "pad" or onsets <= SUSTAINED_ONSETS:
        why = "" if kind == "pad" else f"sustained ({onsets:.1f} onsets/s), "
        if sustained >= MIN_SUSTAINED_SECONDS:
            return Choice("crossfade", f"{heard}{why}{sustained:.1f} s to repeat")
        return Choice("zero_pad", f"{heard}{why}only {sustained:.2f} s sustain, too little to repeat")
    return _repeated(source, f"{heard}rhythmic ({onsets:.1f} onsets/s)", tempo, timeline.beats_per_bar)


def _repeated(source: Source, why: str, tempo: float | None, beats_per_bar: float) -> Choice:
    """Return a loop, if at least a beat was recorded."""
    if tempo is None:
        return Choice("loop", f"{why}, tempo unknown: between the points that match best")
    beats = source.frames / source.sample_rate * tempo / 60.0
    if beats < 0.95:
        return Choice("zero_pad", f"{why}, but {beats:.2f} beats are less than one to repeat")
    count, unit = (beats / beats_per_bar, "bar") if beats >= beats_per_bar else (beats, "beat")
    length = f"{count:.4g} {unit}" + ("" if f"{count:.4g}" == "1" else "s")
    return Choice("loop", f"{why}, tempo known, {length}")


def _content(source: Source) -> tuple[float, float]:
    """Return (onsets per second, seconds that sustain) of the first 30 s."""
    hop = max(1, source.sample_rate // 100)
    stop = min(source.frames, round(LOOK_SECONDS * source.sample_rate))
    hop_seconds = hop / source.sample_rate
    first, last = dsp.sustained_region(powers(source, 0, stop, hop))
    onsets = dsp.onsets_per_second(powers(source, 0, stop, hop, emphasis=True), hop_seconds)
    return onsets, (last - first) * hop_seconds
