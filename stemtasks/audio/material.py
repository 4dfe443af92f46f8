"""Recordings to be read at any frame, at the song's sample rate and in its channels.

What has the song's rate is read where it lies. Anything else is decoded and resampled once from a little before to a
little after the span that is asked for, into a temporary file.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Protocol, Self

import numpy as np

from stemtasks.audio.blocks import Block, Stream, frames_at
from stemtasks.audio.recording import Cut, check_recording, recording, refuse_invalid
from stemtasks.audio.source import Source
from stemtasks.audio.spill import Spill
from stemtasks.dsp.channels import mixed
from stemtasks.errors import AudioError

OPEN = 8
"""Recordings that are open at a time: two sound together, and their neighbours are looked at."""
SETTLED_FRAMES = 512
"""At the lower of both rates, before and behind a span: the resampler then makes what it makes of the whole."""
WAY_OUT = "take another part of it"


@dataclass(frozen=True, slots=True)
class Span:
    """Part of a recording at the song's rate, ``[start, stop)`` in frames, of the file at ``path``."""

    path: str
    start: int
    stop: int
    only_channel: int | None = None
    mono: bool = False


class Material(Protocol):
    """Audio to be read at any frame; of ``frames`` frames, of which those of a span are there."""

    frames: int

    def read(self, start: int, frames: int) -> Block:
        """Return ``frames`` frames from ``start`` on, inside the recording: shape (frames, channels)."""

    def close(self) -> None:
        """Close its files."""


class Shelf:
    """Spans that are open, the last few of them."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._open: OrderedDict[Span, Material] = OrderedDict()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        while self._open:
            self._open.popitem()[1].close()

    def read(self, span: Span, start: int, frames: int) -> Block:
        """Return exactly ``frames`` frames of a span; past the recording's ends its mirror, then silence.

        A mirror keeps the level and makes no step, where a join needs a few ms more than were recorded.
        """
        material = self.at(span)
        length = material.frames
        if start >= 0 and start + frames <= length:
            return material.read(start, frames)
        place = np.arange(start, start + frames)
        index = np.where(place < 0, -1 - place, np.where(place < length, place, 2 * length - 1 - place))
        valid = (index >= 0) & (index < length)
        block = np.zeros((frames, self.stream.channels))
        if valid.any():
            low, high = int(index[valid].min()), int(index[valid].max()) + 1
            block[valid] = material.read(low, high - low)[index[valid] - low]
        return block

    def at(self, span: Span) -> Material:
        """Return what a span is read from."""
        whole = replace(span, start=0, stop=0)
        key = whole if whole in self._open else span
        if key not in self._open:
            if len(self._open) >= OPEN:
                self._open.popitem(last=False)[1].close()
            material = _opened(span, self.stream)
            key = whole if isinstance(material, _Direct) else span
            self._open[key] = material
        self._open.move_to_end(key)
        return self._open[key]


def frames_of(path: str, stream: Stream, only_channel: int | None = None, mono: bool = False) -> int:
    """Return how long a recording is at the song's rate, from its header; AudioError for one that cannot be read."""
    with Source(path) as source:
        check_recording(source, stream, only_channel=only_channel, mono=mono)
        return frames_at(source.frames, source.sample_rate, stream.sample_rate)


def _opened(span: Span, stream: Stream) -> Material:
    source = Source(span.path)
    try:
        is_lossy = source.format in ("OGG", "MP3") or source.subtype.startswith("MPEG")
        if source.sample_rate == stream.sample_rate and not is_lossy:
            return _Direct(source, stream, span)
        with source:
            return _Resampled(source, stream, span)
    except BaseException:
        source.__exit__()
        raise


class _Direct:
    """A recording that has the song's rate."""

    def __init__(self, source: Source, stream: Stream, span: Span) -> None:
        self._source, self.frames = source, source.frames
        self._gains = check_recording(source, stream, only_channel=span.only_channel, mono=span.mono)

    def read(self, start: int, frames: int) -> Block:
        block = self._source.read(start, frames)
        if len(block) < frames:
            raise AudioError(
                f"{self._source.path}: cut short: it claims {self.frames} frames, {start + len(block)} could be "
                "decoded; copy or export it again"
            )
        refuse_invalid(block, start, self._source, WAY_OUT)
        for gains in self._gains:
            block = mixed(block, gains)
        return block

    def close(self) -> None:
        self._source.__exit__()


class _Resampled:
    """A span of a recording, decoded and resampled into a temporary file; silence where it has none."""

    def __init__(self, source: Source, stream: Stream, span: Span) -> None:
        rate_in, rate_out = source.sample_rate, stream.sample_rate
        self.frames = frames_at(source.frames, rate_in, rate_out)
        common = int(np.gcd(rate_in, rate_out))
        # both begin on a frame of both rates
        settled = SETTLED_FRAMES * max(1, -(-rate_out // rate_in))
        turns = max(0, span.start - settled) * common // rate_out
        start, self._begun = turns * rate_in // common, turns * rate_out // common
        stop = (span.stop + settled) * rate_in // rate_out + 1
        cut = Cut(start, stop if stop < source.frames else None)
        blocks = recording(source, stream, cut, only_channel=span.only_channel, mono=span.mono)
        self._spill = Spill(blocks, stream.channels, stream.scratch)

    def read(self, start: int, frames: int) -> Block:
        block = self._spill.read(start - self._begun, frames)
        if len(block) == frames:
            return block
        return np.concatenate((block, np.zeros((frames - len(block), self._spill.channels))))

    def close(self) -> None:
        self._spill.__exit__()
