"""A fitted stem brought in time with the reference: moved, resampled to its clock, and turned where it is inverted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from stemtasks.audio.blocks import Block, Blocks, fitted
from stemtasks.audio.facts import Facts, read_facts, write_facts
from stemtasks.audio.in_time import is_found
from stemtasks.audio.levels import measure_levels
from stemtasks.audio.source import Source
from stemtasks.audio.sync import InReference
from stemtasks.audio.wav import write_wav
from stemtasks.errors import AudioError

QUALITY = "VHQ"
FADE_MS = 5
"""At the end, where the correction leaves silence after it."""
LEAST_DRIFT_MS = 0.1
"""Over the whole length; a smaller one is not resampled away, which would change each sample for nothing."""


def bring_in_time(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Correct ``outputs["audio"]`` against ``inputs["reference"]``, at the same length, and its facts.

    ``params["sha256"]["reference"]`` is the digest of that.

    ``align`` of the facts gets ``corrected`` (the offset, drift and polarity that it had) and ``sync`` (what is
    measured afterwards). The offset is corrected to the nearest frame. AudioError where the stem is not found for sure.
    """
    audio, facts = outputs["audio"], read_facts(outputs["facts"])
    corrected = audio.with_name(f"{audio.stem}.corrected.wav")
    with InReference(inputs["reference"], params["sha256"]["reference"]) as reference:
        sync = reference.measure(audio)
        if not is_found(sync):
            raise AudioError(
                f"it is not found in the reference for sure (confidence {sync['confidence']:g} of "
                f"{sync['windows']} windows), so nothing can be corrected: leave out sync, and place it by hand"
            )
        with Source(audio) as source:
            blocks = fitted(_corrected(source, sync), source.frames, source.channels)
            write_wav(corrected, blocks, source.sample_rate, source.channels)
        os.replace(corrected, audio)  # what was there may be another name of the stem
        facts |= measure_levels(audio)
        facts["align"]["corrected"] = {name: sync[name] for name in ("offset_ms", "drift_ppm", "polarity")}
        facts["align"]["sync"] = reference.measure(audio)
    write_facts(outputs["facts"], facts)


def _corrected(source: Source, sync: Facts) -> Blocks:
    """Yield the audio as the reference's clock has it, from where the reference begins."""
    first = round(sync["offset_ms"] / 1000 * source.sample_rate)
    sign = -1.0 if sync["polarity"] == -1 else 1.0
    slope = sync["drift_ppm"] * 1e-6 if abs(sync["drift_ms"]) >= LEAST_DRIFT_MS else 0.0
    stream = soxr.ResampleStream(
        source.sample_rate * (1 + slope), source.sample_rate, source.channels, dtype="float64", quality=QUALITY
    )

    def resampled(block: Block, last: bool = False) -> Block:
        return stream.resample_chunk(np.ascontiguousarray(block), last=last) if slope else block

    if first < 0:
        yield resampled(np.zeros((-first, source.channels)))
    ends_early = (source.frames - first) / (1 + slope) < source.frames
    fade, left = round(FADE_MS / 1000 * source.sample_rate), source.frames - max(0, first)
    for block in source.blocks(max(0, first)):
        gains = sign * np.minimum(1.0, (left - 0.5 - np.arange(len(block))) / fade) if ends_early else sign
        left -= len(block)
        yield resampled(block * np.reshape(gains, (-1, 1)))
    yield resampled(np.zeros((0, source.channels)), last=True)
