"""Another sample rate: soxr in blocks, and the exact length that all files of a delivery share."""

from __future__ import annotations

import numpy as np
import soxr

from stemtasks.audio.blocks import BLOCK_FRAMES, Blocks, fitted, frames_at

QUALITY = "VHQ"


def at_rate(blocks: Blocks, frames: int, channels: int, rate_in: int, rate_out: int) -> Blocks:
    """Yield ``frames`` frames at another rate, exactly ``frames_at`` of them, which soxr may miss by one."""
    if rate_in == rate_out:
        yield from blocks
        return
    wanted = frames_at(frames, rate_in, rate_out)
    yield from fitted(_converted(blocks, channels, rate_in, rate_out), wanted, channels)


def _converted(blocks: Blocks, channels: int, rate_in: int, rate_out: int) -> Blocks:
    stream = soxr.ResampleStream(rate_in, rate_out, channels, dtype="float64", quality=QUALITY)
    # upwards a block grows: less goes in, so that what comes out stays a block
    step = max(1, min(BLOCK_FRAMES, BLOCK_FRAMES * rate_in // rate_out))
    for block in blocks:
        for start in range(0, len(block), step):
            yield stream.resample_chunk(np.ascontiguousarray(block[start : start + step]))
    yield stream.resample_chunk(np.zeros((0, channels)), last=True)
