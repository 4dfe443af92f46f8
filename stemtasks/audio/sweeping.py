"""An effect that knows nothing of it, with parameters that change along the song.

It runs once for each of a grid of values, each time as if they never changed. Each frame is crossfaded between the
runs whose values lie nearest: continuous whatever the effect does, and without steps. So a filter's state, a delay's
line and a zero-phase filter's way back are right in each run; what changes is only which of them is heard.

The runs come one after the other, so that memory is that of one. Each ends where it is heard for the last time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product

import numpy as np
from numpy.typing import NDArray

from stemtasks.audio.blocks import BLOCK_FRAMES, Blocks, Stream
from stemtasks.audio.curves import Curve, Values
from stemtasks.audio.spill import Spill

STEPS = {"octaves": 1 / 24, "decibels": 1.0}
"""From one value of the grid to the next."""
LINEAR_STEPS = 16
"""In all, where the scale is another."""
MOST = {1: 65, 2: 17}
"""Values of each of so many parameters."""

Render = Callable[[Blocks, dict[str, float]], Blocks]


def swept(render: Render, blocks: Blocks, stream: Stream, curves: Mapping[str, Curve], frames: int) -> Blocks:
    """Yield what ``render(blocks, values)`` makes of the blocks, as the values go along the curves.

    Of what rings on, no more than to ``frames`` is asked for. It takes two scratch files of the input's length, and one
    of 8 bytes a frame for each curve.
    """
    grids = [grid_of(curve, MOST[len(curves)]) for curve in curves.values()]
    with (
        Spill(blocks, stream.channels, stream.scratch) as dry,
        Spill(iter(()), stream.channels, stream.scratch) as wet,
        Spill(_places(curves, grids, max(frames, dry.frames)), len(curves), stream.scratch) as places,
    ):
        if not dry.frames:
            return
        for run, end in sorted(_heard(places).items()):
            values = {name: float(grid[at]) for name, grid, at in zip(curves, grids, run, strict=True)}
            _add(render(dry.blocks(), values), np.array(run), end, places, wet)
        yield from wet.blocks()


def grid_of(curve: Curve, most: int) -> Values:
    """Return the values that a curve is rendered at, in order: those of its breakpoints, and steps between them.

    A stepped curve has none between them. The steps are wider where there would be more than ``most`` values; of more
    breakpoints than half of that only the lowest and the highest are among them.
    """
    own = np.unique(curve.values)
    if curve.is_stepped and len(own) <= most:
        return own
    if len(own) > most // 2 + 1:
        own = own[[0, -1]]
    warped = _warped(own, curve.scale)
    step = STEPS.get(curve.scale, (warped[-1] - warped[0]) / LINEAR_STEPS)
    counts = _counts(warped, step)
    while counts.sum() >= most:
        step *= 1.05
        counts = _counts(warped, step)
    grid = [own[:1]]
    for place, count in enumerate(counts):
        between = np.linspace(warped[place], warped[place + 1], count + 1)[1:-1]
        grid += [np.exp2(between) if curve.scale == "octaves" else between, own[place + 1 : place + 2]]
    return np.concatenate(grid)


def _counts(warped: Values, step: float) -> NDArray[np.int64]:
    return np.maximum(1, np.ceil(np.diff(warped) / step - 1e-9)).astype(np.int64)


def _warped(values: Values, scale: str) -> Values:
    return np.log2(values) if scale == "octaves" else values


def _places(curves: Mapping[str, Curve], grids: list[Values], frames: int) -> Blocks:
    """Yield where on its grid each curve is, shape (frames, curves): 2.25 is a quarter of the way from 2 to 3."""
    for start in range(0, frames, BLOCK_FRAMES):
        stop = min(start + BLOCK_FRAMES, frames)
        columns = [
            _place(curve(start, stop), grid, curve.scale) for curve, grid in zip(curves.values(), grids, strict=True)
        ]
        yield np.stack(columns, axis=1)


def _place(values: Values, grid: Values, scale: str) -> Values:
    below = np.clip(np.searchsorted(grid, values, side="right") - 1, 0, len(grid) - 2)
    warped = _warped(grid, scale)
    part = (_warped(values, scale) - warped[below]) / np.diff(warped)[below]
    return below.astype(np.float64) + np.clip(part, 0.0, 1.0)


def _heard(places: Spill) -> dict[tuple[int, ...], int]:
    """Return the runs that are heard, by their places on the grids, and the frame at which each falls silent."""
    ends: dict[tuple[int, ...], int] = {}
    for start in range(0, places.frames, BLOCK_FRAMES):
        block = places.read(start, BLOCK_FRAMES)
        sides = [(np.floor(column), np.ceil(column)) for column in block.T]
        for corner in product(*sides):
            runs, last = np.unique(np.stack(corner, axis=1)[::-1].astype(np.int64), axis=0, return_index=True)
            for run, at in zip(runs.tolist(), last.tolist(), strict=True):
                end = start + len(block) - at
                ends[tuple(run)] = max(ends.get(tuple(run), 0), end)
    return ends


def _add(made: Blocks, run: NDArray[np.int64], end: int, places: Spill, wet: Spill) -> None:
    """Add what one run makes to the frames that it is heard in, each times its weight."""
    start = 0
    for block in made:
        weights = np.prod(np.clip(1.0 - np.abs(places.read(start, len(block)) - run), 0.0, 1.0), axis=1)
        heard = np.flatnonzero(weights)
        if len(heard):
            first, last = heard[0], heard[-1] + 1
            wet.add(start + int(first), block[first:last] * weights[first:last, None])
        start += len(block)
        if start >= end:
            return
