"""A recording in any format as a stem's blocks: checked, cut, faded, mapped to channels, resampled.

Shared by the generators that start from a file, so that a renderer's output and a take from disk
are treated alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import soxr

from stemtasks.audio.blocks import BLOCK_FRAMES, Block, Blocks, Stream, all_finite, fitted, frames_at
from stemtasks.audio.source import Source
from stemtasks.dsp.channels import MOST_CHANNELS, Mixing, mixed, mixing, without_rule
from stemtasks.errors import AudioError

RATES_HZ = (1000, 1_536_000)
HIT_POWER = 10.0
"""A part is faded in unless its first ms are so much stronger than what was cut off before them: an attack."""
QUALITY = "VHQ"  # 28 bits in double precision; its bytes do not depend on the CPU's vector unit, HQ's do


@dataclass(frozen=True)
class Cut:
    """Part of a recording, in its own frames: ``[start, stop)``, faded over ``fade_frames`` where it was cut."""

    start: int = 0
    stop: int | None = None
    fade_frames: int = 0


def recording(
    source: Source, stream: Stream, cut: Cut = Cut(), *, only_channel: int | None = None, mono: bool = False
) -> Blocks:
    """Yield a recording at the stream's sample rate and channels; its own duration decides the length.

    ``round(frames * rate_out / rate_in)`` frames come out of those decoded, halves rounded up; the
    resampler's latency is compensated by it. ``only_channel`` counts from 1. Raises AudioError for
    an impossible rate, channel count or layout, for NaN and infinities (the resampler would smear them), and
    for a file that ends early or holds nothing.
    """
    before, after = check_recording(source, stream, only_channel=only_channel, mono=mono)
    counted = _Counted(source, cut)
    mapped: Blocks = (mixed(block, before) for block in counted.blocks())
    if source.sample_rate != stream.sample_rate:
        mapped = _resampled(mapped, counted, source.sample_rate, stream.sample_rate, len(before))
    for block in mapped:
        yield mixed(block, after)
    if not counted.frames:
        raise AudioError(f"{source.path}: holds no audio (0 frames); export it again")


def check_recording(
    source: Source, stream: Stream, *, only_channel: int | None = None, mono: bool = False
) -> tuple[Mixing, Mixing]:
    """Return the gains before and after resampling; AudioError for an impossible rate or channel count."""
    low, high = RATES_HZ
    if not low <= source.sample_rate <= high:
        raise AudioError(
            f"{source.path}: its header says {source.sample_rate} Hz, {low} to {high} Hz is allowed: "
            "repair the header or export it again"
        )
    return _mixings(source, stream, only_channel, mono)


def _mixings(source: Source, stream: Stream, only_channel: int | None, mono: bool) -> tuple[Mixing, Mixing]:
    """Return the gains before and after resampling, so that the fewest channels are resampled."""
    channels = source.channels
    if only_channel is not None:
        if only_channel > channels:
            have, choice = (
                ("1 channel", "leave it out") if channels == 1 else (f"{channels} channels", f"choose 1 to {channels}")
            )
            raise AudioError(f"{source.path}: has {have}, only_channel asks for number {only_channel}: {choice}")
        before: Mixing | None = (tuple(float(i == only_channel - 1) for i in range(channels)),)
    else:
        _refuse_layout(source)
        before = mixing(channels, min(channels, 1 if mono else stream.channels), source.layout.speakers)
    after = None if before is None else mixing(len(before), stream.channels)
    if before is None or after is None:
        raise AudioError(
            f"{source.path}: has {channels} channels and the song {stream.channels}: 1 to {MOST_CHANNELS} "
            "can become 1 or 2; choose one with only_channel, or export it with the song's channels"
        )
    return before, after


def _refuse_layout(source: Source) -> None:
    """Raise AudioError where the channels that the file declares cannot be folded down to stereo."""
    fault = source.layout.fault
    unknown = without_rule(source.layout.speakers or ())
    if unknown:
        names = ", ".join(unknown[:4]) + ", ..." * (len(unknown) > 4)
        fault = f"has speakers that ITU-R BS.775 cannot fold down ({names}): mix it to stereo"
    if fault is not None:
        raise AudioError(f"{source.path}: {fault}, or choose one channel with only_channel")


class _Counted:
    """The blocks of a cut, checked and faded, and how many frames have come."""

    def __init__(self, source: Source, cut: Cut) -> None:
        self.source, self.cut = source, cut
        self.frames = 0

    def blocks(self) -> Blocks:
        source, cut = self.source, self.cut
        stop = source.frames if cut.stop is None else cut.stop
        fade_in = 0 if _starts_on_a_hit(source, cut) else cut.fade_frames
        fade_out = cut.fade_frames if stop < source.frames else 0
        for block in source.blocks(cut.start, cut.stop):
            position = cut.start + self.frames
            refuse_invalid(block, position, source, "cut around it with start_seconds and duration_seconds")
            self.frames += len(block)
            yield _faded(block, position - cut.start, stop - position, fade_in, fade_out)


def _starts_on_a_hit(source: Source, cut: Cut) -> bool:
    """Return whether nothing is to be faded in: the recording's own start, or a sound that begins at the cut."""
    near = min(cut.start, cut.fade_frames)
    if not near:
        return True
    parts = (source.read(start, near) for start in (cut.start - near, cut.start))
    before, after = (float(np.einsum("ij,ij->", part, part)) for part in parts)
    return after > 0.0 and after >= HIT_POWER * before  # what is no number is refused later


def refuse_invalid(block: Block, position: int, source: Source, way: str) -> None:
    """Raise AudioError for NaN and infinities in a block that begins at ``position``; ``way`` is a way around them."""
    if all_finite(block):
        return
    frame = position + int(np.argmin(np.isfinite(block).all(axis=1)))
    raise AudioError(
        f"{source.path}: frame {frame} ({frame / source.sample_rate:.3f} s) is NaN or infinite: "
        f"export it again, or {way}"
    )


def _faded(block: Block, done: int, left: int, fade_in: int, fade_out: int) -> Block:
    """Return the block with 3t^2 - 2t^3 at the edges, ``done`` frames after the start, ``left`` before the end."""
    if done >= fade_in and left - len(block) >= fade_out:
        return block
    gain = np.ones(len(block))
    index = np.arange(len(block))
    for fade, distance in ((fade_in, index + done), (fade_out, left - 1 - index)):
        if fade:
            t = np.clip((distance + 0.5) / fade, 0.0, 1.0)
            gain *= t * t * (3.0 - 2.0 * t)
    return block * gain[:, np.newaxis]


def _resampled(blocks: Blocks, counted: _Counted, rate_in: int, rate_out: int, channels: int) -> Blocks:
    """Yield what soxr makes of the blocks, cut or filled to the exact length, which soxr may miss by a frame."""
    stream = soxr.ResampleStream(rate_in, rate_out, channels, dtype="float64", quality=QUALITY)
    # upwards a block grows: less goes in, so that what comes out stays a block
    step = max(1, min(BLOCK_FRAMES, BLOCK_FRAMES * rate_in // rate_out))
    sent = 0

    def converted() -> Blocks:
        for block in blocks:
            for start in range(0, len(block), step):
                yield stream.resample_chunk(np.ascontiguousarray(block[start : start + step]))
        if counted.frames:
            yield stream.resample_chunk(np.zeros((0, channels)), last=True)

    for block in converted():
        wanted = frames_at(counted.frames, rate_in, rate_out) - sent
        if len(block) and wanted > 0:
            yield block[:wanted]
            sent += min(wanted, len(block))
    yield from fitted(iter(()), frames_at(counted.frames, rate_in, rate_out) - sent, channels)
