"""Audio files in blocks: the only module that opens them, so memory does not grow with duration.

Between stages, audio is ``Blocks``: an iterator of float64 arrays of shape ``(frames, channels)``,
full scale at 1.0, each of at most ``BLOCK_FRAMES`` frames unless a producer has a reason.

WAV is written here and not by libsndfile, which stamps the time into float WAV (``PEAK`` chunk)
and so gives different bytes for the same samples.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
import soundfile
from numpy.typing import NDArray

from stemtasks.errors import AudioError

Block = NDArray[np.float64]
Blocks = Iterator[Block]

BLOCK_FRAMES = 1 << 16
SUBTYPE_BITS = {"PCM_16": 16, "PCM_24": 24, "FLOAT": 32}
RIFF_LIMIT_BYTES = 0xFFFFFFFF

on_frames: ContextVar[Callable[[int], None] | None] = ContextVar("on_frames", default=None)
"""Called with the count of frames written so far; may raise to stop the job (progress, cancelling)."""


@dataclass(frozen=True)
class Stream:
    """What flows through a generator, an effect or a strategy.

    ``frames`` is the length asked of a generator, or the length of an effect's input.
    ``scratch`` is a folder for temporary files, on the disk that the outputs go to.
    """

    sample_rate: int
    channels: int
    frames: int
    scratch: Path


class Source:
    """An audio file open for reading at any frame, in any format that libsndfile reads."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise AudioError(f"{self.path}: no such file")
        if self.path.stat().st_size == 0:
            raise AudioError(f"{self.path}: the file is empty (0 bytes); export it again")
        try:
            self._file = soundfile.SoundFile(self.path)
        except soundfile.LibsndfileError as error:
            raise AudioError(
                f"{self.path}: cannot be read as audio ({error.error_string.rstrip('.')}); "
                "WAV, AIFF, FLAC, Ogg, Opus, MP3, CAF, W64 and AU are read: export it again as one of them"
            ) from None
        self.sample_rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        self.frames: int = self._file.frames
        self.subtype: str = self._file.subtype
        self.format: str = self._file.format

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def read(self, start: int, frames: int) -> Block:
        """Return ``frames`` frames from ``start``: shape (frames, channels), fewer at the end of the file."""
        if self._file.tell() != start:
            self._file.seek(start)
        if self.subtype != "FLOAT":
            block: Block = self._file.read(frames, dtype="float64", always_2d=True)
            return block
        # 32-bit floats unconverted, at a third of the time; a signalling NaN is for the measurements to find
        with np.errstate(invalid="ignore"):
            narrow: NDArray[np.float32] = self._file.read(frames, dtype="float32", always_2d=True)
            return narrow.astype(np.float64)

    def blocks(self, start: int = 0, stop: int | None = None) -> Blocks:
        """Yield the frames from ``start`` to ``stop`` (the end of the file), ``BLOCK_FRAMES`` at a time."""
        position = start
        while stop is None or position < stop:
            wanted = BLOCK_FRAMES if stop is None else min(BLOCK_FRAMES, stop - position)
            block = self.read(position, wanted)
            if not len(block):
                return
            yield block
            position += len(block)


def write_wav(
    path: str | Path, blocks: Blocks, sample_rate: int, channels: int, subtype: str = "FLOAT", seed: int = 0
) -> int:
    """Write blocks as WAV (RF64 past 4 GiB) and return the count of frames; same samples, same bytes.

    FLOAT is 32-bit. PCM_16 and PCM_24 are rounded after TPDF dither of +-1 LSB drawn from ``seed``
    (Lipshitz, Wannamaker and Vanderkooy, 'Quantization and Dither', JAES 40, 1992), and clipped.
    Memory is one block's; the file is whole when this returns.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    tick = on_frames.get()
    frames = 0
    with open(path, "wb") as file:
        _write_header(file, sample_rate, channels, subtype, 0)
        for block in blocks:
            if block.shape[1] != channels:
                raise ValueError(f"block of {block.shape[1]} channels in a file of {channels}")
            file.write(_encode(block, subtype, rng))
            frames += len(block)
            if tick is not None:
                tick(frames)
        if frames * channels * SUBTYPE_BITS[subtype] // 8 % 2:
            file.write(b"\0")
        file.seek(0)
        _write_header(file, sample_rate, channels, subtype, frames)
    return frames


def _encode(block: Block, subtype: str, rng: np.random.Generator) -> memoryview | bytes:
    """Return the block's samples as little-endian bytes of the subtype."""
    if subtype == "FLOAT":
        return np.ascontiguousarray(block, dtype="<f4").data.cast("B")
    bits = SUBTYPE_BITS[subtype]
    full_scale = float(1 << (bits - 1))
    # two draws a sample, side by side, so that the noise does not depend on where blocks end
    uniform = rng.random((*block.shape, 2), dtype=np.float32)
    dithered = block * full_scale
    dithered += uniform[..., 0]
    dithered -= uniform[..., 1]
    np.rint(dithered, out=dithered)
    np.clip(dithered, -full_scale, full_scale - 1.0, out=dithered)
    if bits == 16:
        return dithered.astype("<i2").data.cast("B")
    return dithered.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


def _write_header(file: BinaryIO, sample_rate: int, channels: int, subtype: str, frames: int) -> None:
    """Write 92 bytes (128 past 2 channels) up to the first sample; RF64 (EBU Tech 3306) where RIFF's sizes end.

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


class Spill:
    """Blocks kept in a temporary file as raw float64, to be read forward or backward, at any frame."""

    def __init__(self, blocks: Blocks, channels: int, scratch: Path) -> None:
        self.channels = channels
        self.frames = 0
        self._file = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115 - lives as long as the Spill
        for block in blocks:
            self._file.write(np.ascontiguousarray(block).data.cast("B"))
            self.frames += len(block)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def read(self, start: int, frames: int) -> Block:
        """Return up to ``frames`` frames from ``start``: shape (frames, channels)."""
        frames = max(0, min(frames, self.frames - start))
        block = np.empty((frames, self.channels))
        self._file.seek(start * self.channels * 8)
        self._file.readinto(block.data.cast("B"))
        return block

    def overwrite(self, start: int, block: Block) -> None:
        """Replace the frames from ``start`` by a block's."""
        self._file.seek(start * self.channels * 8)
        self._file.write(np.ascontiguousarray(block).data.cast("B"))


def reblocked(blocks: Blocks, frames: int) -> Blocks:
    """Yield the same audio in blocks of exactly ``frames`` frames (the last may be shorter)."""
    held: list[Block] = []
    count = 0
    for block in blocks:
        held.append(block)
        count += len(block)
        while count >= frames:
            joined = np.concatenate(held) if len(held) > 1 else held[0]
            yield joined[:frames]
            held = [joined[frames:]]
            count -= frames
    if count:
        yield np.concatenate(held)


def fitted(blocks: Blocks, frames: int, channels: int) -> Blocks:
    """Yield exactly ``frames`` frames: cut, or filled with silence."""
    left = frames
    for block in blocks:
        if left <= 0:
            return
        yield block[:left]
        left -= len(block)
    while left > 0:
        yield np.zeros((min(left, BLOCK_FRAMES), channels))
        left -= BLOCK_FRAMES
