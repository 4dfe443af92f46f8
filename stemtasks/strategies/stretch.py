"""Stretches a stem to the song's tempo, or to the target's length; pitch and formants stay (extra ``stretch``)."""

from __future__ import annotations

from importlib.util import find_spec
from math import floor
from typing import Any, Literal

from stemtasks.audio.blocks import Stream
from stemtasks.audio.listening import onsets, tempo_facts
from stemtasks.audio.pieces import Changed, Extent, seconds
from stemtasks.audio.source import Source
from stemtasks.audio.stretching import stretched
from stemtasks.errors import AudioError
from stemtasks.timeline import Timeline
from stemtasks.units import Bpm

LEAST, MOST = 0.5, 2.0
"""How many times as long a stem may become; the library's phases are made up beyond."""


def stretch(
    source: Source,
    frames: int,
    stream: Stream,
    *,
    timeline: Timeline,
    bpm: Bpm | None = None,
    then: Literal["auto", "none", "zero_pad", "truncate", "loop", "crossfade"] = "auto",
) -> Changed:
    """Stretch the stem to the song's tempo, and fit what comes out; without a tempo of its own, to the target's length.

    Its length is exact to the frame, and where a sound begins to within a millisecond. Pitch and formants stay. To the
    target's length nothing is left to fit.

    Parameters
    ----------
    bpm
        The stem's own tempo. Without it, or in a song without a tempo, the stem is stretched to the target's length.
    then
        The strategy that fits the stretched stem to the target, with its defaults.
    """
    check(source, frames, stream, timeline=timeline, bpm=bpm)
    length = _length(source, frames, timeline, bpm)
    facts: dict[str, Any] = {"stretch": {"factor": round(length / source.frames, 6), "frames": length}}
    if bpm is None or timeline.bpm is None:
        reason = f"from {seconds(source.frames, stream.sample_rate)} to {seconds(length, stream.sample_rate)}"
        return Changed(stretched(source, length), length, "none", reason, facts)
    facts["stretch"] |= {"from_bpm": bpm, "to_bpm": timeline.bpm}
    # held against what was recorded: the stretched one would name a tempo that nobody wrote
    facts["tempo"] = tempo_facts(onsets(source), bpm)
    return Changed(stretched(source, length), length, then, f"from {bpm:g} to {timeline.bpm:g} bpm", facts)


def check(source: Extent, frames: int, stream: Stream, *, timeline: Timeline, bpm: float | None) -> None:
    """Refuse where the extra is missing, and a stem that would become too long or too short."""
    if find_spec("python_stretch") is None:
        raise AudioError("stretch needs python-stretch; pip install 'stemtasks[stretch]'")
    length = _length(source, frames, timeline, bpm)
    if LEAST * source.frames <= length <= MOST * source.frames:
        return
    allowed = f"{LEAST:g} to {MOST:g} is allowed"
    if bpm is None or timeline.bpm is None:
        raise AudioError(
            f"{source.path}: {seconds(source.frames, stream.sample_rate)} would become"
            f" {seconds(frames, stream.sample_rate)}, {length / max(1, source.frames):.3g} times as long, {allowed}:"
            " give the bpm of the stem and of the song to stretch to the tempo, or use auto"
        )
    raise AudioError(
        f"{source.path}: from {bpm:g} to {timeline.bpm:g} bpm it would become {bpm / timeline.bpm:.3g} times as long,"
        f" {allowed}: give the stem's bpm nearer to the song's (its half or double is the same beat), or use loop"
    )


def _length(source: Extent, frames: int, timeline: Timeline, bpm: float | None) -> int:
    """Return the frames of the stretched stem: the nearest, halves up."""
    if bpm is None or timeline.bpm is None:
        return frames
    return floor(source.frames * bpm / timeline.bpm + 0.5)
