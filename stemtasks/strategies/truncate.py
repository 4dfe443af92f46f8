"""Cuts a stem at the target's length, or at a bar that is near before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from stemtasks.audio.blocks import Block, Stream
from stemtasks.audio.pieces import Extent, Fit, Piece, ending, fit, read, seconds
from stemtasks.audio.source import Source
from stemtasks.dsp import overlap as dsp
from stemtasks.dsp import pulse
from stemtasks.errors import AudioError
from stemtasks.timeline import Timeline
from stemtasks.units import Bpm, TimeMs

NEAR_SECONDS, NEAR_BARS = 0.5, 1 / 4
LOOK_SECONDS = 0.5
EARLY_SECONDS = 0.04
"""What begins so little before a cut belongs to what comes after it."""
ATTACK_SECONDS = 0.01
SHORT_FADE_MS, LONG_FADE_MS, SHORTEST_FADE_MS = 20.0, 150.0, 2.0
SUSTAINED_POWER, SUSTAINED_SECONDS = 10 ** (-12 / 10), 0.05


def truncate(
    source: Source,
    frames: int,
    stream: Stream,
    *,
    timeline: Timeline,
    bpm: Bpm | None = None,
    fade_ms: TimeMs | None = None,
) -> Fit:
    """Cut the stem at the target's length, with a fade before the cut.

    With a tempo, what begins after the last bar line is left out if that lies up to half a second, and a quarter of a
    bar, before the target's end: silence follows then. So is what begins less than 40 ms before the cut.

    Parameters
    ----------
    bpm
        The stem's own tempo; the song's if it is not given. It decides where its bar lines are.
    fade_ms
        Length of the fade that ends at the cut; 0 cuts hard. By default 20 ms, and up to 150 ms where the sound
        sustains, but no sound that begins is faded.
    """
    check(source, frames, stream)
    if source.frames == frames:
        return fit(source, frames, partial(_pieces, source, frames, frames, 0.0), {"cut_frames": 0})
    bar = None
    tempo = bpm if bpm is not None else timeline.bpm
    if tempo is not None and frames <= timeline.frames:  # in the tail, sounds ring out
        bar = timeline.beats_per_bar * 60.0 * stream.sample_rate / tempo
    cut = _cut(source, frames, bar)
    fade = cut.fade_ms if fade_ms is None else fade_ms
    facts = {
        "cut_frames": source.frames - frames,
        "cut_at_frame": cut.frame,
        "cut_at": cut.where,
        "fade_ms": round(fade, 1),
    }
    return fit(source, frames, partial(_pieces, source, frames, cut.frame, fade), facts)


def check(source: Extent, frames: int, stream: Stream) -> None:
    """Refuse a stem that is shorter than the target."""
    if source.frames < frames:
        raise AudioError(
            f"{source.path}: {seconds(source.frames, stream.sample_rate)} are shorter than the target's"
            f" {seconds(frames, stream.sample_rate)}: use zero_pad, loop, crossfade or auto"
        )


@dataclass(frozen=True)
class _Cut:
    """The frame from which on nothing is heard, what is there, and the fade that fits before it."""

    frame: int
    where: str
    fade_ms: float


def _cut(source: Source, frames: int, bar: float | None) -> _Cut:
    """Return where to cut so that nothing is heard that has only begun."""
    rate = source.sample_rate
    early = round(EARLY_SECONDS * rate)
    line = frames if bar is None else min(frames, round(int((frames + 1) / bar) * bar))
    is_near = bar is not None and line > 0 and frames - line <= min(NEAR_SECONDS * rate, NEAR_BARS * bar)
    wanted = line if is_near else frames
    first = max(0, wanted - round(LOOK_SECONDS * rate))
    sound = read(source, first, min(source.frames, frames + early) - first)
    begins = first + pulse.rises(np.einsum("ij->i", sound) / source.channels, rate)
    if not ((begins >= wanted - early) & (begins < frames)).any():
        wanted = frames  # nothing begins with the bar
    where = "bar" if is_near and wanted - line <= 1 else "target"
    late = begins[(begins >= wanted - early) & (begins < wanted)]
    frame = int(late[0]) if len(late) and late[0] > 0 else wanted
    before = begins[begins < frame]
    room = frame - (int(before[-1]) + round(ATTACK_SECONDS * rate) if len(before) else 0)
    fade = LONG_FADE_MS if _sustains(sound[: frame - first], rate) else SHORT_FADE_MS
    return _Cut(frame, where, max(SHORTEST_FADE_MS, min(fade, 1000.0 * room / rate)))


def _sustains(sound: Block, rate: int) -> bool:
    """Return whether the end of a sound is about as loud as anything of it."""
    part = max(1, round(SUSTAINED_SECONDS * rate))
    levels = [dsp.power(sound[at - part : at]) for at in range(len(sound), part - 1, -part)]
    return bool(levels) and levels[0] >= SUSTAINED_POWER * max(levels)


def _pieces(source: Source, frames: int, cut: int, fade_ms: float) -> Iterator[Piece]:
    """Yield the recording, the fade before the cut, and silence after it."""
    whole = Piece(0, 0)
    yield whole
    if source.frames > cut:
        last = list(ending(source, whole, cut, fade_ms))
        yield from last
        if cut < frames and not last:
            yield Piece(cut, None)
