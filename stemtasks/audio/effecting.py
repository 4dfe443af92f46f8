"""Audio through a chain of effects, in blocks: what mends a recording, and what a stem is delivered with."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from stemtasks.audio.blocks import Blocks, Stream
from stemtasks.plugins import call, load
from stemtasks.timeline import Timeline

LOOKAHEAD_SECONDS = 1


def through(
    blocks: Blocks,
    stream: Stream,
    effects: list[dict[str, Any]],
    *,
    parts: Mapping[str, str],
    timeline: Timeline | None,
    channels: int,
    frames: int,
) -> tuple[Blocks, int]:
    """Return the audio after the last effect, and its channels.

    Fewer channels than ``channels`` become so many at the first effect that does not say it treats each channel by
    itself: the result is the same as widening them at once, at half the cost. Of each effect's tail no more is asked
    for than ``frames`` frames need.
    """
    bound = frames + LOOKAHEAD_SECONDS * stream.sample_rate
    for entry in effects:
        reference = parts[f"effects/{entry['effect']}"]
        if stream.channels < channels and not getattr(sys.modules[load(reference).__module__], "PER_CHANNEL", False):
            blocks, stream = _widened(blocks, channels), replace(stream, channels=channels)
        offered = {"timeline": timeline, "seed": entry.get("seed")}
        blocks = _until(call(reference, blocks, stream, arguments=entry["arguments"], offered=offered), bound)
    return blocks, stream.channels


def _widened(blocks: Blocks, channels: int) -> Blocks:
    for block in blocks:
        yield np.repeat(block, channels, axis=1)


def _until(blocks: Blocks, frames: int) -> Blocks:
    """Yield at most so many frames: a tail past the end, and past what a later effect looks ahead, costs nothing."""
    position = 0
    for block in blocks:
        yield block[: frames - position]
        position += len(block)
        if position >= frames:
            return
