"""What the fmt and fact chunks of a RIFF or Wave64 file say of its samples (RIFF MCI, 1994).

Layout errors are those that make libsndfile decode noise; a block align that is zero or too small is
common, harmless and passed.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
GSM_BYTES, GSM_SAMPLES = 33, 160
G721, NMS = 0x40, 0x38  # their fmt has no samples of a block, and G.721's block align is not that of its bytes


@dataclass(frozen=True)
class Coding:
    """The fmt chunk: the bytes of a block, and the samples of a channel in it (0 where it does not say)."""

    tag: int
    channels: int
    rate_hz: int
    bytes_per_second: int
    align: int
    bits: int
    block_samples: int

    def fault(self) -> str | None:
        """Return how the bytes of a frame contradict channels and bits, or None where they do not."""
        if self.tag not in (PCM, FLOAT, EXTENSIBLE) or not self.channels or not self.bits:
            return None
        sample = (self.bits + 7) // 8
        frame = sample * self.channels
        if self._has_known_slots():
            return None
        slot, rest = divmod(self.align, self.channels)
        is_meant = (not rest and slot > 1) or self.bytes_per_second == self.align * self.rate_hz
        narrow = 0 < self.align < frame and self.align != sample and is_meant
        if self.align <= frame and not narrow:
            return None
        return (
            f"its header says {self.channels} channel{'s' * (self.channels > 1)} of {self.bits} bits, which are "
            f"{frame} bytes a frame, and {self.align} bytes a frame; repair the header or export it again"
        )

    def _has_known_slots(self) -> bool:
        """Return whether libsndfile takes the samples as 24 bits in 4 bytes; it goes by the byte rate too."""
        return (
            self.tag == PCM
            and self.bits == 24
            and self.align == 4 * self.channels
            and self.bytes_per_second == self.align * self.rate_hz
        )

    def true_frames(self, fact: int | None, data_bytes: int) -> int | None:
        """Return the frames in ``data_bytes``, or None where that cannot be known: ``fact`` must be plausible.

        Linear samples fill them (libsndfile reads a Wave64 to the file's end). A coding in blocks has as
        many as ``fact`` says, if that is no more than the blocks hold, and no less than a block fewer.
        """
        if not data_bytes:
            return None
        if self.tag in (PCM, FLOAT, EXTENSIBLE):
            frame = self.align if self._has_known_slots() else (self.bits + 7) // 8 * self.channels
            return data_bytes // frame if frame else None
        block_bytes, samples = {G721: (60, 120), NMS: (self.align, 160)}.get(self.tag, (self.align, self.block_samples))
        if fact is None or samples < 2 or not block_bytes:
            return None
        decoded = -(-data_bytes // block_bytes) * samples
        return fact if max(1, decoded - samples) <= fact <= decoded else None


def read_coding(body: bytes, order: str) -> Coding | None:
    """Return what a fmt chunk says; ``order`` is '<' or '>'."""
    if len(body) < 16:
        return None
    tag, channels, rate_hz, bytes_per_second, align, bits = struct.unpack(order + "HHIIHH", body[:16])
    extra = struct.unpack(order + "H", body[18:20])[0] if len(body) >= 20 and tag != EXTENSIBLE else 0
    return Coding(tag, channels, rate_hz, bytes_per_second, align, bits, extra)


def gsm_fault(common: bytes, data_bytes: int) -> str | None:
    """Return how the COMM chunk of an AIFC file contradicts the blocks of GSM 6.10 in its SSND, or None.

    libsndfile reads as many frames as COMM says; of all other codings, what the audio chunk holds.
    """
    if common[18:22] != b"GSM ":
        return None
    stated, there = int.from_bytes(common[2:6], "big"), (data_bytes - 8) // GSM_BYTES * GSM_SAMPLES
    if stated > there - GSM_SAMPLES:
        return None
    return (
        f"its header says {stated} frames, but {there} are there, and the rest would be lost; "
        "repair the header or export it again"
    )
