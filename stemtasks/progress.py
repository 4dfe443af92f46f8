"""What a stage may tell while it works, without knowing who listens: how far it is, and what it has started."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path

on_frames: ContextVar[Callable[[int], None] | None] = ContextVar("on_frames", default=None)
"""Called with the count of frames written so far."""

on_final: ContextVar[Callable[[Path, int, int], None] | None] = ContextVar("on_final", default=None)
"""Called with an output and a range of its bytes that follows what was final before, or begins at 0 where it is
written anew: they stay as they are, and can be read while other work goes on."""


def whole(path: Path) -> None:
    """Tell that an output is whole, from its beginning, so that it is digested while the stage measures it.

    For stages that no other task can run beside: elsewhere the second core has work.
    """
    if (final := on_final.get()) is not None:
        final(path, 0, path.stat().st_size)


process_groups: set[int] = set()
"""Process groups that jobs of this process have started and not ended, to be killed with it."""
