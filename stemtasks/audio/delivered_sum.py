"""How far stems, as they are delivered, are from the mix when they are summed: the contract, measured."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from stemtasks.audio.blocks import BLOCK_FRAMES, Blocks, reblocked
from stemtasks.audio.facts import Facts, decibels
from stemtasks.audio.rates import at_rate
from stemtasks.audio.rounding import largest_error
from stemtasks.audio.source import Source
from stemtasks.dsp.level import amplitude, peak

OF_THE_MIX = 2e-6
"""Twice what the mix itself may be from the sum of its stems, since another rate's filter may lift it."""


def delivered_sum(inputs: dict[str, Path], stems: dict[str, Facts], params: dict[str, Any]) -> dict[str, float]:
    """Return the largest difference between the mix at the delivery's rate and the sum of ``stems/NAME`` in dBFS.

    Each stem is at its gain; ``withheld/NAME`` are stems that the mix has and the delivery has not.
    ``max_residual_dbfs`` is what the rounding of the stems explains, and that of ``params["rounded"]``: groups that
    are files on the way to the mix, and not delivered.
    """
    rate = params["sample_rate"]
    roles = [f"stems/{name}" for name in stems] + sorted(role for role in inputs if role.startswith("withheld/"))
    gains = [amplitude(params["gains_db"][role.partition("/")[2]]) for role in roles]
    largest = 0.0
    with ExitStack() as stack:
        mix, *streams = (_stream(stack, inputs[role], rate) for role in ("mix", *roles))
        for total, *blocks in zip(mix, *streams, strict=True):
            left = total.copy()
            for block, gain in zip(blocks, gains, strict=True):
                left -= block * gain
            largest = max(largest, peak(left))
    rounded = [facts.get("source", {}).get("max_residual_dbfs", -np.inf) for facts in stems.values()]
    allowed = OF_THE_MIX + sum(gain * amplitude(most) for gain, most in zip(gains, rounded, strict=False))
    if "rounded" in params:
        step = largest_error(params["rounded"], 1.0)
        allowed += sum(step * amplitude(gain_db) for gain_db in params["rounded"]["gains_db"])
    return {"residual_dbfs": decibels(largest), "max_residual_dbfs": decibels(allowed)}


def _stream(stack: ExitStack, path: Path, rate: int) -> Blocks:
    source = stack.enter_context(Source(path))
    return reblocked(at_rate(source.blocks(), source.frames, source.channels, source.sample_rate, rate), BLOCK_FRAMES)
