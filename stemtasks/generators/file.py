"""A stem from a recording on disk."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Literal

import numpy as np

from stemtasks.audio.blocks import BLOCK_FRAMES, Blocks, Stream, frames_at
from stemtasks.audio.recording import Cut, check_recording, recording
from stemtasks.audio.source import Source
from stemtasks.audio.times import length_seconds, place_seconds
from stemtasks.errors import SpecError
from stemtasks.timeline import Timeline
from stemtasks.units import File, Length, Position, Range, TimeMs


def file(
    stream: Stream,
    *,
    file: File,
    start_seconds: Length = 0.0,
    duration_seconds: Length | None = None,
    offset_seconds: Position = 0.0,
    fade_ms: TimeMs = 5.0,
    only_channel: Annotated[int, Range(1, 1024)] | None = None,
    mono: bool = False,
    start: Literal["stamp", "file"] | None = None,  # noqa: ARG001 - what it means for this stem is since_earliest
    since_earliest: list[int] | None = None,
    places: Timeline | None = None,
) -> Blocks:
    """Yield a recording at the song's sample rate and channels, with the recording's own duration.

    Parameters
    ----------
    file
        The recording: WAV, AIFF, FLAC, Ogg, Opus, MP3, CAF, W64 or AU at any sample rate.
    start_seconds
        Where in the recording to begin.
    duration_seconds
        How much of the recording to take; to its end if left out.
    offset_seconds
        Silence before it: seconds, or a place in the song such as '17.1' or 'chorus'.
    fade_ms
        Fade in where the recording's start was cut off, fade out where its end was; 0 for none. A part that begins
        with an attack is not faded in.
    only_channel
        Take this channel of the recording alone, counted from 1 in the file's order (an Ogg file's in WAV's).
    mono
        Mix the recording to one channel, which every channel of the stem then carries.
    start
        Begin with the song ('file'), or where the start stamp in the header (bext, iXML, smpl) says, counted from the
        earliest of the song's recordings ('stamp'). Must be given where the stamps differ.

    Channels otherwise become the song's as ``dsp/channels.py`` says (ITU-R BS.775 from the speakers that the file
    declares). Raises AudioError for a recording that cannot be read, is cut short, holds NaN or infinities, or whose
    channels cannot be folded down;
    SpecError for a part that lies outside the recording.
    """
    with Source(file) as source:
        cut = _cut(source, start_seconds, duration_seconds, fade_ms, places)
        silence = _silence(source, stream, cut, place_seconds(offset_seconds, places), since_earliest)
        while silence > 0:
            yield np.zeros((min(silence, BLOCK_FRAMES), stream.channels))
            silence -= BLOCK_FRAMES
        yield from recording(source, stream, cut, only_channel=only_channel, mono=mono)


def check(
    *,
    stream: Stream,
    file: str,
    start_seconds: float | str,
    duration_seconds: float | str | None,
    offset_seconds: float | str,
    fade_ms: float,
    only_channel: int | None,
    mono: bool,
    since_earliest: list[int] | None = None,
    places: Timeline | None = None,
) -> int:
    """Return the stem's frames, from the recording's header; refuse what ``file`` would, as far as that shows it."""
    with Source(file) as source:
        rate = stream.sample_rate
        cut = _cut(source, start_seconds, duration_seconds, fade_ms, places)
        check_recording(source, stream, only_channel=only_channel, mono=mono)
        stop = source.frames if cut.stop is None else cut.stop
        silence = _silence(source, stream, cut, place_seconds(offset_seconds, places), since_earliest)
        return silence + frames_at(stop - cut.start, source.sample_rate, rate)


def _silence(source: Source, stream: Stream, cut: Cut, offset_seconds: float, since_earliest: list[int] | None) -> int:
    """Return the frames of silence before the recording.

    By its stamp (``since_earliest``: seconds as a fraction) what was cut from its start counts too, so that what is
    left lies where it was recorded.
    """
    silence = round(offset_seconds * stream.sample_rate)
    if since_earliest is None:
        return silence
    seconds = Fraction(*since_earliest) + Fraction(cut.start, source.sample_rate)
    return silence + frames_at(seconds.numerator, seconds.denominator, stream.sample_rate)


def _cut(
    source: Source,
    start_seconds: float | str,
    duration_seconds: float | str | None,
    fade_ms: float,
    places: Timeline | None,
) -> Cut:
    """Return the part asked for in the recording's own frames."""
    rate, length = source.sample_rate, source.frames
    start_seconds = length_seconds(start_seconds, places)
    start = round(start_seconds * rate)
    if start and start >= length:
        raise SpecError(
            f"start_seconds is {start_seconds:g}, but {source.path} lasts {length / rate:.3f} s: begin before its end"
        )
    stop = None
    if duration_seconds is not None:
        duration_seconds = length_seconds(duration_seconds, places)
        stop = start + round(duration_seconds * rate)
        if stop == start:
            raise SpecError(f"duration_seconds is {duration_seconds:g}, less than a frame: leave it out to take all")
        if stop > length:
            raise SpecError(
                f"start_seconds + duration_seconds is {start_seconds + duration_seconds:g}, but {source.path} lasts "
                f"{length / rate:.3f} s: take less, or leave duration_seconds out to take it to its end"
            )
        stop = None if stop == length else stop
    return Cut(start, stop, round(fade_ms * rate / 1000.0))
