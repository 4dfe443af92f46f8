"""Audio files in blocks: the only module that opens them, so memory does not grow with duration.

Between stages, audio is ``Blocks``: an iterator of float64 arrays of shape ``(frames, channels)``,
full scale at 1.0, each of at most ``BLOCK_FRAMES`` frames unless a producer has a reason.

WAV is written here and not by libsndfile, which stamps the time into float WAV (``PEAK`` chunk)
and so gives different bytes for the same samples.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
import soundfile
from numpy.typing import NDArray

from stemtasks.dsp.channels import VORBIS_TO_WAV
from stemtasks.errors import AudioError
from stemtasks.headers import UNKNOWN_64, AudioData, audio_data, mp3_frames
from stemtasks.progress import on_frames

Block = NDArray[np.float64]
Blocks = Iterator[Block]
Narrow = NDArray[np.float32] | Block

BLOCK_FRAMES = 1 << 17
SUBTYPE_BITS = {"PCM_16": 16, "PCM_24": 24, "FLOAT": 32}
RIFF_LIMIT_BYTES = 0xFFFFFFFF
_ENCODED_FRAMES = 1 << 14  # dithered at a time, so that what is between samples and bytes stays in a core's cache
CLEARER = {
    "File does not exist or is not a regular file (possibly a pipe?)": "no audio is found in it",
    "Internal error : SF_INFO struct incomplete": "its header has no valid sample rate or channels",
    "Unspecified internal error": "its header is damaged",
}
"""What libsndfile says of a file that is there, in words that fit."""
# float32 holds every sample of these, and libsndfile reads it four times as fast as float64
_EXACT_IN_FLOAT32 = {"FLOAT", "PCM_S8", "PCM_U8", "PCM_16", "PCM_24"}

# glibc's malloc learns from the largest block freed how much to keep: without this, blocks of 1 MiB (65,536 frames
# of stereo) go back to the system one by one, and fetching their pages anew costs more than the arithmetic
np.empty(16 << 20, dtype=np.uint8)


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
    """An audio file open for reading at any frame, in any format that libsndfile reads, channels in WAV's order.

    ``frames`` is what the header says, or was counted where it says nothing. A header may claim more
    than the file holds: never allocate by it; ``blocks`` raises where the audio ends before.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        data = _inspected(self.path)
        self._file = _opened(self.path)
        self.sample_rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        self.frames: int = self._file.frames
        self.subtype: str = self._file.subtype
        self.format: str = self._file.format
        self._dtype = "float32" if self.subtype in _EXACT_IN_FLOAT32 else "float64"
        self._order = VORBIS_TO_WAV.get(self.channels) if self.format == "OGG" else None
        self._position = 0
        self._length_is_known = True
        # a block of a file with very many channels is shorter, so that its bytes are bounded too
        self._most_frames = max(1, BLOCK_FRAMES * 16 // max(16, self.channels))
        try:
            if data is not None and data.claimed == 0 and data.present and not self.frames:
                raise AudioError(
                    f"{self.path}: its header says 0 bytes of audio, but {data.present} bytes follow "
                    "(a recorder that was not stopped properly leaves this): repair the header or export it again"
                )
            if self.frames >= UNKNOWN_64:
                self._count()
            elif self.format == "MP3" and (summed := mp3_frames(self.path)) is not None:
                self._bound(summed)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def read(self, start: int, frames: int) -> Block:
        """Return ``frames`` frames from ``start``: shape (frames, channels), fewer at the end of the file."""
        return _widened(self.read_narrow(start, frames))

    def read_narrow(self, start: int, frames: int) -> Narrow:
        """Return what ``read`` does, in float32 where that holds every sample of this file exactly."""
        frames = max(0, min(frames, self.frames - start))
        if not frames:
            return np.empty((0, self.channels))
        try:
            if self._position != start:
                if self.format in ("OGG", "MP3"):
                    # libsndfile 1.2 lands elsewhere when it seeks in Vorbis or MP3 from the middle, but not from 0
                    self._file.seek(0)
                self._position = self._file.seek(start)
            block: Narrow = self._file.read(frames, dtype=self._dtype, always_2d=True)
        except soundfile.LibsndfileError as error:
            reason = error.error_string.rstrip(".") or "it is damaged or cut short"
            raise AudioError(
                f"{self.path}: cannot be decoded near frame {start} ({start / self.sample_rate:.3f} s): {reason}; "
                "copy or export it again"
            ) from None
        self._position += len(block)
        return block if self._order is None else block[:, self._order]

    def blocks(self, start: int = 0, stop: int | None = None) -> Blocks:
        """Yield the frames from ``start`` to ``stop`` (the end of the file), at most ``BLOCK_FRAMES`` at a time.

        Raises AudioError at the end when it came before ``stop``, or before a length that the header states.
        """
        return map(_widened, self.narrow_blocks(start, stop))

    def narrow_blocks(self, start: int = 0, stop: int | None = None) -> Iterator[Narrow]:
        """Yield what ``blocks`` does, in float32 where that holds every sample of this file exactly."""
        position = start
        end = self.frames if stop is None else stop
        while position < end:
            block = self.read_narrow(position, min(self._most_frames, end - position))
            if not len(block):
                break
            yield block
            position += len(block)
        if position < end and (stop is not None or self._length_is_known):
            raise AudioError(
                f"{self.path}: cut short: it claims {self.frames} frames ({self.frames / self.sample_rate:.3f} s), "
                f"{position} could be decoded ({position / self.sample_rate:.3f} s); copy or export it again"
            )

    def _bound(self, summed: int) -> None:
        """Correct libsndfile's guess at an MP3's length by what its frames add up to, or refuse to lose audio."""
        self._length_is_known = False
        if summed > self.frames + 3 * 1152:
            raise AudioError(
                f"{self.path}: lasts about {summed / self.sample_rate:.3f} s, but only "
                f"{self.frames / self.sample_rate:.3f} s would be read: an MP3 of variable bit rate needs a Xing "
                "header; export it again, as WAV or FLAC if possible"
            )
        if summed:
            self.frames = min(self.frames, summed)

    def _count(self) -> None:
        """Find the length of a file whose header has none (FLAC from a pipe) by decoding it once."""
        self._length_is_known = False
        while len(self.read(self._position, self._most_frames)):
            pass
        self.frames = self._position
        if not self.frames:
            raise AudioError(f"{self.path}: no audio could be decoded; export it again")
        # a decoder does not always find its way back to the start of such a file
        self._file.close()
        self._file, self._position = _opened(self.path), 0


def _widened(block: Narrow) -> Block:
    # a signalling NaN is for the measurements to find
    with np.errstate(invalid="ignore"):
        wide: Block = np.asarray(block, dtype=np.float64)
    return wide


class _Sequential(soundfile.SoundFile):  # type: ignore[misc]  # soundfile has no types
    """A SoundFile that does not seek after every read: a seek re-decodes, and fails where a length is unknown."""

    def seekable(self) -> bool:
        return False


def _inspected(path: Path) -> AudioData | None:
    """Return what the header claims; raise for what is no file, cannot be opened or is cut short."""
    try:
        if not path.exists():
            raise AudioError(f"{path}: no such file")
        if not path.is_file():
            raise AudioError(f"{path}: is not a file" + (" but a folder" if path.is_dir() else ""))
        with open(path, "rb") as file:
            file_bytes = file.seek(0, 2)
            if not file_bytes:
                raise AudioError(f"{path}: the file is empty (0 bytes); export it again")
            data = audio_data(file, file_bytes)
    except OSError as error:
        raise AudioError(f"{path}: cannot be opened ({error.strerror}); allow this user to read it") from None
    if data is not None and data.is_cut:
        raise AudioError(
            f"{path}: cut short: its {data.where} claims {data.claimed} bytes of audio, {data.present} are there; "
            "copy or export it again"
        )
    return data


def _opened(path: Path) -> soundfile.SoundFile:
    try:
        return _Sequential(path)
    except soundfile.LibsndfileError as error:
        reason = error.error_string.rstrip(".")
        reason = CLEARER.get(reason, reason)
        raise AudioError(
            f"{path}: cannot be read as audio ({reason}); "
            "WAV, AIFF, FLAC, Ogg, Opus, MP3, CAF, W64 and AU are read: export it again as one of them"
        ) from None


def write_wav(
    path: str | Path, blocks: Iterator[Narrow], sample_rate: int, channels: int, subtype: str = "FLOAT", seed: int = 0
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
            if not len(block):
                continue
            try:
                step = len(block) if subtype == "FLOAT" else _ENCODED_FRAMES
                file.writelines(
                    _encode(block[start : start + step], subtype, rng) for start in range(0, len(block), step)
                )
            except FloatingPointError:
                at = frames + int(np.argmin(np.isfinite(block).all(axis=1)))
                raise AudioError(
                    f"{path}: frame {at} ({at / sample_rate:.3f} s) is NaN or infinite, which {subtype} cannot hold; "
                    "look for a filter or a feedback that grows without bound"
                ) from None
            frames += len(block)
            if tick is not None:
                tick(frames)
        if frames * channels * SUBTYPE_BITS[subtype] // 8 % 2:
            file.write(b"\0")
        file.seek(0)
        _write_header(file, sample_rate, channels, subtype, frames)
    return frames


def all_finite(block: Narrow) -> bool:
    """Return whether no sample is NaN or infinite; one that is makes the sum so, which is quicker to find."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(block.sum()) or np.isfinite(block).all())


def _encode(block: Narrow, subtype: str, rng: np.random.Generator) -> memoryview | bytes:
    """Return the block's samples as little-endian bytes; raise FloatingPointError where PCM has no such number."""
    if subtype == "FLOAT":
        # what float32 cannot hold becomes infinite and is found by measuring: no warning is needed
        with np.errstate(over="ignore"):
            return np.ascontiguousarray(block, dtype="<f4").data.cast("B")
    bits = SUBTYPE_BITS[subtype]
    full_scale = float(1 << (bits - 1))
    # one draw a sample, so that the noise does not depend on where blocks end; its halves are two uniform numbers
    drawn = rng.integers(0, 1 << 32, block.shape, dtype=np.uint32)
    noise = (drawn >> 16).view(np.int32)
    drawn &= 0xFFFF
    noise -= drawn.view(np.int32)
    # filters yield transposed blocks; bytes are taken of frames in order
    dithered = np.multiply(block, full_scale, order="C", dtype=np.float64)
    dithered += noise * (1.0 / (1 << 16))
    if not all_finite(dithered):
        raise FloatingPointError
    np.rint(dithered, out=dithered)
    np.clip(dithered, -full_scale, full_scale - 1.0, out=dithered)
    if bits == 16:
        return dithered.astype("<i2").data.cast("B")
    wide = dithered.astype("<i4").view(np.uint8).reshape(-1, 4)
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


class Spill:
    """Blocks kept in a temporary file as raw float64, to be read forward or backward, at any frame."""

    def __init__(self, blocks: Blocks, channels: int, scratch: Path) -> None:
        self.channels = channels
        self.frames = 0
        self._file = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115 - lives as long as the Spill
        try:
            for block in blocks:
                if len(block):
                    self._file.write(np.ascontiguousarray(block, dtype=np.float64).data.cast("B"))
                    self.frames += len(block)
        except BaseException:
            self._file.close()
            raise

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
        if frames:
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
            count -= frames
            held = [joined[frames:]] if count else []
    if count:
        yield np.concatenate(held)


def fitted(blocks: Blocks, frames: int, channels: int) -> Blocks:
    """Yield exactly ``frames`` frames: cut, or filled with silence; no block is asked for past the last."""
    left = frames
    while left > 0 and (block := next(blocks, None)) is not None:
        yield block[:left]
        left -= len(block)
    while left > 0:
        yield np.zeros((min(left, BLOCK_FRAMES), channels))
        left -= BLOCK_FRAMES
