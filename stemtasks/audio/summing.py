"""The sound of the stage ``mix``: stems times their gains, as 32-bit float; measured against the very same stems."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemtasks.audio.blocks import BLOCK_FRAMES, Block, Blocks
from stemtasks.audio.facts import decibels, write_facts
from stemtasks.audio.loudness import measure_levels_and_loudness
from stemtasks.audio.source import Source
from stemtasks.audio.wav import write_wav
from stemtasks.errors import AudioError
from stemtasks.progress import whole


def mix(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Sum ``inputs["stems/NAME"]`` times ``params["gains_db"][NAME]`` and measure the sum.

    A mix may exceed 0 dBFS: float holds it, and the master turns it down. The facts add the gains and
    ``sum_residual_dbfs``, the largest difference between the written mix and the stems read once more.
    ``outputs["loudness"]`` has the loudness over time.
    """
    gains_db: dict[str, float] = params["gains_db"]
    gains = {name: 10 ** (gain_db / 20) for name, gain_db in sorted(gains_db.items())}
    with ExitStack() as stack:
        stems = {name: stack.enter_context(Source(inputs[f"stems/{name}"])) for name in gains}
        _check_alike(stems, params)
        write_wav(outputs["audio"], _sum(stems, gains), params["sample_rate"], params["channels"], "FLOAT")
    whole(outputs["audio"])
    # the check reads all stems once more, while the measuring filters the mix
    with ThreadPoolExecutor(1, "residual") as thread:
        residual = thread.submit(_residual, inputs, outputs["audio"], gains)
        facts = measure_levels_and_loudness(outputs["audio"], over_time=outputs["loudness"])
        difference = residual.result()
    facts |= {"gains": gains, "gains_db": gains_db, "sum_residual_dbfs": decibels(difference)}
    write_facts(outputs["facts"], facts)


def _check_alike(stems: dict[str, Source], params: dict[str, Any]) -> None:
    """Raise AudioError naming both stems where two differ, or a stem and what the song asks for."""
    first_name, first = next(iter(stems.items()))
    for name, stem in stems.items():
        for what in ("frames", "sample_rate", "channels"):
            found, expected = getattr(stem, what), getattr(first, what)
            if found != expected:
                raise AudioError(
                    f"mix: {what} of stem {name!r} is {found}, of stem {first_name!r} {expected}; "
                    "stems are summed frame by frame: process both for the same song"
                )
    for what in ("sample_rate", "channels"):
        if getattr(first, what) != params[what]:
            raise AudioError(
                f"mix: {what} of stem {first_name!r} is {getattr(first, what)}, the song's is {params[what]}; "
                "process it for this song"
            )


def _sum(stems: dict[str, Source], gains: dict[str, float]) -> Blocks:
    """Yield the sum in float64, added in the order of the names: the first gain times the stems at their ratios to it.

    So faders that stand alike are one multiplication.
    """
    first, *others = stems
    for start in range(0, stems[first].frames, BLOCK_FRAMES):
        total = stems[first].read(start, BLOCK_FRAMES)
        # what is no number is found by measuring the sum
        with np.errstate(invalid="ignore"):
            for name in others:
                block, ratio = stems[name].read_narrow(start, len(total)), gains[name] / gains[first]
                total += block if ratio == 1.0 else np.multiply(block, ratio, dtype=np.float64)
            if gains[first] != 1.0:
                total *= gains[first]
        yield total


def _residual(inputs: dict[str, Path], written: Path, gains: dict[str, float]) -> float:
    """Return the largest difference between the written mix and the stems' sum, both read again."""
    largest = 0.0
    with ExitStack() as stack:
        stems = {name: stack.enter_context(Source(inputs[f"stems/{name}"])) for name in gains}
        mix = stack.enter_context(Source(written))
        position = 0
        for expected in _sum(stems, gains):
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
