"""A number that changes along the song, frame by frame: what the points and sections of a spec become."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stemtasks.audio.blocks import Block, Blocks
from stemtasks.automation import Automation, Number, out_of_order, values_of
from stemtasks.errors import SpecError
from stemtasks.timeline import Timeline

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """A value for every frame: those of the breakpoints, which are in order, and the way from each to the next.

    Before the first and after the last the value holds. ``scale`` 'octaves' goes by ratios, 'decibels' and 'linear' go
    by differences; a ``smooth`` way is a raised cosine. ``is_stepped`` says that ways are short and mean nothing but
    that no step is heard.
    """

    frames: tuple[int, ...]
    values: tuple[float, ...]
    scale: str = "linear"
    smooth: bool = False
    is_stepped: bool = False

    def __call__(self, start: int, stop: int) -> Values:
        """Return the values of the frames from ``start`` to ``stop``, shape (frames,)."""
        out = np.empty(stop - start)
        place, position = bisect_right(self.frames, start) - 1, start
        while position < stop:
            end = min(stop, self.frames[place + 1]) if place + 1 < len(self.frames) else stop
            out[position - start : end - start] = self._between(place, position, end)
            place, position = place + 1, end
        return out

    def _between(self, place: int, start: int, stop: int) -> Values | float:
        """Return the values of frames that no breakpoint lies between: all after the one at ``place``."""
        first, last = self.values[max(place, 0)], self.values[min(place + 1, len(self.values) - 1)]
        if place < 0 or first == last:
            return first
        way = (np.arange(start, stop) - self.frames[place]) / (self.frames[place + 1] - self.frames[place])
        if self.smooth:
            way = (1.0 - np.cos(np.pi * way)) / 2.0
        if self.scale == "octaves":
            return first * np.power(last / first, way)
        return first + (last - first) * way


def curve_of(number: Number, timeline: Timeline | None, name: str) -> float | Curve:
    """Return a number that changes as a curve on the timeline; one that does not, whatever it is written as, as it is.

    Raises ``SpecError`` with ``name`` where points are out of order.
    """
    if not isinstance(number, dict):
        return number
    first, *others = values_of(number)
    if all(value == first for value in others):
        return first
    if timeline is None:
        raise SpecError(f"{name}: cannot change along the song, in which this has no place")
    return _of_points(number, timeline, name) if "points" in number else _of_sections(number, timeline)


def _of_points(automation: Automation, timeline: Timeline, name: str) -> float | Curve:
    places = [place for place, _ in automation["points"]]
    frames = [timeline.frame_of(place) for place in places]
    for index in range(1, len(frames)):
        if frames[index] <= frames[index - 1]:
            raise SpecError(f"{name}.points[{index}]: {out_of_order(places[index - 1], places[index])}")
    values = [value for _, value in automation["points"]]
    if automation["curve"] == "step":
        return _stepped(frames, values, automation, timeline)
    return Curve(tuple(frames), tuple(values), automation.get("scale", "linear"), automation["curve"] == "smooth")


def _of_sections(automation: Automation, timeline: Timeline) -> float | Curve:
    given, seen = automation["sections"], dict[str, int]()
    values = []
    for section in timeline.sections:
        turn = seen[section.name] = seen.get(section.name, 0) + 1
        value = given.get(f"{section.name}#{turn}", given.get(section.name))
        values.append(automation["default"] if value is None else value)
    return _stepped([section.start_frame for section in timeline.sections], values, automation, timeline)


def _stepped(starts: list[int], values: list[float], automation: Automation, timeline: Timeline) -> float | Curve:
    """Return a curve that has each value from its frame on, and comes to it in the ``ramp_ms`` before."""
    ramp = max(1, round(automation["ramp_ms"] * timeline.sample_rate / 1000))
    frames, held = [starts[0]], [values[0]]
    for start, value in zip(starts[1:], values[1:], strict=True):
        if value != held[-1]:
            frames += [max(frames[-1], start - ramp), start]
            held += [held[-1], value]
    if len(held) == 1:
        return held[0]
    return Curve(tuple(frames), tuple(held), automation.get("scale", "linear"), smooth=True, is_stepped=True)


def along(blocks: Blocks, *numbers: float | Curve) -> Iterator[tuple[Block, list[float | Values]]]:
    """Yield each block, and what the numbers are in it: a curve's values, shape (frames, 1), or the number itself."""
    start = 0
    for block in blocks:
        stop = start + len(block)
        yield block, [each(start, stop)[:, None] if isinstance(each, Curve) else each for each in numbers]
        start = stop
