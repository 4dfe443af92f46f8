"""The sound of the stage ``mix``: stems times their gains, as 32-bit float; measured against the very same stems."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemtasks.audio.adding import check_alike, sum_of
from stemtasks.audio.blocks import BLOCK_FRAMES, Block
from stemtasks.audio.facts import decibels, write_facts
from stemtasks.audio.loudness import measure_levels_and_loudness
from stemtasks.audio.matched import with_match
from stemtasks.audio.source import Source
from stemtasks.audio.wav import write_wav
from stemtasks.plugins import load
from stemtasks.progress import whole


def mix(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Sum ``inputs["stems/NAME"]`` times ``params["gains_db"][NAME]``, and what a match has found, and measure the sum.

    A mix may exceed 0 dBFS: float holds it, and the master turns it down. The facts add the gains and
    ``sum_residual_dbfs``, the largest difference between the written mix and the stems read once more.
    ``outputs["loudness"]`` has the loudness over time. With ``params["effects"]`` the sum goes through them into the
    mix, and the difference is that of the sum.
    """
    gains_db = with_match(params["gains_db"], inputs)
    gains = {name: 10 ** (gain_db / 20) for name, gain_db in sorted(gains_db.items())}
    summed = outputs["audio"].with_name("sum.wav") if params.get("effects") else outputs["audio"]
    chained: dict[str, Any] = {}
    with ExitStack() as stack:
        stems = {name: stack.enter_context(Source(inputs[f"stems/{name}"])) for name in gains}
        check_alike(stems, params)
        write_wav(summed, sum_of(stems, gains), params["sample_rate"], params["channels"], "FLOAT")
    if params.get("effects"):
        chained = load(params["parts"]["bus"])(summed, outputs["audio"], inputs, params)
    whole(outputs["audio"])
    # the check reads all stems once more, while the measuring filters the mix
    with ThreadPoolExecutor(1, "residual") as thread:
        residual = thread.submit(_residual, inputs, summed, gains)
        facts = measure_levels_and_loudness(outputs["audio"], over_time=outputs["loudness"])
        difference = residual.result()
    if chained:
        summed.unlink()
    facts |= chained | {"gains": gains, "gains_db": gains_db, "sum_residual_dbfs": decibels(difference)}
    write_facts(outputs["facts"], facts)


def _residual(inputs: dict[str, Path], written: Path, gains: dict[str, float]) -> float:
    """Return the largest difference between the written mix and the stems' sum, both read again."""
    largest = 0.0
    with ExitStack() as stack:
        stems = {name: stack.enter_context(Source(inputs[f"stems/{name}"])) for name in gains}
        mix = stack.enter_context(Source(written))
        position = 0
        for expected in sum_of(stems, gains):
            largest = max(largest, _largest_difference(expected, mix.read_narrow(position, BLOCK_FRAMES)))
            position += len(expected)
    return largest


def _largest_difference(expected: Block, found: NDArray[np.floating[Any]]) -> float:
    """Return the largest difference of two blocks; samples that are no numbers are counted elsewhere."""
    with np.errstate(invalid="ignore"):
        difference = expected - found
    largest = max(float(difference.max()), -float(difference.min()))
    if np.isfinite(largest):
        return largest
    np.abs(difference, out=difference)
    return float(np.max(difference, where=np.isfinite(difference), initial=0.0))
