"""FLAC and MP3, written by libsndfile; what is written here is the same bytes for the same samples, run to run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from stemtasks.audio.blocks import Blocks
from stemtasks.dsp.quantiser import Dither, Quantiser
from stemtasks.progress import on_frames

FLAC_BITS = {"PCM_16": 16, "PCM_24": 24}
FLAC_LEVEL = 5 / 8  # flac's own default; the highest takes five times as long for 1 %


def write_flac(
    path: str | Path, blocks: Blocks, sample_rate: int, channels: int, subtype: str, seed: int, dither: Dither
) -> None:
    """Write blocks as FLAC, rounded to PCM_16 or PCM_24 as ``write_wav`` does: the same samples as a WAV has."""
    bits = FLAC_BITS[subtype]
    quantiser = Quantiser(bits, sample_rate, channels, dither, seed)

    def rounded() -> Iterator[NDArray[np.int32]]:
        for block in blocks:
            yield _left_justified(quantiser(block), bits)
        yield _left_justified(quantiser.finish(), bits)

    _write(path, rounded(), sample_rate, channels, format="FLAC", subtype=subtype, compression_level=FLAC_LEVEL)


def write_mp3(path: str | Path, blocks: Blocks, sample_rate: int, channels: int) -> None:
    """Write blocks as MP3 at the highest constant bit rate of its sample rate (320, 160 or 64 kbit/s).

    The encoder's delay and padding are in its header (LAME tag), so that a decoder returns as many frames as went in.
    """
    form = {"format": "MP3", "subtype": "MPEG_LAYER_III", "bitrate_mode": "CONSTANT", "compression_level": 0.0}
    _write(path, blocks, sample_rate, channels, **form)


def _left_justified(steps: NDArray[np.float64], bits: int) -> NDArray[np.int32]:
    return steps.astype(np.int32) << (32 - bits)


def _write(path: str | Path, blocks: Iterator[NDArray[Any]], sample_rate: int, channels: int, **form: Any) -> None:
    tick: Callable[[int], None] | None = on_frames.get()
    frames = 0
    with soundfile.SoundFile(path, "w", sample_rate, channels, **form) as file:
        for block in blocks:
            if len(block):
                file.write(np.ascontiguousarray(block))
                frames += len(block)
                if tick is not None:
                    tick(frames)
