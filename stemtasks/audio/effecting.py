"""Audio through a chain of effects, in blocks: what mends a recording, and what a stem is delivered with."""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from stemtasks.audio.blocks import Blocks, Stream
from stemtasks.audio.curves import Curve, curve_of
from stemtasks.audio.sweeping import swept
from stemtasks.plugins import call, load
from stemtasks.timeline import Timeline

LOOKAHEAD_SECONDS = 1


@dataclass
class Chain:
    """The effects of a job, the parts and the files of each, and what they note of what they did."""

    effects: list[dict[str, Any]]
    parts: Mapping[str, str]
    files: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    noted: list[dict[str, Any]] = field(default_factory=list)
    running: list[Blocks] = field(default_factory=list)

    @property
    def facts(self) -> dict[str, Any]:
        """Return what was noted, once all that is needed has run through: an effect that has more to give is ended."""
        for blocks in self.running:
            if isinstance(blocks, Generator):
                blocks.close()
        noted = [each for each in self.noted if len(each) > 1]
        return {"noted": noted} if noted else {}


def files_of(inputs: Mapping[str, Path], role: str) -> dict[int, dict[str, str]]:
    """Return the files that each effect reads, by its place and by parameter: the inputs ``ROLE/PLACE/PARAMETER``."""
    files: dict[int, dict[str, str]] = {}
    for name, path in inputs.items():
        if name.startswith(f"{role}/"):
            _, place, parameter = name.split("/", 2)
            files.setdefault(int(place), {})[parameter] = str(path)
    return files


def through(
    blocks: Blocks,
    stream: Stream,
    chain: Chain,
    *,
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
    for place, entry in enumerate(chain.effects):
        reference = chain.parts[f"effects/{entry['effect']}"]
        if stream.channels < channels and not getattr(sys.modules[load(reference).__module__], "PER_CHANNEL", False):
            blocks, stream = _widened(blocks, channels), replace(stream, channels=channels)
        noted = {"effect": entry["effect"]}
        chain.noted.append(noted)
        offered = {"timeline": timeline, "seed": entry.get("seed"), "noted": noted}
        arguments = {**entry["arguments"], **chain.files.get(place, {})}
        automated = entry.get("automated", {}).items()
        numbers = {name: curve_of(each, timeline, f"{entry['effect']}.{name}") for name, each in automated}
        made = _rendered(reference, blocks, stream, arguments, offered, numbers, bound)
        chain.running.append(made)
        blocks = _until(made, bound)
    return blocks, stream.channels


def _rendered(
    reference: str,
    blocks: Blocks,
    stream: Stream,
    arguments: dict[str, Any],
    offered: dict[str, Any],
    numbers: dict[str, float | Curve],
    frames: int,
) -> Blocks:
    """Return what an effect makes of the blocks: as it is, or crossfaded where it takes no curves that there are."""
    taken = getattr(sys.modules[load(reference).__module__], "CURVES", ())
    curves = {name: each for name, each in numbers.items() if isinstance(each, Curve) and name not in taken}
    arguments = arguments | {name: each for name, each in numbers.items() if name not in curves}
    if not curves:
        made: Blocks = call(reference, blocks, stream, arguments=arguments, offered=offered)
        return made

    def render(blocks: Blocks, values: dict[str, float]) -> Blocks:
        made: Blocks = call(reference, blocks, stream, arguments=arguments | values, offered=offered | {"noted": {}})
        return made

    return swept(render, blocks, stream, curves, frames)


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
