"""WAV and RF64, written here and not by libsndfile, which stamps the time into float WAV (``PEAK`` chunk).

So the same samples are the same bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from stemtasks.audio.blocks import Block, Narrow
from stemtasks.dsp.quantiser import Dither, Quantiser
from stemtasks.errors import AudioError
from stemtasks.progress import on_frames

SUBTYPE_BITS = {"PCM_16": 16, "PCM_24": 24, "FLOAT": 32}
RIFF_LIMIT_BYTES = 0xFFFFFFFF
_ENCODED_FRAMES = 1 << 14  # rounded at a time, so that what is between samples and bytes stays in a core's cache


def write_wav(
    path: str | Path,
    blocks: Iterator[Narrow],
    sample_rate: int,
    channels: int,
    subtype: str = "FLOAT",
    seed: int = 0,
    dither: Dither = "tpdf",
) -> int:
    """Write blocks as WAV (RF64 past 4 GiB) and return the count of frames; same samples, same bytes.

    FLOAT is 32-bit. PCM_16 and PCM_24 are rounded, dithered by a noise drawn from ``seed`` where that changes
    anything, and clipped (``dsp/quantiser.py``). Memory is one block's; the file is whole when this returns.
    """
    quantiser = None if subtype == "FLOAT" else Quantiser(SUBTYPE_BITS[subtype], sample_rate, channels, dither, seed)
    tick = on_frames.get()
    frames = 0
    with open(path, "wb") as file:
        _write_header(file, sample_rate, channels, subtype, 0)
        for block in blocks:
            if block.shape[1] != channels:
                raise ValueError(f"block of {block.shape[1]} channels in a file of {channels}")
            if not len(block):
                continue
            try:
                file.writelines([_floats(block)] if quantiser is None else _pcm(block, quantiser, subtype))
            except FloatingPointError:
                at = frames + int(np.argmin(np.isfinite(block).all(axis=1)))
                raise AudioError(
                    f"{path}: frame {at} ({at / sample_rate:.3f} s) is NaN or infinite, which {subtype} cannot hold; "
                    "look for a filter or a feedback that grows without bound"
                ) from None
            frames += len(block)
            if tick is not None:
                tick(frames)
        if quantiser is not None:
            file.write(_packed(quantiser.finish(), subtype))
        if frames * channels * SUBTYPE_BITS[subtype] // 8 % 2:
            file.write(b"\0")
        file.seek(0)
        _write_header(file, sample_rate, channels, subtype, frames)
    return frames


def _floats(block: Narrow) -> memoryview:
    # what float32 cannot hold becomes infinite and is found by measuring: no warning is needed
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(block, dtype="<f4").data.cast("B")


def _pcm(block: Narrow, quantiser: Quantiser, subtype: str) -> Iterator[memoryview | bytes]:
    """Yield a block's samples as bytes, a core's cache at a time."""
    for start in range(0, len(block), _ENCODED_FRAMES):
        yield _packed(quantiser(block[start : start + _ENCODED_FRAMES]), subtype)


def _packed(steps: Block, subtype: str) -> memoryview | bytes:
    """Return whole steps as little-endian bytes."""
    if not len(steps):
        return b""
    if SUBTYPE_BITS[subtype] == 16:
        return steps.astype("<i2").data.cast("B")
    wide = steps.astype("<i4").view(np.uint8).reshape(-1, 4)
    packed = np.empty((len(wide), 3), dtype=np.uint8)
    for byte in range(3):  # a loop of three strided copies is six times as fast as one of 3 bytes a sample
        packed[:, byte] = wide[:, byte]
    return packed.data.cast("B")


def _write_header(file: BinaryIO, sample_rate: int, channels: int, subtype: str, frames: int) -> None:
    """Write 94 bytes (116 past 2 channels) up to the first sample; RF64 (EBU Tech 3306) where RIFF's sizes end.

    The size is the same for both forms: what ``ds64`` needs is held free by a ``JUNK`` chunk.
    """
    width = SUBTYPE_BITS[subtype] // 8
    data_bytes = frames * channels * width
    tag = 3 if subtype == "FLOAT" else 1
    fmt = struct.pack(
        "<HHIIHH", tag, channels, sample_rate, sample_rate * channels * width, channels * width, width * 8
    )
    if channels > 2:
        guid = struct.pack("<H", tag) + bytes.fromhex("000000001000800000aa00389b71")
        fmt = struct.pack("<H", 0xFFFE) + fmt[2:] + struct.pack("<HHI", 22, width * 8, 0) + guid
    else:
        fmt += struct.pack("<H", 0)
    form_bytes = 4 + (8 + 28) + (8 + len(fmt)) + (8 + 4) + 8 + data_bytes + data_bytes % 2
    large = form_bytes > RIFF_LIMIT_BYTES
    sizes = struct.pack("<QQQI", form_bytes, data_bytes, frames, 0) if large else bytes(28)
    file.write(
        struct.pack("<4sI4s", b"RF64" if large else b"RIFF", RIFF_LIMIT_BYTES if large else form_bytes, b"WAVE")
        + struct.pack("<4sI", b"ds64" if large else b"JUNK", 28)
        + sizes
        + struct.pack("<4sI", b"fmt ", len(fmt))
        + fmt
        + struct.pack("<4sII", b"fact", 4, RIFF_LIMIT_BYTES if large else frames)
        + struct.pack("<4sI", b"data", RIFF_LIMIT_BYTES if large else data_bytes)
    )
