"""The sound of the stage ``group``: stems and what is sent, summed, through the group's effects, gain and pan."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from stemtasks.audio.adding import check_alike, sum_of
from stemtasks.audio.blocks import Blocks, fitted
from stemtasks.audio.chain import through_strip
from stemtasks.audio.curves import Curve, along, curve_of
from stemtasks.audio.facts import read_facts, write_facts
from stemtasks.audio.matched import with_match
from stemtasks.audio.source import Source
from stemtasks.dsp.level import amplitude
from stemtasks.timeline import Timeline


def group(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Write what ``process`` does of the sum of ``inputs["sum/0"]``, ``sum/1`` and so on.

    ``params["summed"]`` says of each what it is of and its gain; the facts repeat it.
    """
    timeline = Timeline.load(inputs["timing"])
    summed = [each if "send" in each else _at_its_fader(each, inputs) for each in params["summed"]]
    levels = {
        f"sum/{place}": curve_of(each["gain_db"], timeline, f"level_db of {each['of']}")
        for place, each in enumerate(summed)
    }
    curves = {role: level for role, level in levels.items() if isinstance(level, Curve)}
    gains = {role: amplitude(level) for role, level in levels.items() if not isinstance(level, Curve)}
    with ExitStack() as stack:
        sources = {role: stack.enter_context(Source(inputs[role])) for role in levels}
        check_alike(sources, params)
        frames, channels = next(iter(sources.values())).frames, params["channels"]
        fixed = {role: sources[role] for role in gains}
        blocks = sum_of(fixed, gains) if fixed else fitted(iter(()), frames, channels)
        blocks = _with(blocks, {sources[role]: curve for role, curve in curves.items()})
        through_strip(blocks, channels, channels, frames, inputs, outputs, params)
    write_facts(outputs["facts"], read_facts(outputs["facts"]) | {"summed": summed})


def _at_its_fader(each: dict[str, Any], inputs: dict[str, Path]) -> dict[str, Any]:
    """Return what is summed with its fader as a match has found it; what is sent is sent as loud whatever that does."""
    return {**each, "gain_db": with_match({each["of"]: each["gain_db"]}, inputs)[each["of"]]}


def _with(blocks: Blocks, curves: dict[Source, Curve]) -> Blocks:
    """Yield the blocks with files added whose level changes, each frame at its own."""
    start = 0
    for total, levels in along(blocks, *curves.values()):
        for source, level in zip(curves, levels, strict=True):
            np.add(total, source.read(start, len(total)) * amplitude(level), out=total)
        start += len(total)
        yield total
