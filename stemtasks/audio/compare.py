"""Where two files differ first."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np

from stemtasks.audio.source import Source
from stemtasks.errors import AudioError


def first_difference(one: Path, other: Path) -> str:
    """Return where two files differ first, in words: at a frame where both are audio of one form, else at a byte."""
    if one.suffix == ".wav":
        with contextlib.suppress(AudioError), Source(one) as left, Source(other) as right:
            start = 0
            for a, b in zip(left.blocks(), right.blocks(), strict=False):
                shared = min(len(a), len(b))
                unequal = (a[:shared] != b[:shared]).any(axis=1) if a.shape[1] == b.shape[1] else np.ones(1, dtype=bool)
                if unequal.any():
                    frame = start + int(np.argmax(unequal))
                    return f"at frame {frame} ({frame / left.sample_rate:.3f} s)"
                start += shared
            if left.frames != right.frames:
                frame = min(left.frames, right.frames)
                return f"at frame {frame} ({frame / left.sample_rate:.3f} s), where one of them ends"
    # facts are small
    left_bytes, right_bytes = one.read_bytes(), other.read_bytes()
    differing = (at for at, (x, y) in enumerate(zip(left_bytes, right_bytes, strict=False)) if x != y)
    return f"at byte {next(differing, min(len(left_bytes), len(right_bytes)))}"
