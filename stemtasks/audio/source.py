"""Audio files read in blocks, at any frame; the only module that imports soundfile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np
import soundfile

from stemtasks.audio.beginning import Beginning
from stemtasks.audio.blocks import BLOCK_FRAMES, Block, Blocks, Narrow
from stemtasks.audio.chunks import UNKNOWN_64
from stemtasks.audio.headers import AudioData, audio_data
from stemtasks.audio.layout import Layout, read_layout
from stemtasks.audio.mpeg import mp3_length
from stemtasks.audio.pcm24 import WIDTH_BYTES, Pcm24
from stemtasks.dsp.channels import VORBIS_TO_WAV
from stemtasks.errors import AudioError

CLEARER = {
    "File does not exist or is not a regular file (possibly a pipe?)": "no audio is found in it",
    "Internal error : SF_INFO struct incomplete": "its header has no valid sample rate or channels",
    "Unspecified internal error": "its header is damaged",
}
"""What libsndfile says of a file that is there, in words that fit."""
MOST_VORBIS_FRAMES = 8192
"""The longest block of Vorbis (Vorbis I, 4.2.2): an encoder's last position may be beyond its audio by less."""
WAVS = ("WAV", "WAVEX", "RF64")
# float32 holds every sample of these, and libsndfile reads it four times as fast as float64
_EXACT_IN_FLOAT32 = {"FLOAT", "PCM_S8", "PCM_U8", "PCM_16", "PCM_24"}


class Source:
    """An audio file open for reading at any frame, in any format that libsndfile reads.

    Channels are in the file's order, an Ogg file's in WAV's; ``layout`` has the speakers that it declares.
    ``frames`` is what the header says, or was counted where it says nothing. A header may claim more
    than the file holds: never allocate by it; ``blocks`` raises where the audio ends before.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        data = _inspected(self.path)
        self._beginning = _as_rf64(self.path)
        self._file = _opened(self.path, self._beginning)
        self.sample_rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        self.frames: int = self._file.frames
        self.subtype: str = self._file.subtype
        self.format: str = self._file.format
        self._dtype = "float32" if self.subtype in _EXACT_IN_FLOAT32 else "float64"
        self.layout, self._order = _ordered(read_layout(self.path, self.channels), self.channels, self.format)
        self._position = 0
        self._length_is_known = True
        self._plain: Pcm24 | None = None
        self._slack_frames = MOST_VORBIS_FRAMES - 1 if self.subtype == "VORBIS" else 0
        # a block of a file with very many channels is shorter, so that its bytes are bounded too
        self._most_frames = max(1, BLOCK_FRAMES * 16 // max(16, self.channels))
        try:
            if data is not None and data.claimed == 0 and data.present and not self.frames:
                raise AudioError(
                    f"{self.path}: its header says 0 bytes of audio, but {data.present} bytes follow "
                    "(a recorder that was not stopped properly leaves this): repair the header or export it again"
                )
            guessed = self.subtype.startswith("MPEG") and (self.format, self.subtype) != ("MP3", "MPEG_LAYER_III")
            if self.frames >= UNKNOWN_64 or guessed:
                self._count()  # a WAV's header counts the encoder's padding; layer II has no count
            elif self.format == "MP3":
                self._check_mp3()
            if data is not None and data.stated > self.frames:
                raise AudioError(
                    f"{self.path}: its header says {data.stated} frames, but its bytes are {self.frames}; "
                    "repair the header or export it again"
                )
            if data is not None and data.frames is not None:
                self.frames = min(self.frames, data.frames)
            self._plain = self._as_pcm24(data)
        except BaseException:
            self._close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        self._file.close()
        if self._plain is not None:
            self._plain.close()
        if self._beginning is not None:
            self._beginning.close()

    def read(self, start: int, frames: int) -> Block:
        """Return ``frames`` frames from ``start``: shape (frames, channels), fewer at the end of the file."""
        return _widened(self.read_narrow(start, frames))

    def read_narrow(self, start: int, frames: int) -> Narrow:
        """Return what ``read`` does, in float32 where that holds every sample of this file exactly."""
        frames = max(0, min(frames, self.frames - start))
        if not frames:
            return np.empty((0, self.channels))
        try:
            if self._plain is not None:
                return self._plain.read(start, frames)
            if self._position != start:
                if self.format in ("OGG", "MP3") or self.subtype.startswith("MPEG"):
                    # libsndfile 1.2 lands elsewhere when it seeks in Vorbis or MP3 from the middle, but not from 0
                    self._file.seek(0)
                self._position = self._file.seek(start)
            block: Narrow = np.empty((frames, self.channels), dtype=self._dtype)
            block = block[: self._file.buffer_read_into(block, dtype=self._dtype)]
        except (soundfile.LibsndfileError, OSError) as error:
            said = error.strerror if isinstance(error, OSError) else error.error_string.rstrip(".")
            reason = said or "it is damaged or cut short"
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
        lost = end - position
        if lost > 0 and (stop is not None or (self._length_is_known and lost > self._slack_frames)):
            raise AudioError(
                f"{self.path}: cut short: it claims {self.frames} frames ({self.frames / self.sample_rate:.3f} s), "
                f"{position} could be decoded ({position / self.sample_rate:.3f} s); copy or export it again"
            )

    def _as_pcm24(self, data: AudioData | None) -> Pcm24 | None:
        """Return what reads this file in place of libsndfile, where all of its audio is samples of 24 bits in a WAV."""
        if data is None or self.subtype != "PCM_24" or self.format not in WAVS or self._file.endian == "BIG":
            return None
        if data.claimed != self.frames * self.channels * WIDTH_BYTES:
            return None
        self._file.close()
        return Pcm24(self.path, data.start, self.channels)

    def _check_mp3(self) -> None:
        """Refuse an MP3 whose frames contradict its header, and give one to an MP3 that states no length."""
        found = mp3_length(self.path)
        if found.fault is not None:
            raise AudioError(f"{self.path}: {found.fault}")
        if found.frames is None:
            return
        self._length_is_known = False
        if found.is_vbri or found.frames > self.frames:
            self._file.close()
            self._beginning = Beginning(self.path, found.header, found.skipped)
            self._file = _opened(self.path, self._beginning)
            self.frames = self._file.frames
        if found.frames:
            self.frames = min(self.frames, found.frames)

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
        self._file, self._position = _opened(self.path, self._beginning), 0


def _widened(block: Narrow) -> Block:
    # a signalling NaN is for the measurements to find
    with np.errstate(invalid="ignore"):
        wide: Block = np.asarray(block, dtype=np.float64)
    return wide


class _Sequential(soundfile.SoundFile):  # type: ignore[misc]  # soundfile has no types
    """A SoundFile that does not seek after every read: a seek re-decodes, and fails where a length is unknown."""

    def seekable(self) -> bool:
        return False


def _ordered(layout: Layout, channels: int, form: str) -> tuple[Layout, tuple[int, ...] | None]:
    """Return the layout in the order of ``read``, and the file's column of each of its channels if they differ."""
    order = VORBIS_TO_WAV.get(channels) if form == "OGG" and not layout.ambisonic else None
    if order is None or layout.speakers is None:
        return layout, order
    return Layout(tuple(layout.speakers[column] for column in order)), order


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
    if data is not None and data.fault is not None:
        raise AudioError(f"{path}: {data.fault}")
    return data


def _as_rf64(path: Path) -> Beginning | None:
    """Return a BW64 under the name that libsndfile knows: with a ``ds64`` chunk it is an RF64, without one a WAV."""
    with open(path, "rb") as file:
        start = file.read(16)
    if start[:4] != b"BW64":
        return None
    return Beginning(path, b"RF64" if start[12:16] == b"ds64" else b"RIFF", 4)


def _opened(path: Path, beginning: Beginning | None = None) -> soundfile.SoundFile:
    try:
        return _known(path, beginning)
    except BaseException:
        if beginning is not None:
            beginning.close()
        raise


def _known(path: Path, beginning: Beginning | None) -> soundfile.SoundFile:
    try:
        file = _Sequential(path if beginning is None else beginning)
    except soundfile.LibsndfileError as error:
        reason = error.error_string.rstrip(".")
        reason = CLEARER.get(reason, reason)
        raise AudioError(
            f"{path}: cannot be read as audio ({reason}); "
            "WAV, AIFF, FLAC, Ogg, Opus, MP3, CAF, W64 and AU are read: export it again as one of them"
        ) from None
    # soundfile itself refuses by the name: TypeError for '.raw', UnicodeEncodeError (a ValueError) for one not UTF-8
    except (soundfile.SoundFileError, TypeError, ValueError, OverflowError, RuntimeError):
        raise AudioError(
            f"{str(path)!r}: cannot be read as audio under this name; give it a plain name that ends in its format, "
            "such as take.wav"
        ) from None
    if file.format == "RAW":  # libsndfile takes any bytes for sound where the name ends in .vox, .gsm, .au or .snd
        file.close()
        raise AudioError(
            f"{path}: cannot be read as audio (it has no header that says its rate and form); export it again as WAV"
        )
    return file
