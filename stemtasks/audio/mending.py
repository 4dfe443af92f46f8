"""The mending of what comes from outside: its stem's own effects, before the stem is measured and verified."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from stemtasks.audio.blocks import BLOCK_FRAMES, Blocks, Stream, fitted, reblocked
from stemtasks.audio.effecting import Chain, files_of, through
from stemtasks.audio.levels import Tally
from stemtasks.audio.spill import Spill
from stemtasks.timeline import Timeline


def mended(
    blocks: Blocks,
    stream: Stream,
    timeline: Timeline | None,
    inputs: dict[str, Path],
    params: dict[str, Any],
    unmended: dict[str, Any],
    joins_in: Callable[[Spill], dict[str, Any] | None] | None = None,
) -> Blocks:
    """Yield the blocks through the effects ``params["mend"]``: as many frames as came, what rings past them is cut.

    Effects have no latency, or make up for it. They are told how long their input is, which nobody knows before it is
    there: so it is kept in a temporary file on the way. ``unmended["clipped_ratio"]`` becomes the share of flat tops
    in what came, ``unmended["joins"]`` what its joins measure: effects would hide them.
    """
    tally = Tally(stream.channels)
    with Spill(_tallied(blocks, tally), stream.channels, stream.scratch) as spill:
        unmended["clipped_ratio"] = tally.clipped_ratio
        unmended["joins"] = None if joins_in is None else joins_in(spill)
        whole = replace(stream, frames=spill.frames)
        frames, channels = spill.frames, stream.channels
        chain = Chain(params["mend"], params["parts"], files_of(inputs, "mend"))
        through_all, _ = through(spill.blocks(), whole, chain, timeline=timeline, channels=channels, frames=frames)
        yield from fitted(through_all, frames, channels)


def _tallied(blocks: Blocks, tally: Tally) -> Blocks:
    """Pass blocks on and count them as they would be written."""
    for block in reblocked(blocks, BLOCK_FRAMES):
        tally.add(block.astype(np.float32))
        yield block
